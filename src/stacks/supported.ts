import { buildKeys, buildNotes } from "./compose/build-keys.ts";
import {
  deployKeys,
  deployNotes,
  limitKeys,
  reservationKeys,
  reservationNotes,
  restartPolicyKeys,
} from "./compose/deploy-keys.ts";
import {
  configKeys,
  configNotes,
  networkKeys,
  networkNotes,
  projectKeys,
  projectNotes,
  secretKeys,
  secretNotes,
  subnetKeys,
  volumeKeys,
  volumeNotes,
} from "./compose/project-keys.ts";
import type { KeyNotes, Keys } from "./compose/readers.ts";
import { extensionKeys, loggingKeys, serviceKeys, serviceNotes } from "./compose/service-keys.ts";
import { endpointKeys, endpointNotes, healthcheckKeys } from "./compose/service-values.ts";

export interface SupportedKey {
  /** `services.NAME`, empty for the top level. */
  readonly section: string;
  readonly key: string;
  readonly support: "yes" | "no effect" | "no";
  readonly note: string;
}

const sections: readonly (readonly [string, Keys, KeyNotes])[] = [
  ["", { ...projectKeys, include: () => undefined }, projectNotes],
  ["services.NAME", { ...serviceKeys, extends: () => undefined }, serviceNotes],
  [
    "services.NAME.x-virga",
    extensionKeys,
    {
      notes: {
        "restart-unhealthy":
          "restarts a container whose health check fails (label `virga.restart-unhealthy`)",
      },
    },
  ],
  ["services.NAME.build", buildKeys, buildNotes],
  ["services.NAME.deploy", deployKeys, deployNotes],
  ["services.NAME.deploy.resources.limits", limitKeys, {}],
  ["services.NAME.deploy.resources.reservations", reservationKeys, reservationNotes],
  ["services.NAME.deploy.restart_policy", restartPolicyKeys, {}],
  ["services.NAME.healthcheck", healthcheckKeys, {}],
  ["services.NAME.logging", loggingKeys, {}],
  ["services.NAME.networks.NETWORK", endpointKeys, endpointNotes],
  ["networks.NAME", networkKeys, networkNotes],
  ["networks.NAME.ipam.config[]", subnetKeys, {}],
  ["volumes.NAME", volumeKeys, volumeNotes],
  ["secrets.NAME", secretKeys, secretNotes],
  ["configs.NAME", configKeys, configNotes],
];

/** Every key of the Compose specification that is known, by section and then by name. */
export function supportedKeys(): SupportedKey[] {
  return sections.flatMap(([section, keys, about]) => {
    const rows = [
      ...Object.keys(keys).map((key) => ({
        section,
        key,
        support: "yes" as const,
        note: about.notes?.[key] ?? "",
      })),
      ...Object.entries(about.hints ?? {}).map(([key, note]) => ({
        section,
        key,
        support: "no effect" as const,
        note,
      })),
      ...Object.entries(about.refused ?? {}).map(([key, note]) => ({
        section,
        key,
        support: "no" as const,
        note,
      })),
    ];
    return rows.toSorted((a, b) => a.key.localeCompare(b.key));
  });
}

const marks = { yes: "yes", "no effect": "accepted, without effect", no: "refused" } as const;

/** The tables of docs/stacks.md, as Markdown; tools/generate.ts puts them there. */
export function supportedKeysMarkdown(): string {
  const rows = supportedKeys();
  return sections
    .map(([section]) => {
      const title = section === "" ? "top level" : `\`${section}\``;
      const lines = rows
        .filter((row) => row.section === section)
        .map(
          ({ key, support, note }) => `| \`${key}\` | ${marks[support]} | ${note.replaceAll("|", "\\|")} |`,
        );
      return [`### ${title}`, "", "| key | support | remark |", "|---|---|---|", ...lines].join("\n");
    })
    .join("\n\n")
    .concat("\n");
}

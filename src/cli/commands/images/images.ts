import { formatBytes, shortId } from "../../../base/index.ts";
import type { DockerClient, HistoryEntry, ImageSummary } from "../../../api/client/docker/index.ts";
import { jsonOption, quietOption, type Command } from "../../command.ts";
import { engineOf } from "../../connection.ts";
import { each } from "../../each.ts";
import { filterOption, filtersOf } from "../../filters.ts";
import { named } from "../../nearest-name.ts";
import { table } from "../../output.ts";
import { splitTag } from "../../pull.ts";
import { print, printJson } from "../../terminal.ts";
import { ago } from "../../time.ts";

const noTrunc = { "no-trunc": { type: "boolean", help: "show ids in full" } } as const;

/** An image's name as a part of a path: its slashes stay. */
export function imagePath(name: string): string {
  return name.split("/").map(encodeURIComponent).join("/");
}

export const images: Command = {
  name: "images",
  summary: "List images",
  usage: "[IMAGE]",
  arguments: { max: 1 },
  options: {
    all: { type: "boolean", short: "a", help: "also those that only other images build on" },
    digests: { type: "boolean", help: "show digests" },
    ...filterOption,
    ...noTrunc,
    quiet: { type: "boolean", short: "q", help: "print ids only" },
    ...jsonOption,
  },
  completes: ["image"],
  async run(invocation) {
    const [reference] = invocation.arguments;
    const filters = [
      ...invocation.texts("filter"),
      ...(reference === undefined ? [] : [`reference=${reference}`]),
    ];
    const found = await engineOf(invocation.root).images({
      all: invocation.flag("all") || undefined,
      filters: filtersOf(filters),
    });
    const idOf = (image: ImageSummary) => (invocation.flag("no-trunc") ? image.Id : shortId(image.Id));
    if (invocation.flag("json")) printJson(found);
    else if (invocation.flag("quiet")) print([...new Set(found.map(idOf))].join("\n"));
    else {
      const digests = invocation.flag("digests");
      const rows = found.flatMap((image) =>
        namesOf(image).map((name) => [
          name,
          idOf(image),
          ago(image.Created),
          formatBytes(image.Size),
          ...(digests ? [image.RepoDigests?.[0]?.split("@")[1] ?? ""] : []),
        ]),
      );
      print(table(["IMAGE", "ID", "CREATED", "SIZE", ...(digests ? ["DIGEST"] : [])], rows));
    }
    return 0;
  },
};

function namesOf(image: ImageSummary): readonly string[] {
  return image.RepoTags && image.RepoTags.length > 0 ? image.RepoTags : ["<none>"];
}

export const tag: Command = {
  name: "tag",
  summary: "Give an image one more name",
  usage: "IMAGE NEW-NAME[:TAG]",
  arguments: { min: 2, max: 2 },
  options: {},
  completes: ["image", "image"],
  async run(invocation) {
    const docker = engineOf(invocation.root);
    const [image = "", target = ""] = invocation.arguments;
    const { name: repo, tag = "latest" } = splitTag(target);
    await named(docker, "image", image, () =>
      docker.transport.request("POST", `/images/${imagePath(image)}/tag`, { query: { repo, tag } }),
    );
    return 0;
  },
};

interface Removed {
  readonly Untagged?: string;
  readonly Deleted?: string;
}

export const rmi: Command = {
  name: "rmi",
  summary: "Remove images",
  usage: "IMAGE...",
  arguments: { min: 1 },
  options: {
    force: {
      type: "boolean",
      short: "f",
      help: "also when stopped containers use it; no error when it is gone",
    },
    "no-prune": { type: "boolean", help: "keep the images below it that have no name" },
    ...jsonOption,
  },
  completes: ["image"],
  async run(invocation) {
    const docker = engineOf(invocation.root);
    const removed: Removed[] = [];
    const code = await each(invocation.arguments, async (name) => {
      const list = await removeImage(docker, name, {
        force: invocation.flag("force") || undefined,
        noprune: invocation.flag("no-prune") || undefined,
      });
      removed.push(...list);
      if (!invocation.flag("json")) print(list.map(removalText).join("\n"));
    });
    if (invocation.flag("json")) printJson(removed);
    return code;
  },
};

function removeImage(
  docker: DockerClient,
  name: string,
  query: { readonly force: true | undefined; readonly noprune: true | undefined },
): Promise<readonly Removed[]> {
  return named(docker, "image", name, () =>
    docker.transport.json("DELETE", `/images/${imagePath(name)}`, { query }),
  );
}

function removalText({ Untagged, Deleted }: Removed): string {
  return Untagged === undefined ? `deleted ${Deleted}` : `untagged ${Untagged}`;
}

export const history: Command = {
  name: "history",
  summary: "Show what an image was made by, newest step first",
  usage: "IMAGE",
  arguments: { min: 1, max: 1 },
  options: { ...noTrunc, ...quietOption, ...jsonOption },
  completes: ["image"],
  async run(invocation) {
    const docker = engineOf(invocation.root);
    const [name = ""] = invocation.arguments;
    const entries = await named(docker, "image", name, () =>
      docker.transport.json<readonly HistoryEntry[]>("GET", `/images/${imagePath(name)}/history`),
    );
    const full = invocation.flag("no-trunc");
    const idOf = ({ Id }: HistoryEntry) => (full || Id === "<missing>" ? Id : shortId(Id));
    if (invocation.flag("json")) printJson(entries);
    else if (invocation.flag("quiet")) print(entries.map(idOf).join("\n"));
    else {
      const rows = entries.map((one) => [
        idOf(one),
        ago(one.Created),
        stepText(one.CreatedBy, full),
        formatBytes(one.Size),
        one.Comment,
      ]);
      print(table(["ID", "CREATED", "STEP", "SIZE", "COMMENT"], rows));
    }
    return 0;
  },
};

function stepText(text: string, full: boolean): string {
  const line = text.replaceAll(/\s+/g, " ");
  return full || line.length <= 60 ? line : `${line.slice(0, 59)}…`;
}

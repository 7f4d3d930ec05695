import { fail } from "../../../base/index.ts";
import { part } from "../../../api/client/docker/index.ts";
import { jsonOption, type Command } from "../../command.ts";
import { engineOf } from "../../connection.ts";
import { named } from "../../nearest-name.ts";
import { table } from "../../output.ts";
import { print, printJson } from "../../terminal.ts";

export const top: Command = {
  name: "top",
  summary: "List the processes of a container",
  usage: "CONTAINER [PS-OPTIONS]",
  options: jsonOption,
  arguments: { min: 1 },
  restAfter: 1,
  completes: ["running", "nothing"],
  async run(invocation) {
    const docker = engineOf(invocation.root);
    const [name = "", ...psOptions] = invocation.arguments;
    const { Titles, Processes } = await named(docker, "container", name, () =>
      docker.transport.json<{ readonly Titles: string[]; readonly Processes: string[][] | null }>(
        "GET",
        `/containers/${part(name)}/top`,
        { query: { ps_args: psOptions.length === 0 ? undefined : psOptions.join(" ") } },
      ),
    );
    const rows = Processes ?? [];
    if (invocation.flag("json")) {
      printJson(rows.map((row) => Object.fromEntries(Titles.map((title, at) => [title, row[at] ?? ""]))));
    } else print(table(Titles, rows));
    return 0;
  },
};

export const port: Command = {
  name: "port",
  summary: "Show where the ports of a container are published",
  usage: "CONTAINER [PORT[/PROTOCOL]]",
  options: jsonOption,
  arguments: { min: 1, max: 2 },
  completes: ["running", "nothing"],
  async run(invocation) {
    const docker = engineOf(invocation.root);
    const [name = "", wanted] = invocation.arguments;
    const detail = await named(docker, "container", name, () => docker.container(name));
    const key = wanted === undefined || wanted.includes("/") ? wanted : `${wanted}/tcp`;
    const published = Object.entries(detail.NetworkSettings.Ports ?? {}).flatMap(([port, bindings]) =>
      (bindings ?? []).map(({ HostIp, HostPort }) => ({ port, hostIp: HostIp, hostPort: Number(HostPort) })),
    );
    const shown = published.filter((one) => key === undefined || one.port === key);
    if (key !== undefined && shown.length === 0) {
      throw fail("not-found", "container.port-not-published", `${name} does not publish port ${key}`, {
        hint: `virga port ${name}`,
      });
    }
    if (invocation.flag("json")) printJson(shown);
    else
      print(
        shown.map((one) => (key === undefined ? `${one.port} -> ${placeOf(one)}` : placeOf(one))).join("\n"),
      );
    return 0;
  },
};

function placeOf({ hostIp, hostPort }: { readonly hostIp: string; readonly hostPort: number }): string {
  return `${hostIp.includes(":") ? `[${hostIp}]` : hostIp}:${hostPort}`;
}

const kinds = ["modified", "added", "deleted"] as const;
const letters = { modified: "C", added: "A", deleted: "D" } as const;

export const diff: Command = {
  name: "diff",
  summary: "List what a container has changed in its image's files: A added, C changed, D deleted",
  usage: "CONTAINER",
  options: jsonOption,
  arguments: { min: 1, max: 1 },
  completes: ["container"],
  async run(invocation) {
    const docker = engineOf(invocation.root);
    const [name = ""] = invocation.arguments;
    const found = await named(docker, "container", name, () =>
      docker.transport.json<readonly { readonly Path: string; readonly Kind: 0 | 1 | 2 }[] | null>(
        "GET",
        `/containers/${part(name)}/changes`,
      ),
    );
    const changes = (found ?? []).map(({ Path, Kind }) => ({ path: Path, kind: kinds[Kind] }));
    if (invocation.flag("json")) printJson(changes);
    else print(changes.map(({ path, kind }) => `${letters[kind]} ${path}`).join("\n"));
    return 0;
  },
};

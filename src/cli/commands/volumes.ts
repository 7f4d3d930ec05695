import { formatBytes } from "../../base/index.ts";
import { part } from "../../api/client/docker/index.ts";
import { jsonOption, quietOption, type Command } from "../command.ts";
import { engineOf } from "../connection.ts";
import { eachNamed } from "../each.ts";
import { filterOption, filtersOf } from "../filters.ts";
import { named } from "../nearest-name.ts";
import { table } from "../output.ts";
import { print, printJson } from "../terminal.ts";
import { ago } from "../time.ts";
import { labelPair, pairs } from "../values.ts";
import { inspectAll, inspectOne } from "./inspect.ts";
import { confirmed, pruneOptions } from "./prune.ts";

export const list: Command = {
  name: "volume ls",
  summary: "List volumes",
  usage: "",
  arguments: { max: 0 },
  options: { ...filterOption, ...quietOption, ...jsonOption },
  async run(invocation) {
    const volumes = await engineOf(invocation.root).volumes({
      filters: filtersOf(invocation.texts("filter")),
    });
    if (invocation.flag("json")) printJson(volumes);
    else if (invocation.flag("quiet")) print(volumes.map((one) => one.Name).join("\n"));
    else {
      const rows = volumes.map((one) => [
        one.Name,
        one.Driver,
        one.CreatedAt === undefined ? "" : ago(one.CreatedAt),
        one.Labels?.["com.docker.compose.project"] ?? "",
      ]);
      print(table(["NAME", "DRIVER", "CREATED", "STACK"], rows));
    }
    return 0;
  },
};

export const create: Command = {
  name: "volume create",
  summary: "Make a volume",
  usage: "[VOLUME]",
  arguments: { max: 1 },
  options: {
    driver: { type: "string", short: "d", value: "NAME", help: "local (the default)" },
    label: { type: "string", multiple: true, value: "KEY[=VALUE]", help: "set a label" },
    opt: {
      type: "string",
      short: "o",
      multiple: true,
      value: "KEY=VALUE",
      help: "an option of the driver: type=tmpfs",
    },
    name: { type: "string", value: "NAME", help: "the same as the argument" },
    ...jsonOption,
  },
  completes: ["nothing"],
  async run(invocation) {
    const name = invocation.arguments[0] ?? invocation.text("name");
    const docker = engineOf(invocation.root, { start: true });
    const volume = await docker.transport.json<{ readonly Name: string }>("POST", "/volumes/create", {
      json: {
        ...(name === undefined ? {} : { Name: name }),
        Driver: invocation.text("driver") ?? "local",
        DriverOpts: pairs("opt", invocation.texts("opt")),
        Labels: Object.fromEntries(invocation.texts("label").map(labelPair)),
      },
    });
    if (invocation.flag("json")) printJson(volume);
    else print(volume.Name);
    return 0;
  },
};

export const inspect: Command = {
  name: "volume inspect",
  summary: "Print everything about volumes as JSON",
  usage: "VOLUME...",
  arguments: { min: 1 },
  options: { json: { type: "boolean", help: "it is JSON anyway" } },
  completes: ["volume"],
  run(invocation) {
    const docker = engineOf(invocation.root);
    return inspectAll(invocation.arguments, (name) => inspectOne(docker, ["volume"], name));
  },
};

export const remove: Command = {
  name: "volume rm",
  summary: "Remove volumes: their data is lost",
  usage: "VOLUME...",
  arguments: { min: 1 },
  options: { force: { type: "boolean", short: "f", help: "no error when it is not there" }, ...jsonOption },
  completes: ["volume"],
  run(invocation) {
    const docker = engineOf(invocation.root);
    const query = { force: invocation.flag("force") || undefined };
    return eachNamed(invocation, invocation.arguments, async (name) => {
      await named(docker, "volume", name, () =>
        docker.transport.request("DELETE", `/volumes/${part(name)}`, { query }),
      );
    });
  },
};

export const prune: Command = {
  name: "volume prune",
  summary: "Remove anonymous volumes that no container uses; with --all the named ones too",
  usage: "",
  arguments: { max: 0 },
  options: {
    all: { type: "boolean", short: "a", help: "named volumes too: their data is lost" },
    ...pruneOptions,
  },
  async run(invocation) {
    const all = invocation.flag("all");
    const what = all ? "all volumes that no container uses" : "anonymous volumes that no container uses";
    if (!(await confirmed(invocation, what))) return 1;
    const filters = [...invocation.texts("filter"), ...(all ? ["all=true"] : [])];
    const result = await engineOf(invocation.root).transport.json<{
      readonly VolumesDeleted: string[] | null;
      readonly SpaceReclaimed: number;
    }>("POST", "/volumes/prune", { query: { filters: filtersOf(filters) } });
    if (invocation.flag("json")) printJson(result);
    else print([...(result.VolumesDeleted ?? []), `freed ${formatBytes(result.SpaceReclaimed)}`].join("\n"));
    return 0;
  },
};

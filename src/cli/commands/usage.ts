import { fail, formatBytes } from "../../base/index.ts";
import type { WirePruneReport } from "../../api/client/index.ts";
import type { DiskUsage } from "../../api/client/docker/index.ts";
import { jsonOption, type Command, type Invocation } from "../command.ts";
import { engineOf, needDaemon } from "../connection.ts";
import { table } from "../output.ts";
import { isTerminal, print, printJson, tell } from "../terminal.ts";
import { secondsOf } from "./containers/logs.ts";
import { confirmed } from "./prune.ts";

interface Info {
  readonly ServerVersion: string;
  readonly Containers: number;
  readonly ContainersRunning: number;
  readonly ContainersPaused: number;
  readonly ContainersStopped: number;
  readonly Images: number;
  readonly Driver: string;
  readonly DockerRootDir: string;
  readonly DefaultRuntime: string;
  readonly Runtimes: Readonly<Record<string, unknown>>;
  readonly CgroupVersion: string;
  readonly KernelVersion: string;
  readonly OperatingSystem: string;
  readonly Architecture: string;
  readonly NCPU: number;
  readonly MemTotal: number;
  readonly Warnings: readonly string[] | null;
}

export const info: Command = {
  name: "system info",
  summary: "Show what the engine has and what this machine is",
  usage: "",
  arguments: { max: 0 },
  options: jsonOption,
  async run(invocation) {
    const found = await engineOf(invocation.root).transport.json<Info>("GET", "/info");
    if (invocation.flag("json")) {
      printJson(found);
      return 0;
    }
    const { ContainersRunning, ContainersPaused, ContainersStopped } = found;
    const rows = [
      ["version", `virga ${found.ServerVersion}`],
      ["root", found.DockerRootDir],
      [
        "containers",
        `${found.Containers}: ${ContainersRunning} running, ${ContainersPaused} paused, ${ContainersStopped} stopped`,
      ],
      ["images", String(found.Images)],
      ["runtimes", `${Object.keys(found.Runtimes).join(", ")}; default ${found.DefaultRuntime}`],
      ["storage", found.Driver],
      ["system", `${found.OperatingSystem}, ${found.Architecture}, kernel ${found.KernelVersion}`],
      [
        "machine",
        `${found.NCPU} CPUs, ${formatBytes(found.MemTotal)} of memory, cgroup v${found.CgroupVersion}`,
      ],
    ];
    print(rows.map(([name = "", value = ""]) => `${name.padEnd(12)}${value}`).join("\n"));
    for (const warning of found.Warnings ?? []) tell(warning);
    return 0;
  },
};

export const diskUsage: Command = {
  name: "system df",
  summary: "Show what takes space on the disk, and how much of it prune would free",
  usage: "",
  arguments: { max: 0 },
  options: {
    verbose: { type: "boolean", short: "v", help: "each image, container and volume" },
    ...jsonOption,
  },
  async run(invocation) {
    const usage = await engineOf(invocation.root).transport.json<DiskUsage>("GET", "/system/df");
    if (invocation.flag("json")) printJson(usage);
    else print(invocation.flag("verbose") ? everything(usage) : summary(usage));
    return 0;
  },
};

function summary(usage: DiskUsage): string {
  const containers = usage.Containers ?? [];
  const volumes = usage.Volumes ?? [];
  const images = usage.Images ?? [];
  const cache = usage.BuildCache ?? [];
  const sum = (sizes: readonly number[]) => sizes.reduce((total, size) => total + Math.max(0, size), 0);
  const unused = images.filter((one) => (one.Containers ?? 0) <= 0);
  const stopped = containers.filter((one) => one.State !== "running" && one.State !== "paused");
  const free = volumes.filter((one) => (one.UsageData?.RefCount ?? 0) === 0);
  const row = (name: string, all: readonly unknown[], inUse: number, size: number, freeable: number) => [
    name,
    String(all.length),
    String(inUse),
    formatBytes(size),
    formatBytes(freeable),
  ];
  return table(
    ["KIND", "TOTAL", "IN USE", "SIZE", "UNUSED"],
    [
      row(
        "images",
        images,
        images.length - unused.length,
        usage.LayersSize ?? 0,
        sum(unused.map((one) => one.Size - Math.max(0, one.SharedSize ?? 0))),
      ),
      row(
        "containers",
        containers,
        containers.length - stopped.length,
        sum(containers.map((one) => one.SizeRw ?? 0)),
        sum(stopped.map((one) => one.SizeRw ?? 0)),
      ),
      row(
        "volumes",
        volumes,
        volumes.length - free.length,
        sum(volumes.map((one) => one.UsageData?.Size ?? 0)),
        sum(free.map((one) => one.UsageData?.Size ?? 0)),
      ),
      row(
        "build cache",
        cache,
        cache.filter((one) => one.InUse).length,
        sum(cache.map((one) => one.Size)),
        sum(cache.filter((one) => !one.InUse).map((one) => one.Size)),
      ),
    ],
  );
}

function everything(usage: DiskUsage): string {
  const images = (usage.Images ?? []).map((one) => [
    "image",
    one.RepoTags?.[0] ?? one.Id.slice(7, 19),
    formatBytes(one.Size),
    (one.Containers ?? 0) > 0 ? "yes" : "",
  ]);
  const containers = (usage.Containers ?? []).map((one) => [
    "container",
    (one.Names[0] ?? "").replace(/^\//, ""),
    formatBytes(one.SizeRw ?? 0),
    one.State === "running" ? "yes" : "",
  ]);
  const volumes = (usage.Volumes ?? []).map((one) => [
    "volume",
    one.Name,
    formatBytes(one.UsageData?.Size ?? 0),
    (one.UsageData?.RefCount ?? 0) > 0 ? "yes" : "",
  ]);
  return table(["KIND", "NAME", "SIZE", "IN USE"], [...images, ...containers, ...volumes]);
}

export const prune: Command = {
  name: "prune",
  summary: "Say what nothing uses any more and how much it takes; remove it when you agree",
  usage: "",
  arguments: { max: 0 },
  options: {
    plan: { type: "boolean", help: "only say what would go", alias: "dry-run" },
    force: { type: "boolean", short: "f", help: "without asking", alias: "yes" },
    all: { type: "boolean", short: "a", help: "also images with a name, and the whole build cache" },
    volumes: { type: "boolean", help: "also volumes without a name that no container uses" },
    until: {
      type: "string",
      value: "TIME",
      help: "only what was made before a time, or longer ago than 24h",
    },
    ...jsonOption,
  },
  details: `What goes: containers that do not run, networks without containers, images without a name, build cache that nothing uses.
What you agree to is what goes, and nothing that came meanwhile.`,
  async run(invocation) {
    const client = await needDaemon(invocation.root);
    const options = pruneRequest(invocation);
    const plan = await client.prune({ ...options, plan: true });
    const json = invocation.flag("json");
    if (invocation.flag("plan")) {
      if (json) printJson(plan);
      else print(reportText(plan));
      return 0;
    }
    if (plan.items.length === 0) {
      if (json) printJson(plan);
      else print("nothing to remove");
      return 0;
    }
    if (!invocation.flag("force") && isTerminal(2)) tell(reportText(plan));
    const what = plan.items.length === 1 ? "this" : `these ${plan.items.length}`;
    if (!(await confirmed(invocation, what))) return 1;
    const only = plan.items.map((one) => `${one.kind} ${one.id}`);
    const done = await client.prune({ ...options, only });
    if (json) printJson(done);
    else print(reportText(done));
    return 0;
  },
};

function pruneRequest(invocation: Invocation) {
  const until = invocation.text("until");
  if (until !== undefined && invocation.flag("volumes")) {
    throw fail("invalid", "cli.usage", "--until says nothing about volumes", { hint: "virga prune --help" });
  }
  return {
    ...(invocation.flag("all") ? { all: true } : {}),
    ...(invocation.flag("volumes") ? { volumes: true } : {}),
    ...(until === undefined
      ? {}
      : { until: new Date(Number(secondsOf(until, "until")) * 1000).toISOString() }),
  };
}

function reportText(report: WirePruneReport): string {
  if (report.items.length === 0) return "nothing to remove";
  const rows = report.items.map((one) => [one.kind, one.name, formatBytes(one.bytes)]);
  const verb = report.planned ? "would free" : "freed";
  return `${table(["KIND", "NAME", "SIZE"], rows)}\n${verb} ${formatBytes(report.bytes)}`;
}

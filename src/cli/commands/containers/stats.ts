import { formatBytes, isVirgaError, shortId } from "../../../base/index.ts";
import {
  part,
  type CpuSample,
  type DockerClient,
  type StatsSample,
} from "../../../api/client/docker/index.ts";
import type { Command, Invocation } from "../../command.ts";
import { engineOf } from "../../connection.ts";
import { named } from "../../nearest-name.ts";
import { table } from "../../output.ts";
import { isTerminal, print } from "../../terminal.ts";
import { untilInterrupted } from "./logs.ts";

export const stats: Command = {
  name: "stats",
  summary: "Show what containers use of CPU, memory, network and disk, again and again",
  usage: "[CONTAINER...]",
  options: {
    all: { type: "boolean", short: "a", help: "also those that do not run" },
    "no-stream": { type: "boolean", help: "once" },
    "no-trunc": { type: "boolean", help: "show ids in full" },
    json: { type: "boolean", help: "print a JSON object a line: bytes, and CPU in percent of one CPU" },
  },
  completes: ["running"],
  async run(invocation) {
    const docker = engineOf(invocation.root);
    // A wrong name is told before anything is measured.
    for (const name of invocation.arguments) {
      await named(docker, "container", name, () => docker.container(name));
    }
    const once = invocation.flag("no-stream");
    return await untilInterrupted(async (signal) => {
      using screen = await createScreen(!once && !invocation.flag("json") && isTerminal(1));
      for (;;) {
        // Each answer takes the daemon the second that it measures over.
        const usages = await measure(docker, invocation, signal);
        if (invocation.flag("json")) print(usages.map((one) => JSON.stringify(one)).join("\n"));
        else screen.show(tableOf(usages, invocation.flag("no-trunc")));
        if (once || signal.aborted) return;
        if (usages.length === 0) await Bun.sleep(1000);
      }
    });
  },
};

interface Usage {
  readonly id: string;
  readonly name: string;
  readonly cpuPercent: number;
  readonly memory: number;
  readonly memoryLimit: number;
  readonly networkReceived: number;
  readonly networkSent: number;
  readonly diskRead: number;
  readonly diskWritten: number;
  readonly processes: number;
}

async function measure(docker: DockerClient, invocation: Invocation, signal: AbortSignal): Promise<Usage[]> {
  const all = invocation.flag("all");
  const names =
    invocation.arguments.length > 0
      ? invocation.arguments
      : (await docker.containers({ all: all || undefined })).map((one) => one.Id);
  const samples = await Promise.all(names.map((name) => sampleOf(docker, name, signal).catch(goneIsNothing)));
  return samples.flatMap((sample) => (sample === undefined ? [] : [usageOf(sample)]));
}

function sampleOf(docker: DockerClient, name: string, signal: AbortSignal): Promise<StatsSample> {
  return docker.transport.json("GET", `/containers/${part(name)}/stats`, {
    query: { stream: false },
    signal,
  });
}

/** A container that is removed while it is measured. */
function goneIsNothing(error: unknown): undefined {
  if (!isVirgaError(error, "not-found")) throw error;
}

export function usageOf(sample: StatsSample): Usage {
  const networks = Object.values(sample.networks ?? {});
  const memory = sample.memory_stats;
  const files = memory.stats?.["inactive_file"] ?? memory.stats?.["total_inactive_file"] ?? 0;
  const disk = (op: string) =>
    (sample.blkio_stats.io_service_bytes_recursive ?? [])
      .filter((one) => one.op.toLowerCase() === op)
      .reduce((sum, one) => sum + one.value, 0);
  return {
    id: sample.id,
    name: sample.name.replace(/^\//, ""),
    cpuPercent: cpuPercent(sample.cpu_stats, sample.precpu_stats),
    memory: Math.max(0, (memory.usage ?? 0) - files),
    memoryLimit: memory.limit ?? 0,
    networkReceived: networks.reduce((sum, one) => sum + one.rx_bytes, 0),
    networkSent: networks.reduce((sum, one) => sum + one.tx_bytes, 0),
    diskRead: disk("read"),
    diskWritten: disk("write"),
    processes: sample.pids_stats.current ?? 0,
  };
}

/** Of one CPU: two busy CPUs are 200. */
function cpuPercent(now: CpuSample, before: CpuSample): number {
  const used = now.cpu_usage.total_usage - before.cpu_usage.total_usage;
  const whole = (now.system_cpu_usage ?? 0) - (before.system_cpu_usage ?? 0);
  if (used <= 0 || whole <= 0) return 0;
  return Math.round((used / whole) * (now.online_cpus ?? 1) * 10_000) / 100;
}

function tableOf(usages: readonly Usage[], full: boolean): string {
  const rows = usages.map((one) => [
    one.name,
    full ? one.id : shortId(one.id),
    `${one.cpuPercent.toFixed(2)} %`,
    `${formatBytes(one.memory)} of ${formatBytes(one.memoryLimit)}`,
    `${formatBytes(one.networkReceived)} / ${formatBytes(one.networkSent)}`,
    `${formatBytes(one.diskRead)} / ${formatBytes(one.diskWritten)}`,
    String(one.processes),
  ]);
  return table(["NAME", "ID", "CPU", "MEMORY", "NETWORK IN / OUT", "DISK READ / WRITTEN", "PROCESSES"], rows);
}

interface ShownInPlace extends Disposable {
  show(text: string): void;
}

async function createScreen(inPlace: boolean): Promise<ShownInPlace> {
  if (!inPlace) return { show: print, [Symbol.dispose]() {} };
  const { createLogUpdate } = await import("log-update");
  const region = createLogUpdate(process.stdout);
  return { show: (text) => region(text.trimEnd()), [Symbol.dispose]: () => region.done() };
}

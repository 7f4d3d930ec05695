import { availableParallelism, cpus } from "node:os";
import { readFileSync } from "node:fs";
import { isVirgaError } from "../../../base/index.ts";
import type { Container, Containers } from "../../../containers/index.ts";
import { createRouter, pathParameter, type ApiRouter } from "../http/context.ts";
import { flag } from "../http/query.ts";
import { jsonLine, streamed } from "../http/streams.ts";
import { holds, quirks } from "../quirks.ts";
import type { ContainersBackend } from "./backend.ts";
import { zeroTime } from "./status.ts";

type Reading = Awaited<ReturnType<Containers["stats"]>>;

/** A reading, and the machine's own CPU time at the same moment. */
interface Sample {
  readonly reading: Reading;
  readonly systemNs: number;
}

const intervalMs = 1000;

/** GET /containers/{id}/stats: one object a second, or one alone; each with the sample before it. */
export function statsRoutes(backend: ContainersBackend): ApiRouter {
  const routes = createRouter();
  routes.get("/containers/:id/stats", (c) => {
    const { id } = backend.containers.get(pathParameter(c, "id"));
    const stream = flag(c, "stream", true);
    const oneShot = flag(c, "one-shot") && holds(quirks.oneShotStats, c.get("version"));
    return streamed(c, "application/json", async function* (signal) {
      let before: Sample | undefined;
      if (!stream && !oneShot) {
        before = await sample(backend, id);
        if (before !== undefined) await backend.clock.sleep(intervalMs, signal);
      }
      while (!signal.aborted) {
        const container = find(backend, id);
        if (container === undefined) return;
        const now = await sample(backend, id);
        yield jsonLine(encodeStats(container, now, before));
        if (!stream) return;
        before = now;
        await backend.clock.sleep(intervalMs, signal);
      }
    });
  });
  return routes;
}

function find(backend: ContainersBackend, id: string): Container | undefined {
  try {
    return backend.containers.get(id);
  } catch (error) {
    if (isVirgaError(error, "not-found")) return undefined;
    throw error;
  }
}

/** Undefined while the container does not run. */
async function sample(backend: ContainersBackend, id: string): Promise<Sample | undefined> {
  try {
    const reading = await backend.containers.stats(id);
    return { reading, systemNs: systemCpuNs() };
  } catch (error) {
    if (isVirgaError(error, "conflict") || isVirgaError(error, "not-found")) return undefined;
    throw error;
  }
}

/** The machine's CPU time, idle included, from /proc/stat (proc_stat(5): the first eight numbers, in 1/100 s). */
function systemCpuNs(): number {
  const line = readFileSync("/proc/stat", "utf8").split("\n", 1)[0] ?? "";
  const ticks = line.trim().split(/\s+/).slice(1, 9).map(Number); // prettier-ignore
  return ticks.reduce((sum, one) => sum + one, 0) * 10_000_000;
}

export function encodeStats(container: Container, now: Sample | undefined, before: Sample | undefined) {
  const reading = now?.reading;
  return {
    name: `/${container.name}`,
    id: container.id,
    os_type: "linux",
    read: reading?.readAt.toISOString() ?? zeroTime,
    preread: before?.reading.readAt.toISOString() ?? zeroTime,
    num_procs: 0,
    pids_stats:
      reading === undefined
        ? {}
        : { current: reading.pids, ...(reading.pidsLimit === undefined ? {} : { limit: reading.pidsLimit }) },
    cpu_stats: encodeCpu(now),
    precpu_stats: encodeCpu(before),
    memory_stats: reading === undefined ? {} : encodeMemory(reading),
    blkio_stats: {
      ...noBlockIo,
      io_service_bytes_recursive: reading?.blockIo ?? null,
      io_serviced_recursive: reading?.version1?.blockOperations ?? null,
    },
    storage_stats: {},
    ...(reading === undefined ? {} : { networks: encodeNetworks(reading) }),
  };
}

const noBlockIo = {
  io_queue_recursive: null,
  io_service_time_recursive: null,
  io_wait_time_recursive: null,
  io_merged_recursive: null,
  io_time_recursive: null,
  sectors_recursive: null,
};

function encodeCpu(of: Sample | undefined) {
  const reading = of?.reading;
  return {
    cpu_usage: {
      total_usage: Number(reading?.cpuTotalNs ?? 0n),
      ...(reading?.version1 === undefined ? {} : { percpu_usage: reading.version1.cpuPerCoreNs }),
      usage_in_kernelmode: Number(reading?.cpuSystemNs ?? 0n),
      usage_in_usermode: Number(reading?.cpuUserNs ?? 0n),
    },
    ...(of === undefined
      ? {}
      : { system_cpu_usage: of.systemNs, online_cpus: cpus().length || availableParallelism() }),
    throttling_data: {
      periods: reading?.throttled.periods ?? 0,
      throttled_periods: reading?.throttled.throttledPeriods ?? 0,
      throttled_time: Number(reading?.throttled.throttledNs ?? 0n),
    },
  };
}

function encodeMemory(reading: Reading) {
  const { version1, memoryDetail } = reading;
  return {
    usage: reading.memoryBytes,
    limit: reading.memoryLimitBytes ?? machineMemory(),
    stats: memoryDetail,
    ...(version1 === undefined
      ? {}
      : { max_usage: version1.memoryPeakBytes, failcnt: version1.memoryFailures }),
  };
}

function machineMemory(): number {
  const kilobytes = /^MemTotal:\s+(\d+)/m.exec(readFileSync("/proc/meminfo", "utf8"))?.[1];
  return Number(kilobytes ?? 0) * 1024;
}

function encodeNetworks(reading: Reading) {
  return Object.fromEntries(
    Object.entries(reading.network).map(([name, counters]) => [
      name,
      {
        rx_bytes: counters.rxBytes,
        rx_packets: counters.rxPackets,
        rx_errors: counters.rxErrors,
        rx_dropped: counters.rxDropped,
        tx_bytes: counters.txBytes,
        tx_packets: counters.txPackets,
        tx_errors: counters.txErrors,
        tx_dropped: counters.txDropped,
      },
    ]),
  );
}

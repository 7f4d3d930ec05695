import { expect, test } from "bun:test";
import type { StatsSample } from "../../../api/client/docker/index.ts";
import { usageOf } from "./stats.ts";

const sample: StatsSample = {
  id: "a".repeat(64),
  name: "/web",
  read: "2026-01-01T00:00:01Z",
  pids_stats: { current: 3 },
  cpu_stats: { cpu_usage: { total_usage: 3e9 }, system_cpu_usage: 12e9, online_cpus: 4 },
  precpu_stats: { cpu_usage: { total_usage: 1e9 }, system_cpu_usage: 8e9 },
  memory_stats: { usage: 1000, limit: 5000, stats: { inactive_file: 300 } },
  blkio_stats: {
    io_service_bytes_recursive: [
      { op: "Read", value: 10 },
      { op: "write", value: 20 },
      { op: "read", value: 5 },
    ],
  },
  networks: { eth0: { rx_bytes: 1, tx_bytes: 2 }, eth1: { rx_bytes: 10, tx_bytes: 20 } },
};

test("what docker's statistics mean to a person", () => {
  expect(usageOf(sample)).toEqual({
    id: "a".repeat(64),
    name: "web",
    cpuPercent: 200,
    memory: 700,
    memoryLimit: 5000,
    networkReceived: 11,
    networkSent: 22,
    diskRead: 15,
    diskWritten: 20,
    processes: 3,
  });
});

test("a container that does not run uses nothing", () => {
  const none = { cpu_usage: { total_usage: 0 } };
  const stopped: StatsSample = {
    ...sample,
    pids_stats: {},
    cpu_stats: none,
    precpu_stats: none,
    memory_stats: {},
    blkio_stats: { io_service_bytes_recursive: null },
  };
  expect(usageOf(stopped)).toMatchObject({ cpuPercent: 0, memory: 0, diskRead: 0, processes: 0 });
});

import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readCgroupFacts } from "../host/index.ts";
import { parseBlkio, parseNetDev, readStats } from "./stats.ts";

test("version 2: microseconds become nanoseconds, `max` no limit", () => {
  const top = mkdtempSync(join(tmpdir(), "virga-stats-"));
  try {
    writeFileSync(join(top, "cgroup.controllers"), "cpu io memory pids");
    const facts = readCgroupFacts(`30 20 0:1 / ${top} rw - cgroup2 cgroup2 rw`);
    mkdirSync(join(top, "p/one"), { recursive: true });
    const files = {
      "cpu.stat":
        "usage_usec 30\nuser_usec 10\nsystem_usec 20\nnr_periods 5\nnr_throttled 2\nthrottled_usec 7\n",
      "memory.current": "4096\n",
      "memory.max": "max\n",
      "memory.stat": "anon 1\ninactive_file 1024\n",
      "pids.current": "3\n",
      "pids.max": "9\n",
      "io.stat": "8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n",
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(top, "p/one", name), text);
    const readAt = new Date(0);
    expect(readStats(facts, "/p/one", 0, readAt)).toEqual({
      readAt,
      cpuTotalNs: 30_000n, cpuUserNs: 10_000n, cpuSystemNs: 20_000n,
      throttled: { periods: 5, throttledPeriods: 2, throttledNs: 7000n },
      memoryBytes: 4096, memoryInactiveFileBytes: 1024, memoryLimitBytes: undefined,
      memoryDetail: { anon: 1, inactive_file: 1024 },
      pids: 3, pidsLimit: 9,
      blockIo: [
        { major: 8, minor: 0, op: "read", value: 10 },
        { major: 8, minor: 0, op: "write", value: 20 },
      ],
      network: {},
    }); // prettier-ignore
  } finally {
    rmSync(top, { recursive: true });
  }
});

test("version 1: reads and writes of each disk", () => {
  const text = "254:0 Read 100\n254:0 Write 200\n254:0 Sync 1\n254:0 Total 300\nTotal 300\n";
  expect(parseBlkio(text).map(({ op, value }) => [op, value])).toEqual([["read", 100], ["write", 200]]); // prettier-ignore
});

test("interfaces, without the loopback one", () => {
  const text =
    "Inter-|   Receive  |  Transmit\n face |bytes\n" +
    "    lo: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n" +
    "  eth0: 100 2 3 4 0 0 0 0 500 6 7 8 0 0 0 0\n";
  expect(parseNetDev(text)).toEqual({
    eth0: {
      rxBytes: 100, rxPackets: 2, rxErrors: 3, rxDropped: 4, txBytes: 500, txPackets: 6, txErrors: 7, txDropped: 8,
    },
  }); // prettier-ignore
});

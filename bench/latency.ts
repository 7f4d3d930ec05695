// Times the same work on several Docker engines in one run, turn by turn, and prints each figure with its ratio to the
// first engine's.
//
//   bun bench/latency.ts [-n RUNS] [-c CONTAINERS] [--least] NAME=DOCKER_HOST...
//   bench/peers.sh bun bench/latency.ts
//
// Of RUNS the median counts; with --least the shortest, for a machine that others use meanwhile.
// Needs root, the docker CLI and a statically linked /bin/busybox. The engines must be idle.
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { memoryOf, processesBehind, processesNaming } from "./memory.ts";

interface Engine {
  readonly name: string;
  readonly host: string;
}

/** A row of the table: one value an engine; undefined where it failed. */
interface Row {
  readonly what: string;
  readonly values: readonly (number | undefined)[];
}

const image = "virga-bench";
const sleep = [image, "/bin/sleep", "3600"];
const atATime = 8;
/** So long after the last work a daemon is idle: what it kept for the next request is gone. */
const idleMs = 100_000;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    n: { type: "string", default: "20" },
    c: { type: "string", default: "30" },
    least: { type: "boolean", default: false },
  },
});
const [runs, count] = [Number(options.n), Number(options.c)];
const engines = positionals.map((text): Engine => {
  const at = text.indexOf("=");
  return { name: text.slice(0, at), host: text.slice(at + 1) };
});
if (
  engines.length === 0 ||
  engines.some((one) => !one.host.startsWith("unix://")) ||
  !(runs > 0 && count > 0)
) {
  console.error("usage: bun bench/latency.ts [-n RUNS] [-c CONTAINERS] NAME=unix://SOCKET...");
  process.exit(2);
}

/** Runs the docker CLI; milliseconds it took, and what it wrote. Throws when it fails. */
async function docker({ name, host }: Engine, ...args: string[]): Promise<{ ms: number; output: string }> {
  const begin = performance.now();
  const env = { PATH: process.env["PATH"], HOME: process.env["HOME"], DOCKER_HOST: host };
  const child = Bun.spawn(["docker", ...args], { env, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [output, said, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (code !== 0) throw new Error(`${name}: docker ${args.join(" ")}: ${said.trim()}`);
  return { ms: performance.now() - begin, output: output.trim() };
}

/** One value for each engine; a failure is told and leaves a gap. */
async function row(what: string, measure: (engine: Engine) => Promise<number>): Promise<Row> {
  const values: (number | undefined)[] = [];
  for (const engine of engines) {
    values.push(
      await measure(engine).catch((error: unknown) => {
        console.error(String(error));
        return undefined;
      }),
    );
  }
  return { what, values };
}

/** The median time of a command, the engines taking turns so that whatever disturbs the machine disturbs them all. */
async function latency(what: string, ...args: string[]): Promise<Row> {
  const times = new Map(engines.map((engine) => [engine, [] as number[]]));
  for (let run = -2; run < runs; run++) {
    for (const engine of engines) {
      const taken = times.get(engine);
      const result = await docker(engine, ...args).catch((error: unknown) => console.error(String(error)));
      if (result === undefined) times.delete(engine);
      else if (run >= 0) taken?.push(result.ms);
    }
  }
  const one = options.least ? least : median;
  return { what, values: engines.map((engine) => one(times.get(engine) ?? [])) };
}

function least(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : Math.min(...values);
}

function median(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? sorted[middle]
    : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2 || undefined;
}

function daemonOf({ host }: Engine): number[] {
  return processesBehind(host.slice("unix://".length));
}

/** Starts containers, weighs them and removes them. */
async function crowd(): Promise<Row[]> {
  const started = new Map<Engine, { ids: string[]; memory: number }>();
  const start = await row(`start ${count} containers, ${atATime} at a time, ms`, async (engine) => {
    const before = memoryOf(daemonOf(engine)).proportional;
    const begin = performance.now();
    const ids: string[] = [];
    let next = 0;
    const starter = async () => {
      while (next++ < count) ids.push((await docker(engine, "run", "-d", ...sleep)).output);
    };
    await Promise.all(Array.from({ length: atATime }, starter));
    const ms = performance.now() - begin;
    await Bun.sleep(2000);
    const both = new Set([...daemonOf(engine), ...processesNaming(ids)]);
    started.set(engine, { ids, memory: (memoryOf([...both]).proportional - before) / count });
    return ms;
  });
  const memory = await row("memory that a container adds, kB", async (engine) => started.get(engine)!.memory);
  const removal = await row(`remove ${count} running containers, ms`, async (engine) => {
    return (await docker(engine, "rm", "-f", ...started.get(engine)!.ids)).ms;
  });
  return [start, removal, memory];
}

async function importImage(): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), "virga-bench-image-"));
  try {
    mkdirSync(join(work, "bin"));
    cpSync("/bin/busybox", join(work, "bin/busybox"));
    for (const name of ["sh", "sleep", "true"]) symlinkSync("busybox", join(work, "bin", name));
    await Bun.$`tar -C ${work} --exclude=./image.tar -cf ${work}/image.tar ./bin`.quiet();
    for (const engine of engines) await docker(engine, "import", join(work, "image.tar"), image);
  } finally {
    rmSync(work, { recursive: true });
  }
}

function print(rows: readonly Row[]): void {
  const width = Math.max(...rows.map(({ what }) => what.length));
  const others = engines.slice(1).map(({ name }) => `${name}/${engines[0]!.name}`);
  const line = (first: string, cells: readonly string[]) =>
    console.log([first.padEnd(width), ...cells.map((cell) => cell.padStart(16))].join(""));
  line("", [...engines.map(({ name }) => name), ...others]);
  for (const { what, values } of rows) {
    const [first, ...rest] = values;
    const ratios = rest.map((value) => (value && first ? (value / first).toFixed(2) : "-"));
    line(what, [...values.map((value) => value?.toFixed(value < 1000 ? 1 : 0) ?? "fail"), ...ratios]);
  }
}

await importImage();
const rows = [
  await latency("run --rm, bridge network, ms", "run", "--rm", image, "/bin/true"),
  await latency("run --rm, no network, ms", "run", "--rm", "--network", "none", image, "/bin/true"),
];
const name = "virga-bench-exec";
for (const engine of engines) await docker(engine, "run", "-d", "--name", name, ...sleep);
rows.push(await latency("exec, ms", "exec", name, "/bin/true"), await latency("ps, ms", "ps"));
for (const engine of engines) await docker(engine, "rm", "-f", name);
rows.push(...(await crowd()));
for (const engine of engines) await docker(engine, "rmi", "-f", image);
await Bun.sleep(idleMs);
rows.push(
  await row(
    "idle daemon and its helpers, resident, kB",
    async (engine) => memoryOf(daemonOf(engine)).resident,
  ),
);
print(rows);

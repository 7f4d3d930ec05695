// Does the same work over and over on one daemon and looks at what the daemon holds: memory, descriptors, threads, files.
//
//   bun bench/soak.ts [-r ROUNDS] [-s SAMPLES] unix://ROOT/run/docker.sock
//
// A round creates, starts, awaits and removes a container with a network; every tenth one also runs a command in another
// container, attaches to it, reads its log, and makes, uses and removes a network and a volume. Exit code 1 when the
// daemon has grown. Needs root, an idle daemon and a statically linked /bin/busybox.
import { existsSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { api, busyboxImage } from "./api.ts";
import { memoryOf, processesBehind } from "./memory.ts";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { r: { type: "string", default: "5000" }, s: { type: "string", default: "20" } },
});
const [rounds, samples] = [Number(options.r), Number(options.s)];
const socket = positionals.at(-1)?.replace(/^(virga=)?unix:\/\//, "");
if (socket === undefined || !existsSync(socket) || !(rounds >= samples && samples >= 4)) {
  console.error("usage: bun bench/soak.ts [-r ROUNDS] [-s SAMPLES] unix://ROOT/run/docker.sock");
  process.exit(2);
}
const root = dirname(dirname(socket));
const daemon = api(socket);
/** After so long without work the daemon has given back what it can. */
const idleMs = 100_000;
const seldom = 10;

interface Sample {
  readonly round: number;
  readonly seconds: number;
  readonly residentMb: number;
  readonly descriptors: number;
  readonly threads: number;
  readonly children: number;
  readonly databaseKb: number;
  readonly filesInRun: number;
  readonly filesInRoot: number;
}

function sample(round: number, began: number): Sample {
  const [pid, ...children] = processesBehind(socket!);
  if (pid === undefined) throw new Error("the daemon is gone");
  return {
    round,
    seconds: Math.round((performance.now() - began) / 1000),
    residentMb: Math.round(memoryOf([pid]).resident / 1024),
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    threads: readdirSync(`/proc/${pid}/task`).length,
    children: children.length,
    databaseKb: Math.round(
      ["state.db", "state.db-wal"].reduce((sum, name) => sum + sizeOf(join(root, name)), 0) / 1024,
    ),
    filesInRun: countBelow(join(root, "run")),
    filesInRoot: countBelow(root),
  };
}

function sizeOf(path: string): number {
  return existsSync(path) ? statSync(path).size : 0;
}

/** Not below what is mounted: a container's files are its image's. */
function countBelow(folder: string): number {
  if (!existsSync(folder)) return 0;
  let count = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    count++;
    if (entry.isDirectory() && entry.name !== "merged") count += countBelow(join(folder, entry.name));
  }
  return count;
}

async function runOnce(image: string): Promise<void> {
  const { Id } = await daemon.post("/containers/create", {
    Image: image,
    Cmd: ["/bin/busybox", "echo", "hello"],
  });
  await daemon.post(`/containers/${Id}/start`);
  await daemon.post(`/containers/${Id}/wait`);
  await daemon.remove(`/containers/${Id}`);
}

async function seldomWork(image: string, other: string, round: number): Promise<void> {
  const { Id: exec } = await daemon.post(`/containers/${other}/exec`, {
    AttachStdout: true,
    Cmd: ["/bin/busybox", "echo", "from inside"],
  });
  await daemon.text("POST", `/exec/${exec}/start`, {});
  await daemon.text("GET", `/containers/${other}/logs?stdout=1&stderr=1&tail=10`);
  await daemon.cut("POST", `/containers/${other}/attach?stream=1&stdout=1`);
  await daemon.cut("GET", `/containers/${other}/logs?stdout=1&follow=1`);
  await daemon.cut("GET", "/events");
  const { Id: network } = await daemon.post("/networks/create", { Name: `soak-${round}` });
  await daemon.post(`/networks/${network}/connect`, { Container: other });
  await daemon.post(`/networks/${network}/disconnect`, { Container: other, Force: true });
  await daemon.remove(`/networks/${network}`);
  const volume = `soak-${round}`;
  const { Id } = await daemon.post("/containers/create", {
    Image: image,
    Cmd: ["/bin/busybox", "touch", "/data/file"],
    HostConfig: { Binds: [`${volume}:/data`] },
  });
  await daemon.post(`/containers/${Id}/start`);
  await daemon.post(`/containers/${Id}/wait`);
  await daemon.remove(`/containers/${Id}`);
  await daemon.remove(`/volumes/${volume}`);
}

/** What grew from the first half, when everything was in use, to the end; undefined when nothing did. */
function growth(all: readonly Sample[]): string | undefined {
  const warm = all.slice(Math.floor(all.length / 4), Math.floor(all.length / 2));
  const late = all.slice(-Math.floor(all.length / 4));
  const grown = (name: keyof Sample, most: number) => {
    const [before, after] = [warm, late].map(
      (some) => some.reduce((sum, one) => sum + one[name], 0) / some.length,
    );
    return after! - before! > most ? [`${name} from ${before!.toFixed(1)} to ${after!.toFixed(1)}`] : [];
  };
  const found = [
    ...grown("residentMb", 10),
    ...grown("descriptors", 4),
    ...grown("threads", 4),
    ...grown("children", 2),
    ...grown("databaseKb", 4096),
    ...grown("filesInRun", 10),
    ...grown("filesInRoot", 20),
  ];
  return found.length > 0 ? found.join("; ") : undefined;
}

const image = await busyboxImage(daemon);
const { Id: other } = await daemon.post("/containers/create", {
  Image: image,
  Cmd: ["/bin/busybox", "sleep", "86400"],
});
await daemon.post(`/containers/${other}/start`);
const began = performance.now();
const taken = [sample(0, began)];
console.log(Object.keys(taken[0]!).join("\t"));
console.log(Object.values(taken[0]!).join("\t"));
for (let round = 1; round <= rounds; round++) {
  await runOnce(image);
  if (round % seldom === 0) await seldomWork(image, other, round);
  if (round % Math.floor(rounds / samples) !== 0) continue;
  taken.push(sample(round, began));
  console.log(Object.values(taken.at(-1)!).join("\t"));
}
await daemon.remove(`/containers/${other}?force=1`);
await daemon.remove(`/images/${image}?force=1`);
await Bun.sleep(idleMs);
console.log(`${Object.values(sample(rounds, began)).join("\t")}\tidle`);
const grown = growth(taken.slice(1));
console.log(grown === undefined ? "nothing grew" : `grew: ${grown}`);
process.exitCode = grown === undefined ? 0 : 1;

/**
 * Virga's registry beside Debian's docker-registry, in turns on the same machine: blob downloads and uploads, manifest
 * reads, and the memory of each while blobs of several gigabytes go through.
 *
 *   node_modules/.bin/bun bench/registry.ts [-n ROUNDS] [-m MEGABYTES OF A BLOB]
 *
 * Needs root and the packages curl, docker-registry and wrk.
 */
import { mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { run } from "../src/host/index.ts";
import { imageManifest } from "../src/registry/testing.ts";
import { freePort } from "../test/support/registries.ts";

const { values } = parseArgs({
  options: { n: { type: "string", default: "5" }, m: { type: "string", default: "512" } },
});
const rounds = Number(values.n);
const megabytes = Number(values.m);
const work = realpathSync(mkdtempSync("/tmp/virga-bench-registry-"));
const blob = join(work, "blob");

interface Peer {
  readonly name: string;
  readonly url: string;
  readonly process: Bun.Subprocess;
}

async function ok(command: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await run(command);
  if (exitCode !== 0) throw new Error(`${command.join(" ")}: ${stderr}`);
  return stdout.trim();
}

async function start(name: string, command: (port: number) => readonly string[]): Promise<Peer> {
  const port = freePort();
  const process = Bun.spawn([...command(port)], { stdio: ["ignore", "ignore", "ignore"] });
  const url = `http://127.0.0.1:${port}`;
  for (let turn = 0; turn < 200; turn++) {
    if ((await run(["curl", "-sf", `${url}/v2/`])).exitCode === 0) return { name, url, process };
    await Bun.sleep(50);
  }
  throw new Error(`${name} does not answer`);
}

async function dockerRegistry(port: number): Promise<readonly string[]> {
  const config = join(work, "config.yml");
  await Bun.write(
    config,
    `version: 0.1
log: { level: error, accesslog: { disabled: true } }
storage: { filesystem: { rootdirectory: ${work}/docker }, cache: { blobdescriptor: inmemory } }
http: { addr: "127.0.0.1:${port}" }
`,
  );
  return ["docker-registry", "serve", config];
}

const memoryOf = ({ process }: Peer) => {
  const status = readFileSync(`/proc/${process.pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+)/.exec(status)![1]) / 1024;
};

/** Seconds of CPU that a peer has used. */
const cpuOf = ({ process }: Peer) => {
  const fields = readFileSync(`/proc/${process.pid}/stat`, "utf8").split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
};

/** Seconds that `work` takes. */
async function seconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

async function upload(peer: Peer, name: string, file: string, digest: string): Promise<void> {
  const begun = await fetch(`${peer.url}/v2/${name}/blobs/uploads/`, { method: "POST" });
  const place = new URL(begun.headers.get("location")!, peer.url);
  place.searchParams.set("digest", digest);
  const type = "Content-Type: application/octet-stream";
  const status = await ok([
    "curl",
    "-s",
    "-o",
    "/dev/null",
    "-w",
    "%{http_code}",
    "-H",
    type,
    "-T",
    file,
    place.href,
  ]);
  if (status !== "201") throw new Error(`${peer.name} answered an upload with ${status}`);
}

async function freshBlob(): Promise<string> {
  await ok(["dd", "if=/dev/urandom", `of=${blob}`, "bs=1M", `count=${megabytes}`, "status=none"]);
  return `sha256:${(await ok(["sha256sum", blob])).slice(0, 64)}`;
}

const download = (url: string) => ok(["curl", "-sf", "-o", "/dev/null", url]);

async function measure(peers: readonly Peer[]): Promise<Map<string, Map<string, number[]>>> {
  const results = new Map<string, Map<string, number[]>>();
  const note = (what: string, peer: Peer, value: number) => {
    const row = results.get(what) ?? new Map<string, number[]>();
    row.set(peer.name, [...(row.get(peer.name) ?? []), value]);
    results.set(what, row);
  };
  for (let round = 0; round < rounds; round++) {
    const turns = round % 2 === 0 ? peers : peers.toReversed();
    const digest = await freshBlob();
    for (const peer of turns) {
      const before = cpuOf(peer);
      note("upload, MB/s", peer, megabytes / (await seconds(() => upload(peer, "bench/app", blob, digest))));
      note("CPU of an upload, ms for each 100 MB", peer, ((cpuOf(peer) - before) * 100_000) / megabytes);
    }
    for (const peer of turns) {
      const url = `${peer.url}/v2/bench/app/blobs/${digest}`;
      note("download, MB/s", peer, megabytes / (await seconds(() => download(url))));
      const four = await seconds(() => Promise.all(Array.from({ length: 4 }, () => download(url))));
      note("four downloads at once, MB/s", peer, (4 * megabytes) / four);
    }
    for (const peer of turns) {
      const accept = "Accept: application/vnd.oci.image.manifest.v1+json";
      const url = `${peer.url}/v2/bench/app/manifests/v1`;
      const said = await ok(["wrk", "-t1", "-c8", "-d3s", "-H", accept, url]);
      if (/Non-2xx/.test(said)) throw new Error(`${peer.name}: ${said}`);
      note("manifest reads by tag, 1/s", peer, Number(/Requests\/sec:\s+([\d.]+)/.exec(said)![1]));
    }
    for (const peer of turns) note("memory after the round, MB", peer, memoryOf(peer));
  }
  return results;
}

async function pushManifest(peer: Peer): Promise<void> {
  const config = JSON.stringify({ architecture: "amd64", os: "linux" });
  const layers = Array.from({ length: 6 }, (_, n) => `layer ${n}`);
  for (const text of [config, ...layers]) {
    const file = join(work, "small");
    await Bun.write(file, text);
    await upload(
      peer,
      "bench/app",
      file,
      `sha256:${new Bun.CryptoHasher("sha256").update(text).digest("hex")}`,
    );
  }
  const headers = { "content-type": "application/vnd.oci.image.manifest.v1+json" };
  const body = imageManifest(config, layers);
  const { status } = await fetch(`${peer.url}/v2/bench/app/manifests/v1`, { method: "PUT", headers, body });
  if (status !== 201) throw new Error(`${peer.name} answered a manifest with ${status}`);
}

const median = (all: readonly number[]) => all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)]!;

const peers: Peer[] = [];
try {
  const config = await dockerRegistry(0);
  peers.push(
    await start("docker-registry", (port) => {
      const path = config.at(-1)!;
      return [
        "sh",
        "-c",
        `sed -i 's/127.0.0.1:0/127.0.0.1:${port}/' ${path}; exec docker-registry serve ${path}`,
      ];
    }),
  );
  const program = join(import.meta.dir, "../src/main.ts");
  const serve = [process.execPath, program, "serve", "--root", join(work, "virga"), "--registry"];
  peers.push(await start("virga", (port) => [...serve, `127.0.0.1:${port}`]));
  for (const peer of peers) await pushManifest(peer);
  console.log(`medians of ${rounds} rounds, blobs of ${megabytes} MB\n`);
  for (const [what, row] of await measure(peers)) {
    const [theirs, ours] = peers.map((peer) => median(row.get(peer.name)!)) as [number, number];
    const worst = what.startsWith("memory") ? ` (most: ${Math.max(...row.get("virga")!).toFixed(0)})` : "";
    console.log(
      `| ${what} | ${theirs.toFixed(0)} | ${ours.toFixed(0)}${worst} | ${(ours / theirs).toFixed(2)} |`,
    );
  }
} finally {
  for (const peer of peers) {
    peer.process.kill();
    await peer.process.exited;
  }
  rmSync(work, { recursive: true, force: true });
}

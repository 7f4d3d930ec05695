/**
 * Pulls an image of about 180 MB (two layers of this machine's own files) from Debian's docker-registry on loopback, with
 * dockerd and with Virga in turns, each with a folder on the disk of TMPDIR, and prints how long each took.
 *
 *   node_modules/.bin/bun bench/pull.ts [RUNS]       needs root, docker.io, docker-registry and skopeo
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runChecked } from "../src/host/index.ts";
import { startDaemon } from "../test/support/daemon.ts";
import { startDockerd, startDockerRegistry } from "../test/support/registries.ts";

const runs = Number(process.argv[2] ?? 7);
const work = mkdtempSync(join(tmpdir(), "virga-bench-pull-"));
await using undo = new AsyncDisposableStack();
undo.defer(() => rmSync(work, { recursive: true, force: true }));
const registry = undo.use(await startDockerRegistry());
const name = `${registry.address}/bench:1`;
await runChecked([
  "skopeo",
  "copy",
  "-q",
  "--dest-tls-verify=false",
  `docker-archive:${await makeImage()}`,
  `docker://${name}`,
]);
const dockerd = undo.use(await startDockerd());
const virga = await startDaemon();
undo.defer(() => virga.destroy());
const engines = [
  { engine: "dockerd", host: dockerd.address, times: [] as number[] },
  { engine: "virga", host: virga.dockerHost, times: [] as number[] },
];
for (let turn = 0; turn <= runs; turn++) {
  for (const { host, times } of engines) {
    const started = performance.now();
    await runChecked(["docker", "-H", host, "pull", "-q", name]);
    if (turn > 0) times.push(performance.now() - started); // the first one warms up
    await runChecked(["docker", "-H", host, "rmi", name]);
    await runChecked(["sync"]);
  }
}
const [reference] = engines.map(({ times }) => median(times));
for (const { engine, times } of engines) {
  const [least, middle, most] = [Math.min(...times), median(times), Math.max(...times)];
  const shown = [least, middle, most].map((ms) => (ms / 1000).toFixed(2)).join(" / ");
  console.log(
    `${engine.padEnd(8)} ${shown} s (least / median / most of ${runs})   ${(middle / reference!).toFixed(2)} x`,
  );
}

function median(times: readonly number[]): number {
  const sorted = times.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1]!;
}

/** A Docker archive with layers of 120 and 60 MB. */
async function makeImage(): Promise<string> {
  const layers: string[] = [];
  const digests: string[] = [];
  for (const [at, [skip, take]] of [
    [0, 120],
    [120, 60],
  ].entries()) {
    const pick = `find /usr/share /usr/lib /usr/bin -xdev -type f -size -8M -printf '%s %p\\n' | sort -k2 |
      awk -v skip=${skip}e6 -v take=${take}e6 '{ sum += $1 } sum > skip && sum <= skip + take { print substr($0, index($0, " ") + 1) }' > "$1"
      tar -C / -cf "$2" --sort=name -T "$1" 2>/dev/null`;
    const tar = join(work, `layer${at}.tar`);
    await runChecked(["bash", "-c", pick, "bash", join(work, "list"), tar]);
    digests.push(new Bun.CryptoHasher("sha256").update(await Bun.file(tar).bytes()).digest("hex"));
    layers.push(`layer${at}.tar`);
  }
  const config = {
    architecture: process.arch === "arm64" ? "arm64" : "amd64",
    os: "linux",
    config: {},
    rootfs: { type: "layers", diff_ids: digests.map((hex) => `sha256:${hex}`) },
  };
  writeFileSync(join(work, "config.json"), JSON.stringify(config));
  const manifest = [{ Config: "config.json", RepoTags: ["bench:1"], Layers: layers }];
  writeFileSync(join(work, "manifest.json"), JSON.stringify(manifest));
  const archive = join(work, "image.tar");
  await runChecked(["tar", "-C", work, "-cf", archive, "manifest.json", "config.json", ...layers]);
  return archive;
}

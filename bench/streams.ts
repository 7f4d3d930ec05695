// Sends gigabytes through a daemon and looks at what it holds meanwhile.
//
//   bun bench/streams.ts [-g GIGABYTES] unix://ROOT/run/docker.sock
//
// Each line: how long it took, how fast it was, and the most memory that the daemon had. What comes out is compared
// with what went in. Exit code 1 when it is not the same. Needs root, the docker CLI, an idle daemon, /bin/busybox.
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { api, busyboxImage } from "./api.ts";
import { memoryOf, processesBehind } from "./memory.ts";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { g: { type: "string", default: "2" } },
});
const gigabytes = Number(options.g);
const socket = positionals.at(-1)?.replace(/^(virga=)?unix:\/\//, "");
if (socket === undefined || !existsSync(socket) || !(gigabytes > 0)) {
  console.error("usage: bun bench/streams.ts [-g GIGABYTES] unix://ROOT/run/docker.sock");
  process.exit(2);
}
const megabytes = Math.round(gigabytes * 1024);
const pid = processesBehind(socket)[0]!;
const work = mkdtempSync("/tmp/virga-streams-");
const file = join(work, "data");
const environment = { ...process.env, DOCKER_HOST: `unix://${socket}`, WORK: work, DATA: file };
const residentMb = () => memoryOf([pid]).resident / 1024;

/** Runs a shell line with `docker` in it; its output, and what it cost. */
async function measure(what: string, line: string, megabytesMoved: number): Promise<string> {
  let peak = residentMb();
  const watch = setInterval(() => (peak = Math.max(peak, residentMb())), 100);
  const began = performance.now();
  const child = Bun.spawn(["bash", "-c", `set -euo pipefail; ${line}`], { env: environment, stderr: "pipe" });
  const [said, wrong, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  const seconds = (performance.now() - began) / 1000;
  clearInterval(watch);
  if (code !== 0) throw new Error(`${what}: ${wrong}`);
  const speed = Math.round(megabytesMoved / seconds);
  console.log(
    [what.padEnd(44), `${seconds.toFixed(1)} s`, `${speed} MB/s`, `${Math.round(peak)} MB`].join("\t"),
  );
  return said.trim();
}

function same(what: string, ...digests: string[]): void {
  const all = new Set(digests.flatMap((one) => one.split("\n")).map((one) => one.split(" ")[0]));
  if (all.size === 1) return;
  console.log(`${what}: not the same`);
  process.exitCode = 1;
}

const image = await busyboxImage(api(socket));
const box = "virga-streams";
try {
  await Bun.$`head -c ${megabytes}M /dev/urandom > ${file}`;
  const right = (await Bun.$`sha256sum < ${file}`.text()).trim();
  const docker = (line: string) => `docker ${line}`;
  const run = docker(`run -i --rm ${image} /bin/busybox`);
  console.log(`at rest: ${Math.round(residentMb())} MB`);
  same("run -i", right, await measure("run -i: in", `${run} sha256sum < $DATA`, megabytes));
  same("run -i", right, await measure("run -i: in and out", `${run} cat < $DATA | sha256sum`, megabytes * 2));
  await Bun.$`docker run -d --name ${box} --stop-signal KILL ${image} /bin/busybox sleep 86400`
    .env(environment)
    .quiet();
  const exec = docker(`exec -i ${box} /bin/busybox`);
  same(
    "exec -i",
    right,
    await measure("exec -i: in and out", `${exec} cat < $DATA | sha256sum`, megabytes * 2),
  );
  await measure("cp: in", docker(`cp -q $DATA ${box}:/data`), megabytes);
  same(
    "cp",
    right,
    await measure("cp: out", `${docker(`cp ${box}:/data -`)} | tar -xO | sha256sum`, megabytes),
  );
  await measure("commit", docker(`commit ${box} virga-streams-big`), megabytes);
  await measure("save", docker("save -o $WORK/image.tar virga-streams-big"), megabytes);
  await Bun.$`docker rm -f ${box}; docker rmi virga-streams-big`.env(environment).quiet();
  await measure("load", docker("load -q -i $WORK/image.tar"), megabytes);
  const loaded = docker("run --rm virga-streams-big /bin/busybox sha256sum /data");
  same("save and load", right, await measure("run of what was loaded", loaded, megabytes));
  // Lines of text, since that is what logs are; a client that never reads must hold up nobody else.
  const lines = megabytes * 4096;
  const text = `/bin/busybox yes ${"x".repeat(255)} | /bin/busybox head -n ${lines}`;
  const log = ["--log-driver", "json-file", "--log-opt", `max-size=${megabytes * 2}m`];
  await Bun.$`docker run -d --name ${box} ${log} ${image} /bin/busybox sh -c ${text}`
    .env(environment)
    .quiet();
  // It begins to read its answer, and then reads no more.
  const deaf = connect(socket);
  deaf.write(`GET /containers/${box}/logs?follow=1&stdout=1 HTTP/1.1\r\nHost: docker\r\n\r\n`);
  deaf.once("data", () => deaf.pause());
  const follow = docker(`logs -f ${box} | sha256sum`);
  const two = `(${follow}) & (${follow}) & wait`;
  const read = await measure("logs -f: two that read, one that does not", two, (lines * 256 * 2) / 2 ** 20);
  deaf.destroy();
  const wanted = await Bun.$`sh -c ${text} | sha256sum`.text();
  same("logs -f", wanted.trim(), read);
} finally {
  await Bun.$`docker rm -f ${box}; docker rmi -f virga-streams-big ${image}`
    .env(environment)
    .quiet()
    .nothrow();
  rmSync(work, { recursive: true });
}

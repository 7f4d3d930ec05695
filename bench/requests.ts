// Times what engines themselves need for the requests of docker's commands, without the start of a client.
//
//   bun bench/requests.ts [-n RUNS] NAME=DOCKER_HOST...
//   bench/peers.sh bun bench/requests.ts
//
// The least of RUNS counts, and the engines take turns. Connections are kept.
import { parseArgs } from "node:util";
import { api, busyboxImage, type Api } from "./api.ts";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { n: { type: "string", default: "30" } },
});
const runs = Number(options.n);
const engines = positionals.map((text) => {
  const at = text.indexOf("=");
  return { name: text.slice(0, at), daemon: api(text.slice(at + 1).replace("unix://", "")) };
});
if (engines.length === 0 || !(runs > 0)) {
  console.error("usage: bun bench/requests.ts [-n RUNS] NAME=unix://SOCKET...");
  process.exit(2);
}

/** A row: milliseconds of each engine, and the ratios to the first. */
async function row(what: string, work: (daemon: Api) => Promise<void>): Promise<void> {
  const least = engines.map(() => Infinity);
  for (let run = -2; run < runs; run++) {
    for (const [at, { daemon }] of engines.entries()) {
      const began = performance.now();
      await work(daemon);
      if (run >= 0) least[at] = Math.min(least[at]!, performance.now() - began);
    }
  }
  const ratios = least.slice(1).map((ms) => (ms / least[0]!).toFixed(2));
  console.log([what.padEnd(44), ...least.map((ms) => ms.toFixed(2)), ...ratios].join("\t"));
}

const image = await Promise.all(engines.map(({ daemon }) => busyboxImage(daemon))).then(([name]) => name!);
console.log(["milliseconds".padEnd(44), ...engines.map(({ name }) => name)].join("\t"));
await row("ping", async (daemon) => void (await daemon.text("GET", "/_ping")));
const list = async (daemon: Api) => {
  await daemon.text("HEAD", "/_ping");
  await daemon.text("GET", "/v1.41/containers/json");
};
await row("what ps asks, no containers", list);
const created = (network: string) => ({
  Image: image,
  Cmd: ["/bin/busybox", "true"],
  HostConfig: { NetworkMode: network },
});
for (const network of ["bridge", "none"]) {
  await row(`create, start, wait, remove: network ${network}`, async (daemon) => {
    const { Id } = await daemon.post("/v1.41/containers/create", created(network));
    const ended = daemon.post(`/v1.41/containers/${Id}/wait?condition=next-exit`);
    await daemon.post(`/v1.41/containers/${Id}/start`);
    await ended;
    await daemon.remove(`/v1.41/containers/${Id}?force=1`);
  });
}
const name = "virga-bench-requests";
for (const { daemon } of engines) {
  const { Id } = await daemon.post(`/v1.41/containers/create?name=${name}`, {
    Image: image,
    Cmd: ["/bin/busybox", "sleep", "86400"],
  });
  await daemon.post(`/v1.41/containers/${Id}/start`);
}
await row("what exec asks", async (daemon) => {
  const { Id } = await daemon.post(`/v1.41/containers/${name}/exec`, {
    AttachStdout: true,
    Cmd: ["/bin/busybox", "true"],
  });
  await daemon.text("POST", `/v1.41/exec/${Id}/start`, {});
});
await row("what ps asks, one container", list);
for (const { daemon } of engines) {
  await daemon.remove(`/v1.41/containers/${name}?force=1`);
  await daemon.remove(`/v1.41/images/${image}?force=1`);
}

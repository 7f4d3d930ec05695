import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mountsBelow } from "../../src/host/index.ts";
import { eventually, importBusybox, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { startDockerRegistry } from "../support/registries.ts";

/** What a build is owed by a daemon that is killed, and by another one that knows nothing. */
const minute = 60_000;
let daemon: TestDaemon;
let image: string;

beforeAll(async () => {
  const root = mkdtempSync("/tmp/virga-test-");
  // Two stages run side by side on a machine with one processor, too.
  writeFileSync(join(root, "config.json"), JSON.stringify({ "max-concurrent-build-steps": 2 }));
  daemon = await startDaemon({ root });
  image = await importBusybox(daemon);
}, minute);
afterAll(async () => await daemon.destroy(), minute);

function context(name: string, lines: readonly string[]): string {
  const folder = join(daemon.identity.root, `context-${name}`);
  mkdirSync(folder);
  writeFileSync(join(folder, "Dockerfile"), `${lines.join("\n")}\n`);
  return folder;
}

test(
  "kill -9 in the middle: nothing is left but what was done, and the next build goes on from there",
  async () => {
    const gate = "--mount=type=cache,id=gate,target=/gate";
    const wait = (name: string) => `touch /gate/${name} && until [ -e /gate/go ]; do sleep 0.1; done`;
    const folder = context("cut", [
      `FROM ${image} AS one`,
      "RUN echo first >/first",
      `RUN ${gate} ${wait("one")}; echo 1 >/one`,
      `FROM ${image} AS two`,
      `RUN ${gate} ${wait("two")}; echo 2 >/two`,
      `FROM ${image}`,
      "COPY --from=one /first /one /",
      "COPY --from=two /two /",
    ]);
    const builds = daemon.identity.path("builds");
    const mounts = join(builds, "mounts");
    const isThere = (file: string) =>
      existsSync(mounts) && readdirSync(mounts).some((name) => existsSync(join(mounts, name, file)));
    const cut = daemon.virga(["build", "-t", "cut:1", folder]);
    await eventually("both steps run", () => isThere("one") && isThere("two"));
    await daemon.crash();
    expect((await cut).exitCode).not.toBe(0);
    await daemon.start();
    expect(readdirSync(builds)).toEqual(["mounts"]);
    expect(mountsBelow(builds)).toEqual([]);
    expect((await daemon.docker(["image", "inspect", "cut:1"])).exitCode).not.toBe(0);
    expect(await daemon.dockerOk(["ps", "-aq"])).toBe("");

    writeFileSync(join(mounts, readdirSync(mounts)[0]!, "go"), "");
    const again = await daemon.virga(["build", "-t", "cut:1", folder]);
    expect(again).toMatchObject({ exitCode: 0 });
    expect(again.stderr).toContain("(cached) RUN echo first");
    expect(await daemon.dockerOk(["run", "--rm", "cut:1", "cat", "/first", "/one", "/two"])).toBe(
      "first\n1\n2",
    );
  },
  minute,
);

test(
  "a cache in a registry: a daemon that knows nothing takes every step from it",
  async () => {
    await using registry = await startDockerRegistry();
    const base = `${registry.address}/base:1`;
    await daemon.dockerOk(["tag", image, base]);
    await daemon.dockerOk(["push", "-q", base]);
    const folder = context("cache", [
      `FROM ${base} AS tools`,
      "RUN head -c 300000 /dev/urandom >/tool",
      `FROM ${base}`,
      "COPY file /file",
      "COPY --from=tools /tool /tool",
      "RUN cat /file /tool >/both",
    ]);
    writeFileSync(join(folder, "file"), "content");
    const cache = `type=registry,ref=${registry.address}/cache:1`;
    const build = async (on: TestDaemon, ...options: string[]) => {
      const { exitCode, stdout, stderr } = await on.virga(["build", "-t", "app:1", ...options, folder]);
      expect([exitCode, stderr]).toEqual([0, expect.any(String)]);
      return { id: stdout.trim(), said: stderr };
    };
    const first = await build(daemon, "--cache-to", `${cache},mode=max`);
    const other = await startDaemon();
    try {
      const second = await build(other, "--cache-from", cache);
      expect(second.id).toBe(first.id);
      const done = second.said.split("\n").filter((line) => /\d\/\d .*(RUN|COPY)/.test(line));
      expect(done).toHaveLength(4);
      for (const line of done) expect(line).toContain("(cached)");
      const sum = ["run", "--rm", "app:1", "sha256sum", "/both"];
      expect(await other.dockerOk(sum)).toBe(await daemon.dockerOk(sum));
    } finally {
      await other.destroy();
    }
  },
  minute,
);

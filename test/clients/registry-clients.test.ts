import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { runChecked } from "../../src/host/index.ts";
import { unpackClients } from "../support/debian-clients.ts";
import { importBusybox, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { freePort } from "../support/registries.ts";

/** Registry clients that Debian 12 has not: crane and oras, as a newer Debian has them. */
const minute = 60_000;
const port = freePort();
const registry = `localhost:${port}`;
let daemon: TestDaemon;
let folder = "";
const client = async (name: string, ...args: string[]) =>
  (await runChecked([join(folder, "root/usr/bin", name), ...args], { cwd: folder })).trim();

beforeAll(async () => {
  folder = mkdtempSync("/tmp/virga-registry-clients-");
  const options = { arguments: ["--registry", `127.0.0.1:${port}`] };
  [daemon] = await Promise.all([startDaemon(options), unpackClients(folder, "sid", ["crane", "oras"])]);
}, 3 * minute);

afterAll(async () => {
  await daemon.destroy();
  rmSync(folder, { recursive: true });
}, minute);

test(
  "crane: what it pushes is pulled, what the engine pushes it reads, with one digest everywhere",
  async () => {
    const image = await importBusybox(daemon);
    const archive = join(folder, "box.tar");
    await daemon.dockerOk(["save", "-o", archive, image]);
    await client("crane", "push", archive, `${registry}/crane/app:1`);
    const digest = await client("crane", "digest", `${registry}/crane/app:1`);
    expect(await daemon.dockerOk(["pull", `${registry}/crane/app:1`])).toContain(`Digest: ${digest}`);
    await daemon.dockerOk(["tag", `${registry}/crane/app:1`, `${registry}/engine/app:1`]);
    expect(await daemon.dockerOk(["push", `${registry}/engine/app:1`])).toContain(`digest: ${digest}`);
    await client("crane", "copy", `${registry}/engine/app:1`, `${registry}/crane/copy:1`);
    expect(await client("crane", "digest", `${registry}/crane/copy:1`)).toBe(digest);
    await client("crane", "validate", "--remote", `${registry}/crane/copy:1`);
    expect((await client("crane", "ls", `${registry}/crane/copy`)).split("\n")).toEqual(["1"]);
    expect((await client("crane", "catalog", registry)).split("\n")).toEqual([
      "crane/app",
      "crane/copy",
      "engine/app",
    ]);
  },
  minute,
);

test(
  "oras: an artifact, what is attached to it, and both copied with their digests",
  async () => {
    await Bun.write(join(folder, "hello.txt"), "hello");
    await Bun.write(join(folder, "sbom.json"), "{}");
    const name = `${registry}/oras/artifact:1`;
    await client(
      "oras",
      "push",
      "--plain-http",
      "--artifact-type",
      "text/example",
      name,
      "hello.txt:text/plain",
    );
    await client(
      "oras",
      "attach",
      "--plain-http",
      "--artifact-type",
      "sbom/example",
      name,
      "sbom.json:application/json",
    );
    const digest = await client("oras", "resolve", "--plain-http", name);
    const found = JSON.parse(await client("oras", "discover", "--plain-http", "--format", "json", name)) as {
      referrers?: readonly { artifactType: string }[];
      manifests?: readonly { artifactType: string }[];
    };
    expect((found.referrers ?? found.manifests ?? []).map((one) => one.artifactType)).toEqual([
      "sbom/example",
    ]);
    const copied = `${registry}/oras/copied:1`;
    await client("oras", "copy", "-r", "--from-plain-http", "--to-plain-http", name, copied);
    expect(await client("oras", "resolve", "--plain-http", copied)).toBe(digest);
    expect(await client("oras", "discover", "--plain-http", copied)).toContain("sbom/example");
    await client("oras", "pull", "--plain-http", "-o", join(folder, "pulled"), copied);
    expect(await Bun.file(join(folder, "pulled/hello.txt")).text()).toBe("hello");
  },
  minute,
);

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fakeRegistry, type FakeRegistry } from "../../src/distribution/testing.ts";
import { run, runChecked } from "../../src/host/index.ts";
import { addImage, noise } from "../../src/images/pull/testing.ts";
import { eventually, importBusybox, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { holdings } from "../support/holdings.ts";
import { imageArchive } from "../support/archives.ts";
import { freePort } from "../support/registries.ts";

/** A daemon whose disk is small: what does not fit is refused, told, and leaves the space as it was. */
const minute = 60_000;
const mebibyte = 1 << 20;
let daemon: TestDaemon;
let image: string;
const port = freePort();
/** What the daemon's registry keeps a cache of. */
let upstream: FakeRegistry;
/** On another disk. */
let directory: string;
let disk: string;
let before: string[];
let free: number;

const ok = (...args: string[]) => daemon.dockerOk(args);
const docker = (...args: string[]) => daemon.docker(args);
const freeBytes = () => {
  const { bfree, bsize } = statfsSync(disk);
  return bfree * bsize;
};

beforeAll(async () => {
  directory = mkdtempSync("/tmp/virga-exhaustion-");
  disk = join(directory, "disk");
  mkdirSync(disk);
  await runChecked(["truncate", "-s", "80M", `${disk}.img`]);
  await runChecked(["mkfs.ext4", "-q", "-F", "-O", "^has_journal", `${disk}.img`]);
  await runChecked(["mount", "-o", "loop", `${disk}.img`, disk]);
  upstream = await fakeRegistry();
  const registry = ["--registry", `127.0.0.1:${port}`, "--registry-cache", upstream.host];
  daemon = await startDaemon({ root: disk, arguments: registry });
  image = await importBusybox(daemon);
  await ok("run", "--rm", image, "true");
  before = await holdings(daemon);
  free = freeBytes();
}, minute);

afterAll(async () => {
  await daemon.destroy();
  await upstream[Symbol.asyncDispose]();
  await runChecked(["umount", disk]);
  rmSync(directory, { recursive: true });
}, minute);

/** All is as at the beginning, and the daemon works. */
async function expectRecovered(): Promise<void> {
  let now = await holdings(daemon);
  for (let turn = 0; turn < 40 && now.join() !== before.join(); turn++) {
    await Bun.sleep(50);
    now = await holdings(daemon);
  }
  expect(now).toEqual(before);
  // The database and the daemon's log have grown a little.
  expect(free - freeBytes()).toBeLessThan(6 * mebibyte);
  expect(await ok("run", "--rm", image, "echo", "works")).toBe("works");
}

/** Its shell has come to what it does last: until then its command line is the whole script. */
async function isFull(container: string): Promise<boolean> {
  const processes = await ok("top", container);
  return processes.includes("sleep 1000") && !processes.includes("dd if");
}

const full = /no space left|disk is full/i;

/** A tar with one file of so many bytes that do not compress. */
async function tarOf(mebibytes: number): Promise<string> {
  const folder = mkdtempSync(join(directory, "tree-"));
  await runChecked([
    "dd",
    "if=/dev/urandom",
    `of=${folder}/big`,
    "bs=1M",
    `count=${mebibytes}`,
    "status=none",
  ]);
  await runChecked(["tar", "-C", folder, "-cf", `${folder}.tar`, "."]);
  rmSync(folder, { recursive: true });
  return `${folder}.tar`;
}

describe("a full disk", () => {
  test.each([
    ["the archive", 90],
    ["its files", 45],
  ])(
    "import: %s does not fit",
    async (_what, mebibytes) => {
      const tar = await tarOf(mebibytes);
      const result = await docker("import", tar, "big:1");
      expect(result.exitCode).toBe(1);
      expect(result.stderr).toMatch(full);
      await expectRecovered();
    },
    minute,
  );

  test.each([
    ["the archive", 90],
    ["its files", 45],
  ])(
    "load: %s does not fit",
    async (_what, mebibytes) => {
      const archive = await imageArchive(directory, await tarOf(mebibytes), "big:1");
      const result = await docker("load", "-q", "-i", archive);
      expect(result.exitCode).toBe(1);
      expect(result.stderr + result.stdout).toMatch(full);
      await expectRecovered();
    },
    minute,
  );

  test.each([
    ["the blob", 90],
    ["its files", 45],
  ])(
    "pull: %s does not fit",
    async (_what, mebibytes) => {
      await using registry = await fakeRegistry();
      addImage(registry, [{ small: "small" }, { big: noise(mebibytes * mebibyte) }], {
        tag: "1",
        compression: "none",
      });
      const result = await docker("pull", `${registry.host}/team/app:1`);
      expect(result.exitCode).toBe(1);
      expect(result.stderr + result.stdout).toMatch(full);
      await expectRecovered();
    },
    minute,
  );

  test(
    "build: a step, a copy and the context",
    async () => {
      const step = await daemon.docker(["build", "-"], {
        stdin: `FROM ${image}\nRUN dd if=/dev/zero of=/big bs=1M count=200\n`,
      });
      expect(step.exitCode).not.toBe(0);
      expect(step.stdout + step.stderr).toMatch(full);
      await ok("builder", "prune", "-af");
      await expectRecovered();

      const context = join(directory, "context");
      mkdirSync(context);
      writeFileSync(join(context, "Dockerfile"), `FROM ${image}\nCOPY big /big\n`);
      for (const mebibytes of [35, 90]) {
        await runChecked([
          "dd",
          "if=/dev/urandom",
          `of=${context}/big`,
          "bs=1M",
          `count=${mebibytes}`,
          "status=none",
        ]);
        const copy = await docker("build", context);
        expect(copy.exitCode).toBe(1);
        expect(copy.stdout + copy.stderr).toMatch(full);
        await ok("builder", "prune", "-af");
        await expectRecovered();
      }
    },
    minute,
  );

  test(
    "a container that fills it: the others and the daemon go on, and its removal frees it",
    async () => {
      await ok("run", "-d", "--name", "calm", "-p", "127.0.0.1:18481:80", image, "httpd", "-f", "-h", "/www");
      const fill =
        "dd if=/dev/zero of=/big bs=64k; dd if=/dev/zero of=/small bs=512; echo full; exec sleep 1000";
      await ok("run", "-d", "--name", "filler", image, "sh", "-c", fill);
      await eventually("the disk is full", () => isFull("filler"));
      expect(await ok("ps", "--format", "{{.Names}}")).toBe("filler\ncalm");
      expect(await (await fetch("http://127.0.0.1:18481/")).text()).toBe("ok\n");
      const refused = await docker("run", "--rm", "--name", "refused", image, "true");
      expect(refused.exitCode).toBe(125);
      expect(refused.stderr).toMatch(full);
      expect((await docker("inspect", "refused")).exitCode).toBe(1);

      await daemon.crash();
      await daemon.start();
      expect(await ok("ps", "--format", "{{.Names}}")).toBe("filler\ncalm");
      expect(await (await fetch("http://127.0.0.1:18481/")).text()).toBe("ok\n");

      await ok("rm", "-f", "filler");
      await ok("rm", "-f", "calm");
      await expectRecovered();
    },
    minute,
  );

  test(
    "a container that ends on a full disk has ended, and not well",
    async () => {
      const fill = "dd if=/dev/zero of=/big bs=64k; dd if=/dev/zero of=/small bs=512; exit 9";
      await ok("run", "-d", "--name", "filler", image, "sh", "-c", fill);
      // The monitor may have had no room for the exit code: then it is unknown, which is 255, and never 0.
      expect(await ok("wait", "filler")).toMatch(/^(9|255)$/);
      expect(await ok("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", "filler")).toMatch(
        /^exited (9|255)$/,
      );
      await ok("rm", "filler");
      await expectRecovered();
    },
    minute,
  );

  test(
    "a daemon that stops and starts on a full disk",
    async () => {
      await ok("network", "create", "lane");
      await ok("run", "-d", "--name", "served", "--network", "lane", image, "httpd", "-f", "-h", "/www");
      const fill =
        "dd if=/dev/zero of=/big bs=64k; dd if=/dev/zero of=/small bs=512; echo full; exec sleep 1000";
      await ok("run", "-d", "--name", "filler", "--network", "lane", image, "sh", "-c", fill);
      await eventually("the disk is full", () => isFull("filler"));
      await daemon.stop();
      await daemon.start();
      expect(await ok("ps", "--format", "{{.Names}}")).toBe("filler\nserved");
      const { Pid } = JSON.parse(await ok("inspect", "--format", "{{json .State}}", "filler")) as {
        Pid: number;
      };
      const inside = await run(["nsenter", "-t", String(Pid), "-n", "-m", "wget", "-qO-", "http://served/"]);
      expect(inside.stdout).toBe("ok\n");
      await ok("rm", "-f", "filler");
      await ok("rm", "-f", "served");
      await ok("network", "rm", "lane");
      await expectRecovered();
    },
    minute,
  );

  test(
    "a push to the registry, whole and in chunks, and what its cache fetches",
    async () => {
      const send = (method: string, path: string, body?: Uint8Array<ArrayBuffer>) =>
        fetch(new URL(path, `http://127.0.0.1:${port}`), { method, ...(body ? { body } : {}) });
      const big = new Uint8Array(noise(90 * mebibyte));
      const digestOf = (bytes: Uint8Array) =>
        `sha256:${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}`;
      const uploads = "/v2/team/app/blobs/uploads/";
      const whole = await send("POST", `${uploads}?digest=${digestOf(big)}`, big);
      expect(whole.status).toBe(507);
      await expectRecovered();

      const place = (await send("POST", uploads)).headers.get("location")!;
      expect((await send("PATCH", place, big.subarray(0, 30 * mebibyte))).status).toBe(202);
      expect((await send("PATCH", place, big.subarray(30 * mebibyte))).status).toBe(507);
      expect((await send("GET", place)).status).toBe(404);
      await expectRecovered();
      const small = big.subarray(0, 1000);
      expect((await send("POST", `${uploads}?digest=${digestOf(small)}`, small)).status).toBe(201);
      expect((await send("DELETE", `/v2/team/app/blobs/${digestOf(small)}`)).status).toBe(202);
      expect((await ok("info", "--format", "{{.ID}}")).length).toBeGreaterThan(0);

      const cached = `/v2/cache/${upstream.host.replace(":", "-")}/team/app/blobs`;
      const { digest } = upstream.addBlob(big);
      const got = await send("GET", `${cached}/${digest}`);
      const end = await got.bytes().then(
        () => got.status,
        () => "cut",
      );
      // What it has sent before the disk was full can't be taken back; that it is not all has to be seen.
      expect(["cut", 507]).toContain(end);
      await daemon.virga(["registry", "gc"]);
      await expectRecovered();
      upstream.addBlob(small);
      const after = await send("GET", `${cached}/${digestOf(small)}`);
      expect(digestOf(await after.bytes())).toBe(digestOf(small));
    },
    minute,
  );
});

import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { run } from "../../src/host/index.ts";
import { startDaemon, type TestDaemon } from "../support/daemon.ts";

const website = join(import.meta.dir, "../../examples/website");
const environment = { PORT: "18080" };
const url = "http://127.0.0.1:18080/";
const minutes = 60_000;

let daemon: TestDaemon;

beforeAll(async () => {
  daemon = await startDaemon();
});

afterAll(async () => {
  await daemon.virga(["down", "--volumes", website], { env: environment });
  await daemon.destroy();
}, 2 * minutes);

async function up() {
  const result = await daemon.virga(["up", website], { env: environment });
  if (result.exitCode !== 0) throw new Error(result.stdout + result.stderr);
  return result;
}

async function page(): Promise<string> {
  const { exitCode, stdout, stderr } = await run(["curl", "-sS", "--fail", "--max-time", "10", url]);
  if (exitCode !== 0) throw new Error(stderr);
  return stdout;
}

async function visits(): Promise<number> {
  return Number(/<strong id="visits">(\d+)</.exec(await page())?.[1]);
}

const containers = () =>
  daemon.dockerOk(["ps", "-q", "--no-trunc", "--filter", "label=com.docker.compose.project=website"]);

test(
  "one command ends with a website that answers",
  async () => {
    const { stdout } = await up();
    expect(stdout).toContain("http://localhost:18080");
    expect(await page()).toContain("<h1>Guest book</h1>");
  },
  8 * minutes,
);

test(
  "an image with packages from apt is the same when it is built again, and says what is in it",
  async () => {
    const verified = await daemon.virga(["image", "verify", "website-cache", join(website, "cache")]);
    expect([verified.stdout, verified.exitCode]).toEqual([
      expect.stringMatching(/^identical sha256:[0-9a-f]{64}\n$/),
      0,
    ]);
    const sbom = await daemon.virga(["image", "sbom", "website-cache"]);
    expect(sbom.stdout).toMatch(/pkg:deb\/debian\/redis-server@\S+distro=debian-12/);
    const provenance = await daemon.virga(["image", "provenance", "website-cache"]);
    expect(provenance.stdout).toContain("pkg:docker/debian@bookworm?platform=linux");
  },
  4 * minutes,
);

test(
  "each part is a container of its own, reached by its own client",
  async () => {
    expect((await containers()).split("\n")).toHaveLength(4);
    const exec = (service: string, ...command: string[]) =>
      daemon.dockerOk(["exec", `website-${service}-1`, ...command]);
    const first = await visits();
    expect(await visits()).toBe(first + 1);
    expect(await exec("cache", "redis-cli", "get", "visits")).toBe(String(first + 1));
    await run(["curl", "-sS", "--data-urlencode", "message=Rain <never> leaves", url]);
    expect(
      await exec(
        "db",
        "psql",
        "-U",
        "postgres",
        "-h",
        "/var/run/postgresql",
        "-d",
        "guestbook",
        "-tAc",
        "SELECT text FROM messages",
      ),
    ).toBe("Rain <never> leaves");
    expect(await page()).toContain("Rain &lt;never&gt; leaves");
  },
  minutes,
);

test(
  "up again changes nothing",
  async () => {
    const before = await containers();
    await up();
    expect(await containers()).toBe(before);
  },
  2 * minutes,
);

test(
  "a killed daemon loses no container, and the site answers while it is down",
  async () => {
    const before = await containers();
    await daemon.crash();
    expect(await page()).toContain("Guest book");
    await daemon.start();
    expect(await containers()).toBe(before);
    expect(await page()).toContain("Guest book");
  },
  minutes,
);

test(
  "a message survives down and up",
  async () => {
    const down = await daemon.virga(["down", website], { env: environment });
    expect(down.exitCode, down.stderr).toBe(0);
    expect(await containers()).toBe("");
    await up();
    expect(await page()).toContain("Rain &lt;never&gt; leaves");
  },
  3 * minutes,
);

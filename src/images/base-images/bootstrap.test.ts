import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { errorOf } from "../testing.ts";
import { sweepBaseImages } from "./base-images.ts";
import { bootstrap, bootstrapCommand, type BootstrapPlan } from "./bootstrap.ts";

let directory = "";
beforeAll(async () => void (directory = await mkdtemp(join(tmpdir(), "virga-bootstrap-"))));
afterAll(() => rm(directory, { recursive: true, force: true }));

const planFrom = (uri: string): BootstrapPlan => ({
  wanted: { release: { distribution: "debian", codename: "bookworm", version: "12" }, slim: false },
  mirrors: {
    archives: [{ uri, suites: ["bookworm", "bookworm-updates"] }],
    components: ["main"],
    keyring: "/usr/share/keyrings/debian-archive-keyring.gpg",
    keyringPackage: "debian-archive-keyring",
  },
  architecture: "amd64",
  hostSettings: ['Acquire::Retries "0";'],
  mirrorSettings: [],
  environment: {},
});
const drain = async (tar: AsyncIterable<Uint8Array>) => {
  for await (const _chunk of tar);
};
const options = (signal = new AbortController().signal) => ({ report: () => {}, task: "image x", signal });

test("the command: each suite its line; slim leaves files out", () => {
  const plan = planFrom("http://m.example/debian");
  const command = bootstrapCommand({ ...plan, wanted: { ...plan.wanted, slim: true } });
  expect(command.slice(-4)).toEqual([
    "bookworm",
    "-",
    'deb [signed-by="/usr/share/keyrings/debian-archive-keyring.gpg"] http://m.example/debian bookworm main',
    'deb [signed-by="/usr/share/keyrings/debian-archive-keyring.gpg"] http://m.example/debian bookworm-updates main',
  ]);
  expect(command).toContain("--dpkgopt=path-exclude=/usr/share/man/*");
  expect(bootstrapCommand(plan).join(" ")).not.toContain("path-exclude");
});

describe.skipIf(Bun.which("mmdebstrap") === null || process.getuid?.() !== 0)("with mmdebstrap", () => {
  test("a mirror that is not there: unavailable, says which, leaves nothing", async () => {
    const error = await errorOf(
      bootstrap(planFrom("http://127.0.0.1:9/debian"), directory, options(), drain),
    );
    expect(error).toMatchObject({ kind: "unavailable", code: "image.mirror-unreachable" });
    expect(error.message).toStartWith("http://127.0.0.1:9/debian did not give bookworm: ");
    expect(await readdir(directory)).toEqual([]);
  });

  test("cancelled while the mirror does not answer: every process ends, nothing stays", async () => {
    const asked = Promise.withResolvers<void>();
    using server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: () => {
        asked.resolve();
        return new Promise<Response>(() => {});
      },
    });
    const stop = new AbortController();
    const plan = planFrom(`http://127.0.0.1:${server.port}/debian`);
    const making = errorOf(bootstrap(plan, directory, options(stop.signal), drain));
    await asked.promise;
    const [work] = await readdir(directory);
    expect(await processesIn(work!)).not.toEqual([]);
    stop.abort(new Error("enough"));
    expect((await making).message).toBe("enough");
    expect(await processesIn(work!)).toEqual([]);
    expect(await readdir(directory)).toEqual([]);
  });

  test("a consumer that fails, for a full disk say: its error, and nothing stays", async () => {
    const failing = async () => {
      throw new Error("no space");
    };
    const error = await errorOf(
      bootstrap(planFrom("http://127.0.0.1:9/debian"), directory, options(), failing),
    );
    expect(error.message).toBe("no space");
    expect(await readdir(directory)).toEqual([]);
  });
});

test("the sweep takes what a killed daemon left, and only that", async () => {
  await mkdir(join(directory, "bootstrap-abc/tmp"), { recursive: true });
  await mkdir(join(directory, "other"));
  await sweepBaseImages(directory);
  await sweepBaseImages(join(directory, "missing"));
  expect(await readdir(directory)).toEqual(["other"]);
  await rm(join(directory, "other"), { recursive: true });
});

/** Processes whose working directory or command line is in the work directory called `name`. */
async function processesIn(name: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of (await readdir("/proc")).filter((one) => /^\d+$/.test(one))) {
    const path = `/proc/${pid}/environ`;
    const text = existsSync(path)
      ? await Bun.file(path)
          .text()
          .catch(() => "")
      : "";
    if (text.includes(name)) found.push(pid);
  }
  return found;
}

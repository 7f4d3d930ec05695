import { afterAll, beforeAll, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { run } from "../../src/host/index.ts";
import { eventually, importBusybox, startDaemon, type TestDaemon } from "../support/daemon.ts";

/** testcontainers: a script of assertions, one function for each area, without its reaper and with one. */
const script = join(import.meta.dir, "testcontainers.mjs");
const reaperName = "testcontainers/ryuk:0.14.0";
const areas = (await run([process.execPath, script, "--list"])).stdout
  .split("\n")
  .filter((one) => one !== "" && one !== "leaving");
let daemon: TestDaemon;

const play = async (area: string, environment: Readonly<Record<string, string>>) => {
  const env = { ...daemon.environment, TESTCONTAINERS_HOST_OVERRIDE: "127.0.0.1", ...environment };
  const result = await run([process.execPath, script, area], { env });
  expect({ ...result, stderr: result.stderr.slice(-3000) }).toMatchObject({ exitCode: 0 });
  return result.stdout;
};

beforeAll(async () => {
  daemon = await startDaemon();
  await importBusybox(daemon);
}, 60_000);

afterAll(async () => await daemon.destroy(), 60_000);

test("the script has its areas", () => expect(areas.length).toBeGreaterThan(5));

for (const area of areas) {
  test(area, async () => void (await play(area, { TESTCONTAINERS_RYUK_DISABLED: "true" })));
}

/** An image of the reaper under the name that testcontainers asks for: our program, Bun, and the libraries of Bun. */
async function buildReaper(): Promise<void> {
  const folder = mkdtempSync("/tmp/virga-reaper-");
  const { stdout } = await run(["ldd", process.execPath]);
  const libraries = [...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, path]) => path!);
  for (const path of libraries) {
    mkdirSync(join(folder, "root", dirname(path)), { recursive: true });
    copyFileSync(path, join(folder, "root", path));
  }
  mkdirSync(join(folder, "root/bin"));
  copyFileSync(process.execPath, join(folder, "root/bin/bun"));
  copyFileSync(join(import.meta.dir, "reaper/reaper.mjs"), join(folder, "root", "reaper.mjs"));
  writeFileSync(
    join(folder, "Dockerfile"),
    'FROM box:1\nCOPY root /\nEXPOSE 8080\nENTRYPOINT ["/bin/bun", "/reaper.mjs"]\n',
  );
  await daemon.dockerOk(["build", "-q", "-t", reaperName, folder]);
  rmSync(folder, { recursive: true });
  expect(basename(reaperName)).toBe("ryuk:0.14.0");
}

test("the reaper takes away what a process that is gone has left", async () => {
  await buildReaper();
  const [container = "", network = ""] = (await play("leaving", {})).trim().split(" ");
  expect(await daemon.dockerOk(["ps", "-q", "--no-trunc", "--filter", `id=${container}`])).toBe(container);
  await eventually("the container and the network are gone", async () => {
    const [containers, networks] = await Promise.all([
      daemon.dockerOk(["ps", "-aq", "--filter", `id=${container}`]),
      daemon.dockerOk(["network", "ls", "-q", "--filter", `id=${network}`]),
    ]);
    return containers === "" && networks === "";
  });
  await eventually("the reaper itself is gone", async () => (await daemon.dockerOk(["ps", "-aq"])) === "");
}, 60_000);

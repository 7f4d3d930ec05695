import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { run } from "../../src/host/index.ts";
import { importBusybox, startDaemon, type TestDaemon } from "../support/daemon.ts";

/** Debian's python3-docker (docker-py 5): a Python script of assertions, one function for each area. */
const script = join(import.meta.dir, "docker_py.py");
const areas = (await run(["/usr/bin/python3", script, "--list"])).stdout.split("\n").filter(Boolean);
let daemon: TestDaemon;

beforeAll(async () => {
  daemon = await startDaemon();
  await importBusybox(daemon);
}, 60_000);

afterAll(async () => await daemon.destroy(), 60_000);

test("the script has its areas", () => expect(areas.length).toBeGreaterThan(10));

for (const area of areas) {
  test(area, async () => {
    const result = await run(["/usr/bin/python3", script, area], { env: daemon.environment });
    expect({ ...result, stderr: result.stderr.slice(-3000) }).toMatchObject({ exitCode: 0 });
  });
}

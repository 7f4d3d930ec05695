import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { run } from "../../src/host/index.ts";
import { version } from "../../src/base/index.ts";
import { eventually } from "../support/daemon.ts";

/** The launcher, in a checkout of its own. */
const checkout = join(import.meta.dir, "../..");
let copy: string;

beforeAll(() => {
  copy = mkdtempSync("/tmp/virga-launcher-");
  for (const name of ["src", "tools", "virga", "package.json", "package-lock.json", "tsconfig.json"]) {
    cpSync(join(checkout, name), join(copy, name), { recursive: true, preserveTimestamps: true });
  }
  mkdirSync(join(copy, "node_modules"));
  const packages = readdirSync(join(checkout, "node_modules")).filter((name) => !name.startsWith(".virga-"));
  for (const name of packages) {
    symlinkSync(join(checkout, "node_modules", name), join(copy, "node_modules", name));
  }
  // As after an installation.
  writeFileSync(join(copy, "node_modules/.virga-installed"), "");
});

afterAll(() => rmSync(copy, { recursive: true, force: true }));

const virga = async (...args: string[]) => (await run([join(copy, "virga"), ...args], { cwd: "/" })).stdout;
const bundle = () => existsSync(join(copy, "node_modules/.virga-cli/main.js"));

test("the first command runs from the sources and has the bundle made, the next ones use it", async () => {
  expect(await virga("version")).toBe(`virga ${version}\n`);
  await eventually("the bundle is made", bundle);
  expect(await virga("version")).toBe(`virga ${version}\n`);
  expect(await virga("run", "--help")).toContain("Usage: virga run");
  expect(await virga("system", "unit")).toContain(`ExecStart=${copy}/virga serve`);
  symlinkSync(join(copy, "virga"), join(copy, "link"));
  expect((await run([join(copy, "link"), "version"])).stdout).toBe(`virga ${version}\n`);
});

test("a source that has changed counts at once, and in the bundle soon", async () => {
  await eventually("the bundle is made", bundle);
  const file = join(copy, "src/base/version.ts");
  writeFileSync(file, 'export const version = "changed";\n');
  expect(await virga("version")).toBe("virga changed\n");
  const main = join(copy, "node_modules/.virga-cli/main.js");
  await eventually("it is bundled", async () => {
    const madeAt = Number(/time < (\d+)/.exec(await Bun.file(main).text())?.[1]);
    return madeAt > Bun.file(file).lastModified;
  });
  expect(await virga("version")).toBe("virga changed\n");
});

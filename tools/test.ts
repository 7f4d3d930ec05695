/**
 * Runs every test. Unit tests run in one process; each system test has a process and daemons of its own,
 * several side by side. What fails runs once more, alone, and is told as flaky when it then passes. The last line counts
 * them all: `N passed, N failed`.
 */
import { existsSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { installPackages, findProgram, missingPackages } from "../src/doctor/index.ts";

interface Outcome {
  readonly passed: number;
  readonly failed: number;
}

/** Debian packages that only the tests need, each shown by one of the programs. */
const testPackages = [
  { name: "buildah", programs: ["buildah"] },
  { name: "busybox-static", programs: ["/bin/busybox"] },
  { name: "curl", programs: ["curl"] },
  { name: "docker-registry", programs: ["docker-registry"] },
  { name: "docker-compose", programs: ["/usr/bin/docker-compose"] },
  { name: "docker.io", programs: ["dockerd"] },
  { name: "podman", programs: ["podman"] },
  { name: "python3-docker", programs: ["/usr/lib/python3/dist-packages/docker/__init__.py"] },
  { name: "qemu-system-x86", programs: ["qemu-system-x86_64"] },
  { name: "skopeo", programs: ["skopeo"] },
  { name: "umoci", programs: ["umoci"] },
];

const sideBySide = 2;
/** Starts first. */
const longest = "systemd.test.ts";
const args = process.argv.slice(2);
const files = args.filter((arg) => !arg.startsWith("--"));

await installMissing();
const checks = args.includes("--no-check") || files.length > 0 ? [] : [await check()];
const unit = files.length > 0 ? [] : [await unitTests()];
const system = await runSideBySide(files.length > 0 ? files : systemTests());
const outcomes = [...checks, ...unit, ...system];
const sum = (field: keyof Outcome) => outcomes.reduce((total, one) => total + one[field], 0);
console.log(`${sum("passed")} passed, ${sum("failed")} failed`);
process.exit(sum("failed") > 0 || sum("passed") === 0 ? 1 : 0);

async function installMissing(): Promise<void> {
  const names = [
    ...missingPackages().map((one) => one.name),
    ...testPackages.filter((one) => findProgram(one.programs) === undefined).map((one) => one.name),
  ];
  if (names.length === 0) return;
  console.error(`installing what the tests need: ${names.join(", ")}`);
  await installPackages(names);
}

async function check(): Promise<Outcome> {
  const child = Bun.spawn(["sh", "tools/check.sh"], { stdio: ["ignore", "inherit", "inherit"] });
  return (await child.exited) === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

/** What starts daemons: by what is used, by the clients that use it, and by Docker's own daemon beside it. */
function systemTests(): string[] {
  return ["e2e", "clients", "differential"]
    .flatMap((name) => {
      const folder = join(import.meta.dir, "../test", name);
      const found = existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith(".test.ts")) : [];
      return found.map((file) => join(folder, file));
    })
    .toSorted((one, other) => Number(other.endsWith(longest)) - Number(one.endsWith(longest)));
}

async function runSideBySide(paths: readonly string[]): Promise<Outcome[]> {
  const waiting = [...paths];
  const outcomes = new Map<string, Outcome>();
  const worker = async () => {
    for (let path = waiting.shift(); path; path = waiting.shift()) {
      outcomes.set(path, await bunTest(basename(path), [path]));
    }
  };
  await Promise.all(Array.from({ length: sideBySide }, worker));
  for (const path of [...outcomes.keys()].filter((one) => outcomes.get(one)!.failed > 0)) {
    outcomes.set(path, await again(basename(path), [path]));
  }
  return [...outcomes.values()];
}

async function unitTests(): Promise<Outcome> {
  const folders = ["src", "tools"];
  const first = await bunTest("unit tests", folders);
  return first.failed > 0 ? await again("unit tests", folders) : first;
}

/** A second time, with nothing beside it. */
async function again(name: string, paths: readonly string[]): Promise<Outcome> {
  const outcome = await bunTest(`again, alone: ${name}`, paths);
  if (outcome.failed === 0) console.log(`FLAKY: ${name} failed and then passed; mend it`);
  return outcome;
}

/** Runs `bun test`; a process that fails without counting a failed test (a crash) counts as one failure. */
async function bunTest(name: string, paths: readonly string[]): Promise<Outcome> {
  const started = performance.now();
  const child = Bun.spawn([process.execPath, "test", "--timeout", "180000", ...paths], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  const output = stdout + stderr;
  const count = (word: string) => Number(new RegExp(`^\\s*(\\d+) ${word}$`, "m").exec(output)?.[1] ?? 0);
  const passed = count("pass");
  const failed = Math.max(count("fail"), exitCode === 0 ? 0 : 1);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  if (failed > 0) console.log(output);
  console.log(`${name}: ${passed} passed, ${failed} failed in ${seconds} s`);
  return { passed, failed };
}

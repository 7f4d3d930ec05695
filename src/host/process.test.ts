import { afterAll, expect, test } from "bun:test";
import { closeSync, readFileSync, readdirSync } from "node:fs";
import {
  createSocketPair,
  isRunning,
  readProcess,
  resizeTerminalsOf,
  sealedCopy,
  signalProcess,
} from "./process.ts";

const children: Bun.Subprocess[] = [];
afterAll(() => children.forEach((child) => child.kill("SIGKILL")));

function sleeper(): Bun.Subprocess {
  const child = Bun.spawn(["sleep", "1000"], { stdio: ["ignore", "ignore", "ignore"] });
  children.push(child);
  return child;
}

test("a process is known by its pid and start time; another with the same pid gets no signal", async () => {
  const child = sleeper();
  const seen = readProcess(child.pid)!;
  expect(seen.parent).toBe(process.pid);
  expect(isRunning(seen)).toBe(true);
  const other = { ...seen, startTime: seen.startTime - 1 };
  expect(isRunning(other)).toBe(false);
  expect(signalProcess(other, 9)).toBe(false);
  expect(child.exitCode).toBeNull();
  expect(signalProcess(seen, 0)).toBe(true);
  expect(signalProcess(seen, 9)).toBe(true);
  await child.exited;
  expect(isRunning(seen)).toBe(false);
  expect(signalProcess(seen, 9)).toBe(false);
});

test("a name with spaces and parentheses does not confuse", async () => {
  const child = Bun.spawn(["sh", "-c", "printf ') R 1 (' > /proc/self/comm; exec 3<&0; read x <&3"], {
    stdin: "pipe",
  });
  children.push(child);
  while (!readFileSync(`/proc/${child.pid}/comm`, "utf8").startsWith(")")) await Bun.sleep(1);
  expect(readProcess(child.pid)?.parent).toBe(process.pid);
});

test("a signal that does not exist is refused", () => {
  expect(() => signalProcess(readProcess(sleeper().pid)!, 1000)).toThrow("Invalid signal");
});

test("a sealed copy runs, and cannot be written", () => {
  const program = Bun.which("true")!;
  using copy = sealedCopy(program);
  expect(Bun.spawnSync([copy.path]).exitCode).toBe(0);
  expect(Bun.spawnSync(["sh", "-c", `echo x >> ${copy.path}`], { stderr: "ignore" }).exitCode).not.toBe(0);
  expect(readFileSync(copy.path).equals(readFileSync(program))).toBe(true);
});

test("a socket pair leaves no descriptor", () => {
  const count = () => readdirSync("/proc/self/fd").length;
  const before = count();
  const { ours, theirs } = createSocketPair();
  closeSync(ours);
  closeSync(theirs);
  expect(count()).toBe(before);
});

test("a process without a terminal has none to resize", () => {
  expect(resizeTerminalsOf(sleeper().pid, 80, 24)).toBe(false);
});

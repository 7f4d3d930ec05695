import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { execFailureCode, lastLoggedError, runtimeFailure, strayOutput } from "./failure.ts";

// What crun really says is tested in runtimes.test.ts, against the crun that is installed; runc's words are these.
const said: [string, string][] = [
  ["executable file `x` not found in $PATH: No such file or directory", "task.command-not-found"],
  [
    'runc create failed: unable to start container process: exec: "x": executable file not found in $PATH',
    "task.command-not-found",
  ],
  [
    'unable to start container process: exec: "/x": stat /x: no such file or directory',
    "task.command-not-found",
  ],
  ["open executable: Permission denied", "task.command-not-executable"],
  ['unable to start container process: exec: "/x": permission denied', "task.command-not-executable"],
  ['unable to start container process: exec: "/": is a directory', "task.command-not-executable"],
  ["error stat'ing file `/x`: No such file or directory", "task.create-failed"],
  ["writing file `cpu.cfs_quota_us`: Numerical result out of range", "task.limit-refused"],
  ["", "task.create-failed"],
  // gVisor's.
  [
    'starting sandbox: error finding executable "x" in PATH [/bin]: no such file or directory',
    "task.command-not-found",
  ],
  ["creating process: failed to load /x: no such file or directory", "task.command-not-found"],
  ["creating process: failed to load /etc: permission denied", "task.command-not-executable"],
];

for (const [text, code] of said) {
  test(text || "nothing", () => {
    const error = runtimeFailure(text, "x", "create");
    expect(error.code).toBe(code);
    if (code === "task.create-failed" && text) expect(error.message).toContain(text);
  });
}

test("the exit code of a program that the kernel refused", () => {
  expect(execFailureCode("exec: Exec format error")).toBe(126);
  expect(execFailureCode("exec: No such file or directory")).toBe(127);
  expect(execFailureCode("something else")).toBeUndefined();
});

test("a runtime's log: its errors, and output that crun left there", () => {
  const folder = mkdtempSync("/tmp/virga-runtime-log-");
  const path = `${folder}/log`;
  const crun = '{"msg":"executable file `ä` not found","level":"error","time":"2026-01-01T00:00:00.000Z"}\n';
  const runc = '{"level":"error","msg":"exec failed","time":"2026-01-01T00:00:00Z"}\n';
  const output = '{"msg":"a program\'s own line"}\r\nlast ü';
  expect(lastLoggedError(path)).toBeUndefined();
  expect(strayOutput(path).toString()).toBe("");
  writeFileSync(path, crun);
  expect(lastLoggedError(path)).toBe("executable file `ä` not found");
  writeFileSync(path, `${crun}${output}\n`);
  expect(strayOutput(path).toString()).toBe(output);
  const told = { level: "warning", msg: "FATAL ERROR: failed to load /x: no such file or directory" };
  const debug = [{ level: "info", msg: "Version 0" }, told, { level: "warning", msg: "Failure" }];
  writeFileSync(path, debug.map((one) => `${JSON.stringify({ ...one, time: "" })}\n`).join(""));
  expect(lastLoggedError(path)).toBe(told.msg);
  writeFileSync(path, runc);
  expect(lastLoggedError(path)).toBe("exec failed");
  expect(strayOutput(path).toString()).toBe("");
  rmSync(folder, { recursive: true });
});

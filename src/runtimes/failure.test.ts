import { expect, test } from "bun:test";
import { execFailureCode, runtimeFailure } from "./failure.ts";

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

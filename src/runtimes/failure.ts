import { existsSync, readFileSync } from "node:fs";
import { z } from "zod";
import { fail, type VirgaError } from "../base/index.ts";

/**
 * Why an OCI runtime could not run a command. The runtimes tell it in words only: neither the specification nor
 * crun or runc has an exit code for it. So this one place knows their words, as crun 1.8, runc 1.1 and gVisor say them
 * (libcrun/linux.c and container.c; libcontainer/standard_init_linux.go, Go's os/exec errors), and failure.test.ts
 * holds them against the crun that is installed. What it doesn't know stays an internal error with the words in it.
 */
const words: readonly { readonly pattern: RegExp; readonly reason: "not-found" | "not-executable" }[] = [
  { pattern: /executable file ([`"'].*[`"'] )?not found in \$PATH/s, reason: "not-found" },
  { pattern: /^open executable: No such file or directory/, reason: "not-found" },
  { pattern: /exec: "[^"]*": (stat [^:]*: )?no such file or directory/, reason: "not-found" },
  { pattern: /^exec: No such file or directory/, reason: "not-found" },
  { pattern: /^open executable: /, reason: "not-executable" },
  { pattern: /exec: "[^"]*": (permission denied|is a directory)/, reason: "not-executable" },
  { pattern: /^exec: /, reason: "not-executable" },
  // gVisor's, at the start of a container and of an exec.
  { pattern: /error finding executable "[^"]*" in PATH/, reason: "not-found" },
  { pattern: /failed to load \S+: no such file or directory/, reason: "not-found" },
  { pattern: /failed to load \S+: /, reason: "not-executable" },
  { pattern: /exec format error/i, reason: "not-executable" },
];

/** The last error in a runtime's JSON log (`--log-format=json`); undefined when there is none. */
export function lastLoggedError(path: string): string | undefined {
  return linesOf(path)
    .map(loggedEntry)
    .findLast((entry) => entry?.level === "error" || entry?.msg.startsWith("FATAL ERROR: "))?.msg;
}

/**
 * Output of a process on a terminal that stands in the runtime's log: crun 1.8, when the process ends while there is
 * some left, writes that there as it is, and a newline (libcrun/container.c, flush_fd_to_err).
 */
export function strayOutput(path: string): Buffer {
  const output = linesOf(path).filter((line) => loggedEntry(line) === undefined);
  return Buffer.from(output.join("").replace(/\n$/, ""), "latin1");
}

/** With the newline of each; none when there is no such file. */
function linesOf(path: string): string[] {
  return existsSync(path) ? readFileSync(path, "latin1").split(/(?<=\n)/) : [];
}

const logEntry = z.strictObject({ level: z.string(), msg: z.string(), time: z.string() });

/** A line of the log as crun and runc write it, with these members and no other; undefined for what is none. */
function loggedEntry(line: string): z.infer<typeof logEntry> | undefined {
  try {
    return logEntry.safeParse(JSON.parse(Buffer.from(line, "latin1").toString())).data;
  } catch {
    return undefined;
  }
}

/** What the runtime said, as an error; `command` is the first argument of the process. */
export function runtimeFailure(
  said: string,
  command: string,
  doing: "create" | "start" | "exec" | "update",
): VirgaError {
  const text = said.trim() || "the runtime said nothing";
  const reason = words.find((one) => one.pattern.test(text))?.reason;
  if (reason === "not-found") {
    return fail(
      "invalid",
      "task.command-not-found",
      `exec: "${command}": executable file not found in $PATH`,
      {
        hint: "check the command and the image's PATH",
        cause: text,
      },
    );
  }
  if (reason === "not-executable") {
    return fail(
      "invalid",
      "task.command-not-executable",
      `exec: "${command}": ${text.replace(/^(.*failed to load \S+|.*?): /, "").toLowerCase()}`,
      {
        hint: "the file must be a program of this machine's architecture with execute permission",
        cause: text,
      },
    );
  }
  if (doing !== "exec") {
    const refused = refusedLimit(text);
    if (refused !== undefined) return refused;
  }
  return fail("internal", `task.${doing}-failed`, `the OCI runtime failed: ${text}`);
}

/** A value that the kernel does not take for a file of a cgroup, as crun says it. */
function refusedLimit(text: string): VirgaError | undefined {
  const [, file, why] =
    /writing file `([^`]+)`: (Invalid argument|Numerical result out of range)/.exec(text) ?? [];
  if (file === undefined) return undefined;
  return fail(
    "invalid",
    "task.limit-refused",
    `the kernel refuses the value for ${file}: ${why!.toLowerCase()}`,
    {
      hint: "the limit is too large or too small, or does not go with another one",
      cause: text,
    },
  );
}

/** Exit code of a command that ended at once because the kernel refused to run it: 127, 126, or undefined. */
export function execFailureCode(said: string): number | undefined {
  const reason = words.find((one) => one.pattern.test(said))?.reason;
  return reason === undefined ? undefined : reason === "not-found" ? 127 : 126;
}

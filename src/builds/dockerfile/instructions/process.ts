import { parseDuration } from "../../../base/index.ts";
import { needArguments, parseCommand, parseJsonArray, type Command } from "../arguments.ts";
import { dockerfileError } from "../dockerfile-error.ts";
import { takeFlags, type Flags } from "../flags.ts";
import { splitKeyword, type SourceLine } from "../source-lines.ts";

/** CMD, ENTRYPOINT, SHELL and HEALTHCHECK: what runs in a container of the image. */
export type ProcessInstruction =
  | (SourceLine & { readonly kind: "CMD" | "ENTRYPOINT"; readonly command: Command })
  | (SourceLine & { readonly kind: "SHELL"; readonly shell: readonly string[] })
  | (SourceLine & { readonly kind: "HEALTHCHECK"; readonly check: HealthcheckWritten });

/** Durations are nanoseconds; undefined is the default. */
export interface HealthcheckWritten {
  readonly command: Command | "NONE";
  readonly interval: number | undefined;
  readonly timeout: number | undefined;
  readonly startPeriod: number | undefined;
  readonly startInterval: number | undefined;
  readonly retries: number | undefined;
}

export function parseProcessCommand(line: SourceLine, kind: "CMD" | "ENTRYPOINT"): ProcessInstruction {
  const { rest } = takeFlags(line, line.rest, {});
  needArguments(line, rest, `${kind} ["program", "argument", …]`);
  return { ...line, kind, command: parseCommand(line, rest) };
}

export function parseShell(line: SourceLine): ProcessInstruction {
  const shell = parseJsonArray(line, line.rest);
  if (shell === undefined || shell.length === 0) {
    const message = "the shell must be a JSON array with at least one string";
    throw dockerfileError("dockerfile.arguments", line, message, 'write it like SHELL ["/bin/bash", "-c"]');
  }
  return { ...line, kind: "SHELL", shell };
}

export function parseHealthcheck(line: SourceLine): ProcessInstruction {
  const { flags, rest } = takeFlags(line, line.rest, {
    interval: "text",
    timeout: "text",
    "start-period": "text",
    "start-interval": "text",
    retries: "text",
  });
  const [type, text] = splitKeyword(rest);
  const expected = "HEALTHCHECK [flags] CMD <command>, or HEALTHCHECK NONE";
  if (type === "NONE" && text === "" && flags.written.length === 0) {
    return { ...line, kind: "HEALTHCHECK", check: { ...noTimes, command: "NONE" } };
  }
  if (type !== "CMD" || text === "") {
    throw dockerfileError("dockerfile.arguments", line, `expected ${expected}`);
  }
  const check: HealthcheckWritten = {
    command: parseCommand(line, text),
    interval: duration(line, flags, "interval"),
    timeout: duration(line, flags, "timeout"),
    startPeriod: duration(line, flags, "start-period"),
    startInterval: duration(line, flags, "start-interval"),
    retries: retries(line, flags.text("retries")),
  };
  return { ...line, kind: "HEALTHCHECK", check };
}

const noTimes = {
  interval: undefined,
  timeout: undefined,
  startPeriod: undefined,
  startInterval: undefined,
  retries: undefined,
};

function duration(line: SourceLine, flags: Flags, name: string): number | undefined {
  const text = flags.text(name);
  if (text === undefined) return undefined;
  let milliseconds: number;
  try {
    milliseconds = parseDuration(text);
  } catch {
    throw dockerfileError("dockerfile.flag", line, `--${name}: '${text}' is not a duration such as 30s`);
  }
  if (milliseconds !== 0 && milliseconds < 1) {
    throw dockerfileError("dockerfile.flag", line, `--${name} can't be less than 1ms`);
  }
  return Math.round(milliseconds * 1e6);
}

function retries(line: SourceLine, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw dockerfileError("dockerfile.flag", line, `--retries: '${text}' is not a whole number`);
}

import { parseArgs } from "node:util";
import { fail, messageOf, nearest } from "../base/index.ts";

/** A command is data: help text and argument parsing follow from it. */
export interface Command extends CommandHelp {
  run(invocation: Invocation): Promise<number>;
}

export interface CommandHelp {
  /** As typed: `up`, `system status`. */
  readonly name: string;
  readonly summary: string;
  /** What follows the name in the usage line: `[FOLDER | FILE] [SERVICE...]`. */
  readonly usage: string;
  readonly options: Readonly<Record<string, Option>>;
  /** At least and at most so many arguments; without a maximum any number. */
  readonly arguments?: { readonly min?: number; readonly max?: number };
  /** Longer help, after the options. */
  readonly details?: string;
}

export interface Option {
  readonly type: "boolean" | "string";
  readonly short?: string;
  readonly multiple?: boolean;
  /** Name of the value in the help text. */
  readonly value?: string;
  readonly help: string;
}

export interface Invocation {
  readonly root: string;
  readonly arguments: readonly string[];
  flag(name: string): boolean;
  text(name: string): string | undefined;
  texts(name: string): readonly string[];
  number(name: string): number | undefined;
}

export const commonOptions: Readonly<Record<string, Option>> = {
  root: { type: "string", value: "DIR", help: "the daemon's folder (or VIRGA_ROOT; default /var/lib/virga)" },
  help: { type: "boolean", short: "h", help: "show this help" },
};

/** Reads a command's arguments. Throws `invalid` / `cli.usage` with the command that shows the help. */
export function parseInvocation(command: Command, args: readonly string[], defaultRoot: string): Invocation {
  const { values, positionals } = parse(command, args);
  const { min = 0, max } = command.arguments ?? {};
  if (positionals.length < min || (max !== undefined && positionals.length > max)) {
    throw usageError(command, positionals.length < min ? "an argument is missing" : "too many arguments");
  }
  const all = (name: string) => [values[name] ?? []].flat();
  const text = (name: string) => all(name).findLast((one) => typeof one === "string");
  return {
    root: text("root") ?? defaultRoot,
    arguments: positionals,
    flag: (name) => values[name] === true,
    text,
    texts: (name) => all(name).filter((one) => typeof one === "string"),
    number(name) {
      const value = text(name);
      if (value === undefined) return undefined;
      if (!/^-?\d+$/.test(value)) throw usageError(command, `--${name} takes a whole number, not '${value}'`);
      return Number(value);
    },
  };
}

type ParsedValue = string | boolean;

function parse(command: Command, args: readonly string[]) {
  const options = Object.entries({ ...commonOptions, ...command.options }).map(([name, option]) => [
    name,
    {
      type: option.type,
      ...(option.short ? { short: option.short } : {}),
      ...(option.multiple ? { multiple: true } : {}),
    },
  ]);
  try {
    const parsed = parseArgs({
      args: [...args],
      options: Object.fromEntries(options),
      allowPositionals: true,
    });
    return {
      positionals: parsed.positionals,
      values: parsed.values as Record<string, ParsedValue | ParsedValue[]>,
    };
  } catch (error) {
    throw usageError(command, parseMessage(command, error));
  }
}

/** Node's message without its advice on arguments that begin with a dash, and with the option that was meant. */
function parseMessage(command: Command, error: unknown): string {
  const message = messageOf(error);
  const unknown = /^Unknown option '-*([^']+)'/.exec(message)?.[1];
  if (unknown === undefined) return message.split("\n", 1)[0]!;
  const known = Object.keys({ ...commonOptions, ...command.options });
  const dashes = unknown.length === 1 ? "-" : "--";
  const near = nearest(unknown, known);
  return `there is no option '${dashes}${unknown}'${near === undefined ? "" : ` – did you mean '--${near}'?`}`;
}

function usageError(command: Command, message: string): Error {
  return fail("invalid", "cli.usage", message, { hint: `virga ${command.name} --help` });
}

export function helpOf(command: CommandHelp): string {
  const rows = Object.entries({ ...command.options, ...commonOptions }).map(([name, option]) => {
    const short = option.short ? `-${option.short}, ` : "    ";
    const value = option.type === "string" ? ` ${option.value ?? "VALUE"}` : "";
    return [`  ${short}--${name}${value}`, option.help] as const;
  });
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  const options = rows.map(([left, help]) => `${left.padEnd(width)}${help}`).join("\n");
  const details = command.details ? `\n\n${command.details}` : "";
  const usage = [`virga ${command.name}`, "[OPTIONS]", command.usage].filter(Boolean).join(" ");
  return `${command.summary}\n\nUsage: ${usage}\n\nOptions:\n${options}${details}\n`;
}

import { fail, parseBytes, parseDuration, suggestion } from "../base/index.ts";
import { allOptions, type CommandHelp, type Invocation, type Option } from "./command.ts";

/** Reads a command's arguments. Throws `invalid` / `cli.usage` with the command that shows the help. */
export function parseInvocation(
  command: CommandHelp,
  args: readonly string[],
  defaultRoot: string,
): Invocation {
  const { values, positionals } = parse(command, args);
  const { min = 0, max } = command.arguments ?? {};
  if (positionals.length < min) throw usageError(command, "an argument is missing");
  if (max !== undefined && positionals.length > max) throw usageError(command, "too many arguments");
  const texts = (name: string) => values.get(name) ?? [];
  const numbers = (name: string) =>
    texts(name).map((text) => numberOf(command, name, allOptions(command)[name]!, text));
  for (const name of values.keys()) numbers(name);
  return {
    root: texts("root").at(-1) ?? defaultRoot,
    arguments: positionals,
    given: (name) => values.has(name),
    flag: (name, otherwise = false) => (values.has(name) ? texts(name).at(-1) === "true" : otherwise),
    text: (name) => texts(name).at(-1),
    texts,
    number: (name) => numbers(name).at(-1),
    numbers,
  };
}

interface Parsed {
  readonly values: Map<string, string[]>;
  readonly positionals: string[];
}

function parse(command: CommandHelp, args: readonly string[]): Parsed {
  const options = allOptions(command);
  const values = new Map<string, string[]>();
  const positionals: string[] = [];
  const rest = [...args];
  const set = (name: string, value: string) => {
    check(command, name, options[name]!, value);
    const before = values.get(name) ?? [];
    const read = options[name]!.type === "boolean" ? String(value in truths) : value;
    values.set(name, options[name]!.multiple === true ? [...before, read] : [read]);
  };
  const next = (shown: string): string => {
    const value = rest.shift();
    if (value === undefined) throw usageError(command, `${shown} wants a value`);
    return value;
  };
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    if (command.restAfter !== undefined && positionals.length >= command.restAfter) {
      return { values, positionals: [...positionals, arg, ...rest] };
    }
    if (arg === "--") {
      return { values, positionals: [...positionals, ...rest] };
    }
    if (arg.startsWith("--")) readLong(command, arg, set, next);
    else if (arg.startsWith("-") && arg !== "-") readShort(command, arg, set, next);
    else positionals.push(arg);
  }
  return { values, positionals };
}

type Set = (name: string, value: string) => void;
type Next = (shown: string) => string;

function readLong(command: CommandHelp, arg: string, set: Set, next: Next): void {
  const equals = arg.indexOf("=");
  const typed = arg.slice(2, equals < 0 ? undefined : equals);
  const inline = equals < 0 ? undefined : arg.slice(equals + 1);
  const options = allOptions(command);
  const name = Object.hasOwn(options, typed)
    ? typed
    : Object.keys(options).find((one) => options[one]!.alias === typed);
  if (name === undefined) {
    const known = Object.keys(options).map((one) => `--${one}`);
    throw usageError(command, `there is no option '--${typed}'${suggestion(`--${typed}`, known)}`);
  }
  if (options[name]!.type === "boolean") set(name, inline ?? "true");
  else set(name, inline ?? next(`--${name}`));
}

/** `-it`, `-p 80`, `-p80`, `-eA=1`, `-p=80`. */
function readShort(command: CommandHelp, arg: string, set: Set, next: Next): void {
  const options = allOptions(command);
  for (let at = 1; at < arg.length; at++) {
    const letter = arg[at]!;
    const name = Object.keys(options).find((one) => options[one]!.short === letter);
    if (name === undefined) throw usageError(command, `there is no option '-${letter}'`);
    const tail = arg.slice(at + 1);
    if (options[name]!.type !== "boolean") {
      set(name, tail === "" ? next(`-${letter}`) : tail.replace(/^=/, ""));
      return;
    }
    if (tail.startsWith("=")) return set(name, tail.slice(1));
    set(name, "true");
  }
}

const truths: Readonly<Record<string, string>> = { true: "true", t: "true", 1: "true" };
const lies: Readonly<Record<string, string>> = { false: "false", f: "false", 0: "false" };

function check(command: CommandHelp, name: string, option: Option, value: string): void {
  if (option.type === "boolean" && !(value in truths) && !(value in lies)) {
    throw usageError(command, `--${name} takes true or false, not '${value}'`);
  }
  if (option.choices && !option.choices.includes(value)) {
    const meant = suggestion(value, option.choices);
    throw usageError(command, `--${name} takes ${option.choices.join(", ")}, not '${value}'${meant}`);
  }
}

const wanted = {
  number: "a whole number",
  decimal: "a number",
  size: "a size such as 512m",
  duration: "a time such as 30s or 1m30s",
} as const;

/** NaN for what is no number by its type. */
function numberOf(command: CommandHelp, name: string, option: Option, text: string): number {
  const { type } = option;
  if (type === "boolean" || type === "string") return Number.NaN;
  const value = read(type, text);
  if (value === undefined || Number.isNaN(value)) {
    throw usageError(command, `--${name} takes ${wanted[type]}, not '${text}'`);
  }
  return value;
}

function read(type: keyof typeof wanted, text: string): number | undefined {
  try {
    if (type === "duration") return parseDuration(text);
    // -1 is "no limit" for sizes.
    if (type === "size") return text === "-1" ? -1 : parseBytes(text);
  } catch {
    return undefined;
  }
  return (type === "number" ? /^-?\d+$/ : /^-?\d+(\.\d+)?$/).test(text) ? Number(text) : undefined;
}

export function usageError(command: Pick<CommandHelp, "name">, message: string): Error {
  return fail("invalid", "cli.usage", message, { hint: `virga ${command.name} --help` });
}

import { isVirgaError, suggestion, version } from "../base/index.ts";
import type { Command, CommandHelp } from "./command.ts";
import { aliases, commandNames, isCommand, isGroup, loadCommand, sections } from "./commands/index.ts";
import { defaultRoot } from "./connection.ts";
import { parseInvocation } from "./invocation.ts";
import { errorText, exitCodeOf } from "./output.ts";
import { print, tell } from "./terminal.ts";

/** Runs one command line (without the program's name) and returns the exit code. */
export async function runCommandLine(args: readonly string[]): Promise<number> {
  const { root, rest: words } = leadingRoot(args);
  const [first] = words;
  if (first === undefined || first === "--help" || first === "-h") return await help([]);
  if (first === "help") return await help(words.slice(1));
  if (first === "version" || first === "--version" || first === "-v") {
    print(`virga ${version}`);
    return 0;
  }
  const named = findName(words);
  if (named === undefined) {
    if (isGroup(first) && (words.length === 1 || asksForHelp(words))) return await help([first]);
    tell(unknownCommand(words));
    return 2;
  }
  const command = await loadCommand(named.name);
  if (asksForHelp(named.rest, command)) {
    const { helpOf } = await import("./help.ts");
    print(helpOf(command));
    return 0;
  }
  try {
    return await run(command, named.rest, root);
  } catch (error) {
    const isUsage = isVirgaError(error, "invalid") && error.code === "cli.usage";
    const next = isUsage && error.hint === undefined ? `\n  next: virga ${command.name} --help` : "";
    tell(`${errorText(error)}${next}`);
    return isUsage ? (command.usageErrorCode ?? 2) : exitCodeOf(error);
  }
}

async function run(command: CommandHelp | Command, args: readonly string[], root: string): Promise<number> {
  if (!("run" in command)) throw new Error(`virga ${command.name} is run elsewhere`);
  return await command.run(parseInvocation(command, args, root));
}

/** `--root DIR` may stand before the command too. */
function leadingRoot(args: readonly string[]): { readonly root: string; readonly rest: readonly string[] } {
  const otherwise = process.env["VIRGA_ROOT"] || defaultRoot;
  const [first, second, ...rest] = args;
  if (first === "--root" && second !== undefined) return { root: second, rest };
  if (first?.startsWith("--root=")) return { root: first.slice("--root=".length), rest: args.slice(1) };
  return { root: otherwise, rest: args };
}

/** The command that the first words name, the most of them that name one. */
function findName(
  args: readonly string[],
): { readonly name: string; readonly rest: readonly string[] } | undefined {
  for (const length of [3, 2, 1]) {
    const typed = args.slice(0, length).join(" ");
    const name = aliases[typed] ?? typed;
    if (args.length >= length && isCommand(name)) return { name, rest: args.slice(length) };
  }
  // `virga container run` is `virga run`.
  return args[0] === "container" && args.length > 1 ? findName(args.slice(1)) : undefined;
}

async function help(args: readonly string[]): Promise<number> {
  const { helpOf, overview } = await import("./help.ts");
  const named = findName(args);
  if (named !== undefined) {
    print(helpOf(await loadCommand(named.name)));
    return 0;
  }
  const prefix = args.length === 0 ? "" : `${args[0]} `;
  if (args.length > 0 && !isGroup(args[0]!)) {
    tell(unknownCommand(args));
    return 2;
  }
  const shown = (await sections())
    .map((one) => ({ ...one, commands: one.commands.filter((two) => two.name.startsWith(prefix)) }))
    .filter((one) => one.commands.length > 0);
  print(overview(shown));
  return 0;
}

/**
 * Up to `--`, and up to where a container's command begins: what follows is not an option of ours. `-h` is not help
 * for a command that has it for itself.
 */
function asksForHelp(args: readonly string[], command?: CommandHelp): boolean {
  const end = args.findIndex((one, at) => one === "--" || (command?.restAfter === 1 && isArgument(args, at)));
  const own = Object.values(command?.options ?? {}).some((option) => option.short === "h");
  return args.slice(0, end < 0 ? args.length : end).some((one) => one === "--help" || (one === "-h" && !own));
}

/** Good enough to see `--help`: what follows another word than an option, and is none itself. */
function isArgument(args: readonly string[], at: number): boolean {
  return !args[at]!.startsWith("-") && (at === 0 || !args[at - 1]!.startsWith("-"));
}

function unknownCommand(args: readonly string[]): string {
  const group = commandNames.filter((name) => name.startsWith(`${args[0]} `));
  const next = group.length > 0 ? group.map((name) => `virga ${name}`).join(", ") : "virga help";
  const typed = args.slice(0, group.length > 0 ? 2 : 1).join(" ");
  const meant = suggestion(typed, [...commandNames, "help", "version"]);
  return `virga: there is no command '${typed}'${meant}\n  next: ${next}`;
}

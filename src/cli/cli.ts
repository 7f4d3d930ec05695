import { suggestion, version } from "../base/index.ts";
import { commands, documented } from "./commands/index.ts";
import { helpOf, parseInvocation, type CommandHelp } from "./command.ts";
import { defaultRoot } from "./connection.ts";
import { errorText, exitCodeOf } from "./output.ts";

/** Runs one command line (without the program's name) and returns the exit code. */
export async function runCommandLine(args: readonly string[]): Promise<number> {
  const [first] = args;
  if (first === undefined || first === "--help" || first === "-h") {
    process.stdout.write(overview(documented));
    return 0;
  }
  if (first === "help") return help(args.slice(1));
  if (first === "version" || first === "--version") {
    console.log(`virga ${version}`);
    return 0;
  }
  const described = find(documented, args);
  if (described && asksForHelp(args)) {
    process.stdout.write(helpOf(described));
    return 0;
  }
  const command = find(commands, args);
  if (!command) {
    process.stderr.write(unknownCommand(args));
    return 2;
  }
  const rest = args.slice(command.name.split(" ").length);
  try {
    return await command.run(parseInvocation(command, rest, process.env["VIRGA_ROOT"] ?? defaultRoot));
  } catch (error) {
    process.stderr.write(errorText(error));
    return exitCodeOf(error);
  }
}

function help(args: readonly string[]): number {
  const group = documented.filter((one) => one.name.startsWith(`${args.join(" ")} `));
  const command = find(documented, args);
  if (args.length > 0 && !command && group.length === 0) {
    process.stderr.write(unknownCommand(args));
    return 2;
  }
  const text = command ? helpOf(command) : overview(group.length > 0 ? group : documented);
  process.stdout.write(text);
  return 0;
}

/** Up to `--`: what follows is not an option. */
function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  return args.slice(0, end < 0 ? args.length : end).some((one) => one === "--help" || one === "-h");
}

/** The command that the first two words name, or the first one. */
function find<C extends CommandHelp>(all: readonly C[], args: readonly string[]): C | undefined {
  const named = (length: number) => all.find((one) => one.name === args.slice(0, length).join(" "));
  return named(2) ?? named(1);
}

function overview(shown: readonly CommandHelp[]): string {
  const width = Math.max(...shown.map((one) => one.name.length)) + 3;
  const rows = shown.map((one) => `  ${one.name.padEnd(width)}${one.summary}\n`).join("");
  return `virga ${version}: this machine as a cloud\n\nUsage: virga COMMAND [OPTIONS]\n\nCommands:\n${rows}\nMore: virga help COMMAND\n`;
}

function unknownCommand(args: readonly string[]): string {
  const names = documented.map((one) => one.name);
  const group = names.filter((name) => name.startsWith(`${args[0]} `));
  const next = group.length > 0 ? group.map((name) => `virga ${name}`).join(", ") : "virga help";
  const typed = args.slice(0, group.length > 0 ? 2 : 1).join(" ");
  const meant = suggestion(typed, [...names, "help", "version"]);
  return `virga: there is no command '${typed}'${meant}\n  next: ${next}\n`;
}

import { suggestion, version } from "../base/index.ts";
import { commands } from "./commands/index.ts";
import { helpOf, parseInvocation, type Command } from "./command.ts";
import { defaultRoot } from "./connection.ts";
import { errorText, exitCodeOf } from "./output.ts";

/** Runs one command line (without the program's name) and returns the exit code. */
export async function runCommandLine(args: readonly string[]): Promise<number> {
  const [first] = args;
  if (first === undefined || first === "--help" || first === "-h") {
    process.stdout.write(overview());
    return 0;
  }
  if (first === "help") return help(args.slice(1));
  if (first === "version" || first === "--version") {
    console.log(`virga ${version}`);
    return 0;
  }
  const { command, rest } = findCommand(args);
  if (!command) {
    process.stderr.write(unknownCommand(args));
    return 2;
  }
  if (rest.includes("--help") || rest.includes("-h")) {
    process.stdout.write(helpOf(command));
    return 0;
  }
  try {
    return await command.run(parseInvocation(command, rest, process.env["VIRGA_ROOT"] ?? defaultRoot));
  } catch (error) {
    process.stderr.write(errorText(error));
    return exitCodeOf(error);
  }
}

function help(args: readonly string[]): number {
  const { command, rest } = findCommand(args);
  if (args.length > 0 && (!command || rest.length > 0)) {
    process.stderr.write(unknownCommand(args));
    return 2;
  }
  process.stdout.write(command ? helpOf(command) : overview());
  return 0;
}

function findCommand(args: readonly string[]): { command?: Command; rest: readonly string[] } {
  for (const length of [2, 1]) {
    const command = commands.find((one) => one.name === args.slice(0, length).join(" "));
    if (command) return { command, rest: args.slice(length) };
  }
  return { rest: args };
}

function overview(): string {
  const width = Math.max(...commands.map((one) => one.name.length), "serve".length) + 3;
  const row = (name: string, summary: string) => `  ${name.padEnd(width)}${summary}\n`;
  const rows = commands.map((one) => row(one.name, one.summary)).join("");
  const serve = row("serve", "Run the daemon in the foreground");
  return `virga ${version}: this machine as a cloud\n\nUsage: virga COMMAND [OPTIONS]\n\nCommands:\n${rows}${serve}\nMore: virga help COMMAND\n`;
}

function unknownCommand(args: readonly string[]): string {
  const names = commands.map((one) => one.name);
  const group = names.filter((name) => name.startsWith(`${args[0]} `));
  const next = group.length > 0 ? group.map((name) => `virga ${name}`).join(", ") : "virga help";
  const typed = args.slice(0, group.length > 0 ? 2 : 1).join(" ");
  const meant = suggestion(typed, [...names, "help", "serve", "version"]);
  return `virga: there is no command '${typed}'${meant}\n  next: ${next}\n`;
}

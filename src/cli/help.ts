import { version } from "../base/index.ts";
import { allOptions, type CommandHelp, type Option } from "./command.ts";

const textWidth = 110;

/** Everything about one command. */
export function helpOf(command: CommandHelp): string {
  const options = Object.entries(allOptions(command));
  const longest = Math.max(...options.map(([name, option]) => signature(name, option).length));
  const width = Math.min(30, longest + 2);
  const sections = Map.groupBy(options, ([, option]) => option.section ?? "Options");
  const texts = [...sections].map(([title, rows]) => {
    const lines = rows.map(([name, option]) =>
      optionRow(signature(name, option), description(option), width),
    );
    return `${title}:\n${lines.join("\n")}`;
  });
  const details = command.details ? `\n\n${command.details}` : "";
  const usage = [`virga ${command.name}`, "[OPTIONS]", command.usage].filter(Boolean).join(" ");
  return `${command.summary}\n\nUsage: ${usage}\n\n${texts.join("\n\n")}${details}\n`;
}

function signature(name: string, option: Option): string {
  const short = option.short ? `-${option.short}, ` : "    ";
  const value = option.type === "boolean" ? "" : ` ${option.value ?? defaultValue[option.type]}`;
  return `  ${short}--${name}${value}`;
}

const defaultValue = {
  string: "VALUE",
  number: "N",
  decimal: "N",
  size: "SIZE",
  duration: "TIME",
} as const;

function description(option: Option): string {
  return option.multiple === true ? `${option.help} (may be repeated)` : option.help;
}

/** A long left side has its line for itself; a long text goes on below itself. */
function optionRow(left: string, help: string, width: number): string {
  const indent = " ".repeat(width);
  const [first = "", ...more] = wrapped(help, textWidth - width);
  const head =
    left.length + 2 > width ? `${left}\n${indent}${first}` : `${left.padEnd(width)}${first}`.trimEnd();
  return [head, ...more.map((line) => indent + line)].join("\n");
}

function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

export interface Section {
  readonly title: string;
  readonly commands: readonly CommandHelp[];
}

/** The commands by what a person wants to do. */
export function overview(sections: readonly Section[]): string {
  const width = Math.max(...sections.flatMap((one) => one.commands.map(({ name }) => name.length))) + 3;
  const text = sections
    .map(({ title, commands }) => `${title}\n${commands.map((one) => commandRow(one, width)).join("")}`)
    .join("\n");
  return `virga ${version}: this machine as a cloud\n\nUsage: virga COMMAND [OPTIONS]\n\n${text}\nMore: virga COMMAND --help\n`;
}

function commandRow(command: CommandHelp, width: number): string {
  return `  ${command.name.padEnd(width)}${command.summary}\n`;
}

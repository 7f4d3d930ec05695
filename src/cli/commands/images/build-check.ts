import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Client, WireBuild, WireCheck } from "../../../api/client/index.ts";
import { print, printJson } from "../../terminal.ts";

/** Prints what the build checks find, as Docker does; the exit code is 1 when they find something. */
export async function checkBuild(client: Client, build: WireBuild, json: boolean): Promise<number> {
  const checks = await client.checkBuild(build);
  const { warnings } = checks;
  if (json) printJson(checks);
  else {
    const lines = sourceOf(build).split(/\r?\n/);
    for (const warning of warnings) print(`${describe(warning, lines)}\n`);
    const found = warnings.length === 1 ? "1 warning has" : `${warnings.length || "no"} warnings have`;
    print(`Check complete, ${found} been found${warnings.length > 0 ? "!" : "."}`);
  }
  return warnings.length > 0 ? 1 : 0;
}

function sourceOf({ directory, dockerfile = "Dockerfile", dockerfileText }: WireBuild): string {
  try {
    return dockerfileText ?? readFileSync(join(directory, dockerfile), "utf8");
  } catch {
    return "";
  }
}

/** Lines of the file around the place. */
const around = 2;

function describe(warning: WireCheck, lines: readonly string[]): string {
  const { rule, url, message, file, start, end } = warning;
  const shown = lines.flatMap((line, index) => {
    const number = index + 1;
    if (number < start - around || number > end + around) return [];
    const mark = number >= start && number <= end ? ">>>" : "   ";
    return [`${String(number).padStart(4)} | ${mark} ${line}`.trimEnd()];
  });
  const border = "-".repeat(20);
  return [`WARNING: ${rule} - ${url}`, message, `${file}:${start}`, border, ...shown, border].join("\n");
}

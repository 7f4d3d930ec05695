import { fail } from "../base/index.ts";

export function wrong(option: string, expected: string, text: string): Error {
  return fail("invalid", "cli.usage", `--${option} takes ${expected}, not '${text}'`);
}

/** One object of `KEY=VALUE` texts. */
export function pairs(option: string, texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    texts.map((text) => {
      const at = text.indexOf("=");
      if (at < 1) throw wrong(option, "KEY=VALUE", text);
      return [text.slice(0, at), text.slice(at + 1)];
    }),
  );
}

export function readText(file: string): string {
  try {
    return process
      .getBuiltinModule("node:fs")
      .readFileSync(file, "utf8")
      .replace(/^\uFEFF/, "");
  } catch (error) {
    throw fail("invalid", "cli.no-such-file", `${file} cannot be read`, { cause: error });
  }
}

/** Fields of a line of comma-separated values; quotes as RFC 4180 has them. */
export function csv(text: string): readonly string[] {
  const fields: string[] = [];
  const pattern = /(?:"((?:[^"]|"")*)"|([^,]*))(,|$)/gy;
  for (let match = pattern.exec(text); match; match = pattern.exec(text)) {
    fields.push(match[1] === undefined ? match[2]! : match[1].replaceAll('""', '"'));
    if (match[3] === "") break;
  }
  return fields;
}

/** Variables of files, then of options, each `NAME=VALUE`. */
export function pairsOrHere(files: readonly string[], texts: readonly string[]): readonly string[] {
  return [...files.flatMap(envFile), ...texts.flatMap(variable)];
}

/** `NAME=VALUE` stays; `NAME` is taken from here, if it is set here. */
function variable(text: string): readonly string[] {
  if (text.includes("=")) return [text];
  const value = process.env[text];
  return value === undefined ? [] : [`${text}=${value}`];
}

function envFile(file: string): readonly string[] {
  return linesOf(file).flatMap(variable);
}

/** Lines with something in them, without comments. */
export function linesOf(file: string): readonly string[] {
  return readText(file)
    .split(/\r?\n/)
    .map((line) => line.trimStart())
    .filter((line) => line !== "" && !line.startsWith("#"));
}

/** A label: `KEY=VALUE`, or `KEY` alone. */
export function labelPair(text: string): readonly [string, string] {
  const at = text.indexOf("=");
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

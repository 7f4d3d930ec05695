import { posix } from "node:path";
import { fail } from "../../base/index.ts";
import { GlobError, globMatches, globToRegExpSource } from "./glob.ts";

/** Which paths of a context a build may see. Paths are relative, with slashes, without `./`. */
export interface IgnoreRules {
  excludes(path: string): boolean;
  /** False when nothing below an excluded folder can be included again, so that it need not be read. */
  mayIncludeBelow(folder: string): boolean;
  /** A pattern takes back what another excludes. */
  readonly hasExceptions: boolean;
}

export const ignoreNothing: IgnoreRules = {
  excludes: () => false,
  mayIncludeBelow: () => true,
  hasExceptions: false,
};

interface Rule {
  readonly pattern: string;
  readonly negated: boolean;
  readonly matcher: RegExp;
}

/**
 * Rules of a .dockerignore file (reference, ".dockerignore file"): one pattern a line, `#` begins a comment, `!` takes
 * back, `**` is any number of folders; the last pattern that matches a path or a folder above it counts.
 * Throws `invalid` / `build.ignore-file`.
 */
export function parseIgnore(text: string, file: string): IgnoreRules {
  const lines = text.replace(/^\uFEFF/, "").split(/\r?\n/);
  const patterns = lines.map((line) => (line.startsWith("#") ? "" : line.trim()));
  return ignoreRules(patterns, (index) => `${file}:${index + 1}`);
}

/** As `parseIgnore`, of patterns already read (`COPY --exclude`). `nameOf` says where a wrong one stands. */
export function ignoreRules(patterns: readonly string[], nameOf: (index: number) => string): IgnoreRules {
  const rules = patterns.flatMap((written, index): Rule[] => {
    const negated = written.startsWith("!");
    const rest = (negated ? written.slice(1) : written).trim();
    if (rest === "" && !negated) return [];
    const pattern = posix.normalize(rest).replace(/^\/+/, "").replace(/\/$/, "");
    if (rest === "") throw wrongPattern(nameOf(index), "a pattern is missing after '!'");
    if (pattern === "" || pattern === ".") return [];
    try {
      const source = globToRegExpSource(pattern, { doubleStar: true });
      return [{ pattern, negated, matcher: new RegExp(`^${source}(?:/.*)?$`, "su") }];
    } catch (error) {
      if (error instanceof GlobError) throw wrongPattern(nameOf(index), error.message);
      throw error;
    }
  });
  const negations = rules.filter((rule) => rule.negated).map((rule) => rule.pattern.split("/"));
  return {
    hasExceptions: negations.length > 0,
    excludes: (path) => {
      let excluded = false;
      for (const rule of rules) {
        if (rule.negated === excluded && rule.matcher.test(path)) excluded = !rule.negated;
      }
      return excluded;
    },
    mayIncludeBelow: (folder) => negations.some((parts) => mayMatchBelow(parts, folder.split("/"))),
  };
}

/** Whether a pattern can match something inside `folder`: its first parts match the folder's. */
function mayMatchBelow(parts: readonly string[], folder: readonly string[]): boolean {
  for (const [index, name] of folder.entries()) {
    const part = parts[index];
    if (part === undefined) return false;
    if (part.includes("**")) return true;
    if (!globMatches(part, name)) return false;
  }
  return parts.length > folder.length;
}

function wrongPattern(where: string, message: string) {
  return fail("invalid", "build.ignore-file", `${where}: ${message}`);
}

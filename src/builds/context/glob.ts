/**
 * Go's `filepath.Match` as the source of a regular expression: `*` and `?` stop at slashes, `[a-z]` and `[^a-z]`,
 * a backslash before a character that is meant as it stands. `**` (in ignore files and --parents) crosses slashes.
 */
export interface GlobOptions {
  /** `**` stands for any number of folders. */
  readonly doubleStar?: boolean;
}

/** Thrown for a pattern that Go would refuse as malformed. */
export class GlobError extends Error {
  override name = "GlobError";
}

export function globToRegExpSource(pattern: string, options: GlobOptions = {}): string {
  let source = "";
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern[at]!;
    if (char === "*" && pattern[at + 1] === "*" && options.doubleStar) {
      while (pattern[at + 1] === "*") at++;
      if (pattern[at + 1] === "/") {
        at++;
        // One after another they mean the same as one, and would make the matching slow.
        if (!source.endsWith("(?:.*/)?")) source += "(?:.*/)?";
      } else source += ".*";
    } else if (char === "*") source += "[^/]*";
    else if (char === "?") source += "[^/]";
    else if (char === "\\") {
      if (++at >= pattern.length) throw new GlobError(`'${pattern}' ends with a backslash`);
      source += literal(pattern[at]!);
    } else if (char === "[") {
      const end = classEnd(pattern, at);
      source += characterClass(pattern.slice(at + 1, end), pattern);
      at = end;
    } else source += literal(char);
  }
  return source;
}

/** Whether the whole of `path` matches. Throws `GlobError`. */
export function globMatches(pattern: string, path: string, options: GlobOptions = {}): boolean {
  return new RegExp(`^${globToRegExpSource(pattern, options)}$`, "su").test(path);
}

export function hasGlob(pattern: string): boolean {
  return /[*?[\\]/.test(pattern);
}

function literal(char: string): string {
  return char.replace(/[\\^$.*+?()[\]{}|/]/, "\\$&");
}

function classEnd(pattern: string, start: number): number {
  let at = start + 1;
  if (pattern[at] === "^") at++;
  if (pattern[at] === "]") throw new GlobError(`'${pattern}' has an empty [ ]`);
  for (; at < pattern.length; at++) {
    if (pattern[at] === "\\") at++;
    else if (pattern[at] === "]") return at;
  }
  throw new GlobError(`'${pattern}' has a [ without its ]`);
}

function characterClass(inner: string, pattern: string): string {
  const negated = inner.startsWith("^");
  let source = "";
  const body = negated ? inner.slice(1) : inner;
  for (let at = 0; at < body.length; at++) {
    if (body[at] === "\\") source += literal(body[++at] ?? "");
    else if (body[at] === "-" && at > 0 && at < body.length - 1) source += "-";
    else source += body[at] === "-" ? "\\-" : literal(body[at]!);
  }
  const made = `[${negated ? "^" : ""}${source}]`;
  try {
    void new RegExp(made, "u");
  } catch {
    throw new GlobError(`'${pattern}' has a range that ends before it starts`);
  }
  return negated ? `(?!/)${made}` : made;
}

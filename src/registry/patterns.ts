import { refuse } from "./errors.ts";

/** Whether a name fits a pattern, in which `*` stands for any text, slashes too: `team/*`, `*`, `v1.*`. */
export function fits(pattern: string, name: string): boolean {
  if (!pattern.includes("*")) return pattern === name;
  const [first, ...rest] = pattern.split("*");
  if (!name.startsWith(first!)) return false;
  let at = first!.length;
  const last = rest.pop()!;
  for (const part of rest) {
    const found = name.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return name.length - last.length >= at && name.endsWith(last);
}

/** Throws `invalid` / `registry.pattern-invalid`. */
export function checkTagPattern(pattern: string): string {
  if (/^[a-zA-Z0-9._*-]{1,128}$/.test(pattern)) return pattern;
  throw refuse("invalid", "registry.pattern-invalid", `'${pattern}' is no pattern of tags`, {
    hint: "write a tag, with * for any text: latest, v*, *",
  });
}

/** Throws `invalid` / `registry.pattern-invalid`. */
export function checkPattern(pattern: string): string {
  if (/^[a-z0-9._/*-]{1,255}$/.test(pattern)) return pattern;
  throw refuse("invalid", "registry.pattern-invalid", `'${pattern}' is no pattern of repositories`, {
    hint: "write a repository's name, with * for any text: team/app, team/*, *",
  });
}

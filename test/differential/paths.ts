/** The value at `HostConfig.Mounts.0.Type` of a JSON tree; undefined when there is none. A `/` may part the names too. */
export function valueAt(tree: unknown, path: string): unknown {
  let value = tree;
  for (const name of path.split(path.includes("/") ? "/" : ".")) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

const star = "\0";

/** `text` as a pattern that matches it alone. */
export const literal = (text: string) => text.replaceAll("*", star);

/** True when `text` is as `pattern` says, where `*` stands for anything. */
export function matches(pattern: string, text: string): boolean {
  const escaped = (part: string) => part.replaceAll(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll(star, "\\*");
  const source = pattern.split("*").map(escaped);
  return new RegExp(`^${source.join(".*")}$`, "s").test(text);
}

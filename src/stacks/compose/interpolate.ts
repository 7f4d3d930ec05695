import type { Problems } from "./problems.ts";
import type { Node } from "./tree.ts";

export interface Interpolation {
  readonly variable: (name: string) => string | undefined;
  readonly invalid: (message: string) => void;
  /** A variable that is not set and has no default was used. */
  readonly unset: (name: string) => void;
}

const name = /^[A-Za-z_][A-Za-z0-9_]*/;

/**
 * Replaces `$NAME`, `${NAME}`, `${NAME:-default}`, `-`, `:?error`, `?`, `:+replacement` and `+`, nested; `$$` is one
 * dollar sign. A dollar sign before anything else stays as it is (Compose specification, "Interpolation").
 */
export function interpolate(text: string, options: Interpolation): string {
  let result = "";
  let rest = text;
  for (;;) {
    const dollar = rest.indexOf("$");
    if (dollar < 0) return result + rest;
    result += rest.slice(0, dollar);
    rest = rest.slice(dollar + 1);
    if (rest.startsWith("$")) {
      result += "$";
      rest = rest.slice(1);
    } else if (rest.startsWith("{")) {
      const end = closingBrace(rest);
      if (end < 0) {
        options.invalid(`'\${${shown(rest.slice(1))}' has no closing brace; write $$ for a dollar sign`);
        return result;
      }
      result += braced(rest.slice(1, end), options);
      rest = rest.slice(end + 1);
    } else {
      const match = name.exec(rest)?.[0];
      if (match === undefined) result += "$";
      else result += plainValue(match, options);
      rest = rest.slice(match?.length ?? 0);
    }
  }
}

/** Index of the brace that closes the one at index 0, or -1. */
function closingBrace(text: string): number {
  let depth = 0;
  for (let index = 0; index < text.length; index++) {
    if (text[index] === "$" && text[index + 1] === "$") index++;
    else if (text[index] === "{" && (index === 0 || text[index - 1] === "$")) depth++;
    else if (text[index] === "}" && --depth === 0) return index;
  }
  return -1;
}

function braced(inner: string, options: Interpolation): string {
  const variable = name.exec(inner)?.[0] ?? "";
  const match = /^(:?[-?+])([\s\S]*)$/.exec(inner.slice(variable.length));
  if (variable !== "" && inner === variable) return plainValue(variable, options);
  if (variable === "" || !match) {
    options.invalid(
      `'\${${shown(inner)}}' is not a variable; write \${NAME}, \${NAME:-default}, \${NAME:?error} or \${NAME:+value}, and $$ for a dollar sign`,
    );
    return "";
  }
  const [, operator, argument] = match as unknown as [string, string, string];
  const value = options.variable(variable);
  const present = operator.startsWith(":") ? value !== undefined && value !== "" : value !== undefined;
  if (operator.endsWith("-")) return present ? value! : interpolate(argument, options);
  if (operator.endsWith("+")) return present ? interpolate(argument, options) : "";
  if (present) return value!;
  const reason = interpolate(argument, options);
  options.invalid(`the variable ${variable} must be set${reason === "" ? "" : `: ${reason}`}`);
  return "";
}

function plainValue(variable: string, options: Interpolation): string {
  const value = options.variable(variable);
  if (value === undefined) options.unset(variable);
  return value ?? "";
}

function shown(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}

/** The extension that is Virga's own. */
const ownExtension = "x-virga";

/** The tree with every value interpolated; keys, and everything under another's `x-…`, stay as written. */
export function interpolateTree(node: Node, problems: Problems, path = ""): Node {
  if (node.kind === "map") {
    const entries = [...node.entries].map(([key, entry]) => {
      const below = path === "" ? key : `${path}.${key}`;
      const value =
        key.startsWith("x-") && key !== ownExtension
          ? entry.value
          : interpolateTree(entry.value, problems, below);
      return [key, { ...entry, value }] as const;
    });
    return { ...node, entries: new Map(entries) };
  }
  if (node.kind === "list") {
    const items = node.items.map((item, index) => interpolateTree(item, problems, `${path}[${index}]`));
    return { ...node, items };
  }
  if (typeof node.value !== "string" || !node.value.includes("$")) return node;
  const value = interpolate(node.value, {
    variable: node.at.source.variable,
    invalid: (message) => problems.invalid(node.at, path, message),
    unset: (variable) =>
      problems.warn(
        undefined,
        `the variable ${variable} is not set; an empty string is used (write $$ for a dollar sign)`,
      ),
  });
  return { ...node, value, text: value, plain: false };
}

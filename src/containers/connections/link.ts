import { fail } from "../../base/index.ts";

export interface Link {
  readonly target: string;
  readonly alias: string;
}

/** `CONTAINER[:ALIAS]`, the alias being the name when none is given. Throws `invalid` / `link.invalid` in Docker's words. */
export function parseLink(text: string): Link {
  if (text === "") throw fail("invalid", "link.invalid", "empty string specified for links");
  const [first = "", second, ...rest] = text.split(":");
  if (rest.length > 0 || first === "" || second === "") {
    throw fail("invalid", "link.invalid", `bad format for links: ${text}`);
  }
  const target = first.replace(/^\//, "");
  // What inspect tells has the linking container's name before the alias.
  const alias = second === undefined ? target : second.slice(second.lastIndexOf("/") + 1);
  if (/^[a-zA-Z0-9_.-]{1,253}$/.test(alias)) return { target, alias };
  throw fail("invalid", "link.invalid", `bad format for links: ${text}`, {
    hint: "an alias has letters, digits, '_', '.' and '-'",
  });
}

import { posix } from "node:path";
import { fail } from "../../base/index.ts";

/** A git repository, and what of it is meant. */
export interface GitAddress {
  /** As git takes it, without fragment and query. */
  readonly remote: string;
  /** A branch, a tag or a commit; undefined: what the repository's HEAD is. */
  readonly ref: string | undefined;
  /** A folder in it, relative; undefined: all. */
  readonly subdir: string | undefined;
  /** The commit that it must be, or the beginning of its name. */
  readonly checksum: string | undefined;
  readonly keepGitDir: boolean | undefined;
  readonly submodules: boolean;
}

/** Whether a source or a context is a git repository. Over HTTP it is one when its path ends with `.git`. */
export function isGitAddress(text: string): boolean {
  if (/^(git|ssh):\/\//.test(text) || isScp(text)) return true;
  return /^https?:\/\/[^?#]*\.git(?:[?#]|$)/.test(text);
}

function isScp(text: string): boolean {
  return /^[A-Za-z0-9._-]+@[A-Za-z0-9._-]+:(?!\/\/)/.test(text);
}

/**
 * `ADDRESS.git#ref:folder`, or `ADDRESS.git?ref=…&subdir=…` (with `tag`, `branch`, `checksum`, `commit`, `keep-git-dir`,
 * `submodules`). Throws `invalid` / `build.git-address`.
 */
export function parseGitAddress(text: string): GitAddress {
  const [, remote, query = "", fragment = ""] = /^([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s.exec(text)!;
  if (remote!.startsWith("-")) throw wrong(text, "it begins like an option");
  const colon = fragment.indexOf(":");
  const values = new Map<string, string>();
  const set = (name: string, value: string) => {
    const before = values.get(name);
    if (before !== undefined && before !== value) throw wrong(text, `${name} is both ${before} and ${value}`);
    if (value !== "") values.set(name, value);
  };
  set("ref", colon < 0 ? fragment : fragment.slice(0, colon));
  set("subdir", colon < 0 ? "" : fragment.slice(colon + 1));
  for (const [name, value] of new URLSearchParams(query)) {
    if (name === "tag") set("ref", prefixed("refs/tags/", value));
    else if (name === "branch") set("ref", prefixed("refs/heads/", value));
    else if (name === "commit") set("checksum", value);
    else if (name === "keep-git-dir" || name === "submodules") set(name, value === "" ? "true" : value);
    else if (name === "ref" || name === "subdir" || name === "checksum") set(name, value);
    else throw wrong(text, `there is no '${name}'`);
  }
  const ref = values.get("ref");
  if (ref?.startsWith("-")) throw wrong(text, `${ref} is no branch, tag or commit`);
  const subdir = posix.resolve("/", values.get("subdir") ?? "").slice(1);
  return {
    remote: remote!,
    ref,
    subdir: subdir === "" ? undefined : subdir,
    checksum: values.get("checksum"),
    keepGitDir: flag(text, "keep-git-dir", values.get("keep-git-dir")),
    submodules: flag(text, "submodules", values.get("submodules")) ?? true,
  };
}

function prefixed(prefix: string, value: string): string {
  return value.startsWith(prefix) ? value : `${prefix}${value}`;
}

function flag(text: string, name: string, value: string | undefined): boolean | undefined {
  if (value === undefined) return undefined;
  if (/^(true|1|t)$/i.test(value)) return true;
  if (/^(false|0|f)$/i.test(value)) return false;
  throw wrong(text, `${name} is true or false, not ${value}`);
}

function wrong(text: string, why: string) {
  const hint = "write it like https://example.com/repository.git#branch:folder";
  return fail("invalid", "build.git-address", `'${text}' is not a git repository's address: ${why}`, {
    hint,
  });
}

import { fail } from "../../../base/index.ts";
import type { CacheRecord } from "../../../builds/index.ts";

type Test = (record: CacheRecord) => boolean;

const texts: Readonly<Record<string, (record: CacheRecord) => string>> = {
  id: (one) => one.id,
  type: (one) => one.type,
  description: (one) => one.description,
  parent: () => "",
};
const flags: Readonly<Record<string, Test>> = {
  inuse: (one) => one.inUse,
  shared: (one) => one.shared,
  private: (one) => !one.shared,
  mutable: (one) => one.type !== "regular",
  immutable: (one) => one.type === "regular",
};

/**
 * containerd's filters: each text is terms that all hold, divided by commas (`type==regular,inuse`); one text that
 * holds is enough. Throws `invalid` / `buildkit.filter`.
 */
export function cacheSelector(filters: readonly string[]): Test {
  if (filters.length === 0) return () => true;
  const tests = filters.map((filter) => filter.split(",").filter(Boolean).map(term));
  return (record) => tests.some((all) => all.every((one) => one(record)));
}

function term(written: string): Test {
  const [, not = "", field = "", operator = "", value = ""] =
    /^(!?)(\w+)(==|!=|~=)?(.*)$/s.exec(written) ?? [];
  const flag = flags[field];
  if (flag && operator === "") return (record) => flag(record) !== (not === "!");
  const read = texts[field];
  if (!read || operator === "" || not !== "") throw bad(written);
  const wanted = unquoted(value);
  if (operator === "==") return (record) => read(record) === wanted;
  if (operator === "!=") return (record) => read(record) !== wanted;
  let pattern: RegExp;
  try {
    pattern = new RegExp(wanted);
  } catch {
    throw bad(written);
  }
  return (record) => pattern.test(read(record));
}

function unquoted(value: string): string {
  try {
    return value.startsWith('"') ? String(JSON.parse(value)) : value;
  } catch {
    throw bad(value);
  }
}

function bad(written: string) {
  return fail("invalid", "buildkit.filter", `the filter '${written}' is not understood`, {
    hint: `filters are ${[...Object.keys(texts), ...Object.keys(flags)].join(", ")}`,
  });
}

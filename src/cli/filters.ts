import { fail } from "../base/index.ts";
import type { Option } from "./command.ts";

export const filterOption = {
  filter: {
    type: "string",
    short: "f",
    multiple: true,
    value: "KEY=VALUE",
    help: "only what matches, such as status=exited, label=stage or name=web",
  },
} as const satisfies Record<string, Option>;

/** Docker's `filters` parameter of `--filter KEY=VALUE`; undefined when there are none. */
export function filtersOf(texts: readonly string[]): string | undefined {
  if (texts.length === 0) return undefined;
  const filters: Record<string, string[]> = {};
  for (const text of texts) {
    const at = text.indexOf("=");
    if (at < 1) {
      throw fail("invalid", "cli.usage", `--filter takes KEY=VALUE, not '${text}'`, {
        hint: "virga ps --filter status=exited",
      });
    }
    (filters[text.slice(0, at).toLowerCase().trim()] ??= []).push(text.slice(at + 1).trim());
  }
  return JSON.stringify(filters);
}

import { expect, test } from "bun:test";
import { join } from "node:path";
import { commandNames } from "./commands/index.ts";

/** `virga NAME`, with up to two words more, in the source: what errors tell a person to run next. */
async function mentioned(): Promise<Set<string>> {
  const folder = join(import.meta.dir, "..");
  const found = new Set<string>();
  for (const file of new Bun.Glob("**/*.ts").scanSync(folder)) {
    if (file.endsWith(".test.ts")) continue;
    const text = await Bun.file(join(folder, file)).text();
    for (const hint of text.matchAll(/hint: *(?:\n *)?(["`])(.*?)\1/g)) {
      for (const [, words] of hint[2]!.matchAll(/\bvirga ([a-z]+(?: [a-z][a-z-]*){0,2})/g)) found.add(words!);
    }
  }
  return found;
}

test("every command that an error names exists", async () => {
  const names = ["help", ...commandNames];
  const unknown = [...(await mentioned())].filter(
    (words) => ![1, 2, 3].some((length) => names.includes(words.split(" ").slice(0, length).join(" "))),
  );
  expect(unknown).toEqual([]);
});

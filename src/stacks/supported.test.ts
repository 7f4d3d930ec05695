import { expect, test } from "bun:test";
import { supportedKeys, supportedKeysMarkdown } from "./supported.ts";

test("no key is in two states, and every note belongs to a key", () => {
  const rows = supportedKeys();
  const places = rows.map(({ section, key }) => `${section}.${key}`);
  expect(new Set(places).size).toBe(places.length);
  expect(rows.find((row) => row.key === "gpus")?.support).toBe("no");
  expect(rows.find((row) => row.section === "services.NAME" && row.key === "image")?.support).toBe("yes");
  expect(supportedKeysMarkdown()).toContain("| `gpus` | refused | GPUs are not there |");
});

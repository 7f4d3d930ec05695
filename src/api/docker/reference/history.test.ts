import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { quirks, type Quirk } from "../quirks.ts";
import { newestVersion, oldestVersion } from "../versions.ts";
import { history } from "./history.ts";

const table: Readonly<Record<string, Quirk>> = quirks;
const rows = Object.entries(history).flatMap(([version, changes]) =>
  changes.map(([what, here]) => ({ version: Number(version), what, here })),
);

/** The version with which a quirk begins or ends. */
function turnsAt(quirk: Quirk): number {
  return quirk.since ?? (quirk.until ?? 0) + 1;
}

describe("the history of versions and the table of quirks", () => {
  test("every version after the oldest is told of", () => {
    const versions = Array.from(
      { length: newestVersion - oldestVersion },
      (_, index) => oldestVersion + 1 + index,
    );
    expect(Object.keys(history).map(Number)).toEqual(versions);
  });

  test("every answer is one of the three, and names a quirk that there is", () => {
    const wrong = rows.filter(
      ({ here }) => !/^(yes|no: .+)$/.test(here) && table[here.replace(/^~/, "")] === undefined,
    );
    expect(wrong).toEqual([]);
  });

  test("every quirk up to the newest version stands where it turns", () => {
    const untold = Object.entries(table).filter(
      ([name, quirk]) =>
        turnsAt(quirk) >= oldestVersion &&
        turnsAt(quirk) <= newestVersion &&
        !rows.some(({ version, here }) => here === `~${name}` && version === turnsAt(quirk)),
    );
    expect(untold.map(([name]) => name)).toEqual([]);
  });

  test("every quirk is asked for somewhere in the code", () => {
    const folder = join(import.meta.dir, "..");
    const code = readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts") && name !== "quirks.ts")
      .map((name) => readFileSync(join(folder, name), "utf8"))
      .join("");
    expect(Object.keys(quirks).filter((name) => !code.includes(`quirks.${name}`))).toEqual([]);
  });
});

import { expect, test } from "bun:test";
import { lstatSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ManualClock } from "../../base/index.ts";
import { openState } from "../../state/index.ts";
import { createFileDigests, fileDigestMigrations } from "./file-digests.ts";

const hash = (text: string) => new Bun.CryptoHasher("sha256").update(text).digest("hex");

test("a file is hashed when it is new or has changed; what was hashed on its way is not hashed again", async () => {
  const folder = mkdtempSync("/tmp/virga-digests-");
  const state = openState(":memory:", fileDigestMigrations);
  // Long after the files were written: their times say whether they change.
  const clock = new ManualClock(Date.UTC(2100, 0, 1));
  const [same, changes] = [join(folder, "same"), join(folder, "changes")];
  for (const path of [same, changes]) writeFileSync(path, "first");
  const digestOf = async (path: string, hashed?: ReadonlyMap<string, string>) => {
    const digests = createFileDigests(clock, hashed ? undefined : state, hashed);
    const digest = await digests.digest(path, lstatSync(path, { bigint: true }));
    digests.save();
    return digest;
  };
  for (const path of [same, changes]) expect(await digestOf(path)).toBe(hash("first"));
  state.db.run("UPDATE build_files SET digest = 'remembered'");
  writeFileSync(changes, "second");
  expect(await digestOf(same)).toBe("remembered");
  expect(await digestOf(changes)).toBe(hash("second"));
  expect(await digestOf(same, new Map([[same, "on its way"]]))).toBe("on its way");
  expect(await digestOf(same, new Map())).toBe(hash("first"));
  state.close();
  rmSync(folder, { recursive: true });
});

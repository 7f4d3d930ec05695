import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openState } from "./state.ts";

const folder = mkdtempSync("/tmp/virga-state-");
const path = join(folder, "state.db");
afterEach(() => {
  for (const suffix of ["", "-wal", "-shm"]) rmSync(path + suffix, { force: true });
});

const first = { id: "things/001", sql: "CREATE TABLE things (name TEXT PRIMARY KEY) STRICT" };
const second = { id: "things/002", sql: "ALTER TABLE things ADD COLUMN size INTEGER" };

test("brings an older database to the newest schema and keeps its rows", () => {
  const old = openState(path, [first]);
  old.db.run("INSERT INTO things VALUES ('a')");
  old.close();
  const state = openState(path, [first, second]);
  expect(state.db.query("SELECT * FROM things").all()).toEqual([{ name: "a", size: null }]);
  state.close();
});

test("refuses a database that a newer version wrote", () => {
  openState(path, [first, second]).close();
  expect(() => openState(path, [first])).toThrow("newer Virga (things/002)");
});

test("a migration that fails leaves nothing of itself", () => {
  const broken = { id: "things/002", sql: "CREATE TABLE other (x INTEGER) STRICT; SYNTAX ERROR" };
  expect(() => openState(path, [first, broken])).toThrow();
  const state = openState(path, [first, second]);
  expect(state.db.query("SELECT name FROM sqlite_master WHERE name = 'other'").all()).toEqual([]);
  state.close();
});

test("only root can read the database", () => {
  openState(path, [first]).close();
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test("a full disk takes changes still, also after a restart", async () => {
  const disk = mkdtempSync("/tmp/virga-state-disk-");
  await Bun.$`mount -t tmpfs -o size=8m virga-test ${disk}`.quiet();
  try {
    const file = join(disk, "state.db");
    const state = openState(file, [first]);
    expect(() => writeFileSync(join(disk, "ballast"), Buffer.alloc(16 << 20))).toThrow("ENOSPC");
    for (let n = 0; n < 100; n++) state.db.run("INSERT INTO things VALUES (?)", [`a${n}`]);
    state.close();
    const again = openState(file, [first]);
    for (let n = 0; n < 100; n++) again.db.run("DELETE FROM things WHERE name = ?", [`a${n}`]);
    expect(again.db.query("SELECT * FROM things").all()).toEqual([]);
    again.close();
  } finally {
    await Bun.$`umount ${disk}`.quiet();
    rmSync(disk, { recursive: true });
  }
});

test("flushes what was written, for many callers at once and after a failure too", async () => {
  const state = openState(path, [first]);
  state.db.run("INSERT INTO things VALUES ('a')");
  await Promise.all([state.flushed(), state.flushed(), state.flushed()]);
  renameSync(`${path}-wal`, `${path}-away`);
  const failures = await Promise.allSettled([state.flushed(), state.flushed()]);
  expect(failures.map((one) => one.status)).toEqual(["rejected", "rejected"]);
  renameSync(`${path}-away`, `${path}-wal`);
  await state.flushed();
  state.close();
});

test("a transaction that throws changes nothing", () => {
  const state = openState(":memory:", [first]);
  expect(() =>
    state.transaction(() => {
      state.db.run("INSERT INTO things VALUES ('a')");
      throw new Error("no");
    }),
  ).toThrow("no");
  expect(state.db.query("SELECT * FROM things").all()).toEqual([]);
});

import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { openState } from "./state.ts";

const folder = mkdtempSync("/tmp/virga-state-");
const path = join(folder, "state.db");
afterEach(() => rmSync(path, { force: true }));

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

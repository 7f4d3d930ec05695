import { afterEach, beforeEach, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mount, unmount } from "../host/index.ts";
import type { ContentStore, Digest } from "./content.ts";
import { createContentStore, parseDigest } from "./content-store.ts";

let directory: string;
let store: ContentStore;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "virga-content-"));
  store = await createContentStore({ directory });
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const sha256 = (bytes: string | Uint8Array): Digest =>
  `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
const failure = (promise: Promise<unknown>) => promise.catch((error: unknown) => error);
const ingest = () => readdirSync(join(directory, "ingest"));
const readAll = async (stream: ReadableStream<Uint8Array>) => await new Response(stream).text();

test("stores chunks of all sizes in order, and gives ranges back", async () => {
  const writer = await store.writer();
  const parts = [1, 5000, 300_000, 2, 1 << 20, 7, 262_143, 262_144, 900_000].map((size, i) =>
    new Uint8Array(size).fill(i + 1),
  );
  for (const part of parts) await writer.write(part);
  const whole = Buffer.concat(parts);
  const info = await writer.commit({ digest: sha256(whole), size: whole.length });
  expect(info).toEqual({ digest: sha256(whole), size: whole.length });
  expect(await Bun.file(store.path(info.digest)).bytes()).toEqual(new Uint8Array(whole));
  const small = await store.put("hello world");
  expect(await readAll(store.open(small.digest, { start: 6, end: 9 }))).toBe("wor");
  expect(await readAll(store.open(small.digest, { start: 6 }))).toBe("world");
  expect(await readAll(store.open(small.digest, { start: 99 }))).toBe("");
});

test("stores the same content once and lists it; sha512 too", async () => {
  const a = await store.put("a");
  await store.put("a");
  const digest: Digest = `sha512:${createHash("sha512").update("b").digest("hex")}`;
  const b = await store.put("b", { digest });
  expect(b.digest).toBe(digest);
  expect(store.list()).toEqual([a, b]);
  await store.remove(a.digest);
  await store.remove(a.digest);
  expect(store.has(a.digest)).toBe(false);
  expect(() => store.stat(a.digest)).toThrow("no content with the digest");
  expect(ingest()).toEqual([]);
});

test("a blob is out of sight as soon as its removal has begun, and can come back meanwhile", async () => {
  const { digest } = await store.put("a");
  const removed = store.remove(digest);
  expect(store.has(digest)).toBe(false);
  await Promise.all([removed, store.put("a")]);
  expect(await Bun.file(store.path(digest)).text()).toBe("a");
  expect(ingest()).toEqual([]);
});

test("refuses content that is not what was expected, and leaves nothing", async () => {
  expect(await failure(store.put("x", { digest: sha256("y") }))).toMatchObject({
    kind: "data-loss",
    code: "content.digest-mismatch",
  });
  expect(await failure(store.put("x", { size: 2 }))).toMatchObject({ code: "content.digest-mismatch" });
  expect(ingest()).toEqual([]);
  expect(store.list()).toEqual([]);
});

test("stops reading a stream that is longer than it may be, or that was cancelled", async () => {
  let given = 0;
  async function* endless() {
    for (;;) {
      given++;
      yield await Promise.resolve(new Uint8Array(1000));
    }
  }
  expect(await failure(store.put(endless(), { size: 5000 }))).toMatchObject({ kind: "data-loss" });
  expect(given).toBe(6);
  const controller = new AbortController();
  controller.abort(new Error("stop"));
  expect(await failure(store.put(endless(), {}, controller.signal))).toMatchObject({ message: "stop" });
  expect(ingest()).toEqual([]);
});

test("a failing source leaves nothing", async () => {
  async function* broken() {
    yield await Promise.resolve(new Uint8Array(1000));
    throw new Error("cut");
  }
  expect(await failure(store.put(broken()))).toMatchObject({ message: "cut" });
  expect(ingest()).toEqual([]);
});

test("sweeps what a crash left, and keeps whole blobs", async () => {
  const kept = await store.put("kept");
  writeFileSync(join(directory, "ingest/7"), "half");
  const again = await createContentStore({ directory });
  expect(ingest()).toEqual([]);
  expect(again.list()).toEqual([kept]);
});

test("adopts what another process wrote", async () => {
  const info = await store.adopt(async (path) => {
    await Bun.write(path, "adopted");
    return { digest: sha256("adopted"), size: 7 };
  });
  expect(await Bun.file(store.path(info.digest)).text()).toBe("adopted");
  const failed = store.adopt(async (path) => {
    await Bun.write(path, "half");
    throw new Error("died");
  });
  expect(await failure(failed)).toMatchObject({ message: "died" });
  expect(ingest()).toEqual([]);
});

test("checks JSON documents when it reads them", async () => {
  const good = await store.put('{"a":[1]}');
  expect(await store.readJson(good.digest)).toEqual({ a: [1] });
  expect(await failure(store.readJson((await store.put("{")).digest))).toMatchObject({
    code: "content.not-json",
  });
  writeFileSync(store.path(good.digest), '{"a":[2]}');
  expect(await failure(store.readJson(good.digest))).toMatchObject({ kind: "data-loss" });
});

test("no digest leads out of the store", () => {
  const hex = "a".repeat(64);
  for (const bad of [
    "sha256:../../etc/passwd",
    `md5:${hex}`,
    `sha256:${hex.toUpperCase()}`,
    hex,
    `sha256:${hex}:x`,
  ]) {
    expect(() => parseDigest(bad)).toThrow("invalid digest");
    expect(() => store.has(bad as Digest)).toThrow("invalid digest");
  }
});

test("a full disk is told as such and leaves nothing", async () => {
  const small = join(directory, "small");
  mkdirSync(small);
  mount("tmpfs", small, "tmpfs", 0, "size=256k");
  try {
    const tight = await createContentStore({ directory: small });
    async function* large() {
      for (let i = 0; i < 64; i++) yield await Promise.resolve(new Uint8Array(65536));
    }
    const error = await failure(tight.put(large()));
    expect(error).toMatchObject({ kind: "exhausted", code: "content.disk-full" });
    expect(readdirSync(join(small, "ingest"))).toEqual([]);
    await tight.put("fits");
  } finally {
    unmount(small, true);
  }
  expect(existsSync(small)).toBe(true);
});

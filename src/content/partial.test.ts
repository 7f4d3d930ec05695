import { afterEach, beforeEach, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ContentStore, Digest } from "./content.ts";
import { createContentStore } from "./content-store.ts";

/** Blobs that come in parts, over the end of the daemon. */
let directory: string;
let store: ContentStore;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "virga-partial-"));
  store = await createContentStore({ directory });
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const bytes = Buffer.alloc(700_000, "abcdefg");
const size = bytes.length;
const hash = (algorithm: "sha256" | "sha512"): Digest =>
  `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}`;
const digest = hash("sha256");
const failure = (promise: Promise<unknown>) => promise.catch((error: unknown) => error);

test.each(["sha256", "sha512"] as const)(
  "%s: goes on after it was kept, and after a restart",
  async (algorithm) => {
    const name = hash(algorithm);
    const first = await store.resume(name);
    await first.write(bytes.subarray(0, 1000));
    await first.keep();
    expect(store.partials()).toMatchObject([{ digest: name, size: 1000 }]);
    const reopened = await createContentStore({ directory });
    const second = await reopened.resume(name);
    expect(second.size).toBe(1000);
    await second.write(bytes.subarray(1000, 500_000));
    await second.write(bytes.subarray(500_000));
    await second.commit({ digest: name, size });
    expect(reopened.partials()).toEqual([]);
    expect(readFileSync(reopened.path(name)).equals(bytes)).toBe(true);
  },
);

test("a reader sees what was written, and all of it after a flush", async () => {
  const partial = await store.resume(digest);
  await partial.write(bytes.subarray(0, 300_000));
  expect(readFileSync(partial.path).length).toBeGreaterThanOrEqual(partial.written);
  await partial.write(bytes.subarray(300_000, 300_010));
  await partial.flush();
  expect([partial.written, readFileSync(partial.path).length]).toEqual([300_010, 300_010]);
  await partial.write(bytes.subarray(300_010));
  await partial.commit({ digest, size });
  expect(readFileSync(partial.target).equals(bytes)).toBe(true);
});

test("one at a time; dropped, it is gone; begun anew, it begins anew", async () => {
  const partial = await store.resume(digest);
  expect(await failure(store.resume(digest))).toMatchObject({ code: "content.partial-open" });
  await store.removePartial(digest);
  await partial.write(Buffer.from("wrong"));
  await partial.truncate();
  await partial.write(bytes);
  await partial.commit({ digest, size });
  const other = await store.resume(digest);
  await other.write(Buffer.from("wrong"));
  await other.abort();
  expect(store.partials()).toEqual([]);
  const empty = await store.resume(digest);
  await empty.keep();
  expect(store.partials()).toEqual([]);
});

test("what is not what its digest says goes as a whole", async () => {
  const partial = await store.resume(digest);
  await partial.write(bytes.subarray(1));
  expect(await failure(partial.commit({ digest, size }))).toMatchObject({ code: "content.digest-mismatch" });
  expect(store.partials()).toEqual([]);
  const again = await store.resume(digest);
  expect(again.size).toBe(0);
  await again.abort();
});

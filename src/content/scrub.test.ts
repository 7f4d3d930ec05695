import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ManualClock, silentLogger, type Clock } from "../base/index.ts";
import { createContentStore } from "./content-store.ts";
import type { BlobInfo, ContentStore, Digest } from "./content.ts";
import { createScrubber, type DamagedBlob, type Scrubber } from "./scrub.ts";

let directory: string;
let content: ContentStore;
let clock: ManualClock;
let found: DamagedBlob[];
/** Pauses until the scrubber is held up by this. */
let pauses: number;
let hold: ((pause: number) => Promise<void>) | undefined;
let unneeded: Set<Digest>;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "virga-scrub-"));
  content = await createContentStore({ directory });
  clock = new ManualClock();
  [found, pauses, hold, unneeded] = [[], 0, undefined, new Set()];
});
afterEach(() => rmSync(directory, { recursive: true }));

function scrubber(): Scrubber {
  const pausing: Clock = {
    now: () => clock.now(),
    every: (ms, callback) => clock.every(ms, callback),
    async sleep(ms, signal) {
      expect(ms).toBe(100);
      pauses++;
      await hold?.(pauses);
      signal?.throwIfAborted();
    },
  };
  return createScrubber({
    content,
    directory,
    clock: pausing,
    logger: silentLogger,
    holders: (digest) => (unneeded.has(digest) ? [] : ["image app:1"]),
    found: (blob) => void found.push(blob),
  });
}
const rot = ({ digest, size }: BlobInfo) => writeFileSync(content.path(digest), "x".repeat(size));

test("by hand: what the disk has changed is set aside, told once, and forgotten when it is whole again", async () => {
  const good = await content.put("good");
  const bad = await content.put("bad, too");
  const damaged = { ...bad, holders: ["image app:1"] };
  const scrub = scrubber();
  expect(await scrub.run()).toEqual({ blobs: 2, bytes: 12, damaged: [] });
  rot(bad);
  expect((await scrub.run()).damaged).toMatchObject([damaged]);
  expect([content.has(good.digest), content.has(bad.digest)]).toEqual([true, false]);
  expect((await scrub.run()).damaged).toMatchObject([damaged]);
  expect(found).toEqual([damaged]);
  expect(scrub.status()).toMatchObject({ finishedAt: clock.now(), damaged: [damaged] });
  await content.put("bad, too");
  expect(scrub.status().damaged).toEqual([]);
  expect(content.damaged()).toEqual([]);
});

test("one that nobody needs any more is forgotten, with its file", async () => {
  const bad = await content.put("bad");
  rot(bad);
  const scrub = scrubber();
  expect((await scrub.run()).damaged.length).toBe(1);
  unneeded.add(bad.digest);
  expect(scrub.status().damaged).toEqual([]);
  expect(content.damaged()).toEqual([]);
});

test("by itself: once a week, a megabyte at a time, and on where it was after a restart", async () => {
  const blobs = await Promise.all(["a", "b", "c"].map((letter) => content.put(letter.repeat(3 << 20))));
  const [first, second, third] = blobs.toSorted((a, b) => (a.digest < b.digest ? -1 : 1)) as [
    BlobInfo,
    BlobInfo,
    BlobInfo,
  ];
  const reached = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  hold = async (pause) => {
    if (pause !== 4) return; // in the second blob
    reached.resolve();
    await go.promise;
  };
  const before = scrubber();
  before.start();
  await clock.advance(600_000);
  await reached.promise;
  expect(before.status()).toEqual({ underWay: { blobs: 1, bytes: 3 << 20 }, damaged: [] });
  const closed = before.close();
  go.resolve();
  await closed;
  rot(first); // it was read already
  rot(third);
  [hold, pauses] = [undefined, 0];
  const after = scrubber();
  after.start();
  await clock.advance(600_000);
  while (!(await Bun.file(join(directory, "scrub.json")).text()).includes("finishedAt")) await Bun.sleep(1);
  expect(pauses).toBe(6);
  expect(found.map((one) => one.digest)).toEqual([third.digest]);
  expect([first, second].map(({ digest }) => content.has(digest))).toEqual([true, true]);
  await clock.advance(6 * 24 * 3_600_000);
  expect(pauses).toBe(6);
  await clock.advance(25 * 3_600_000);
  while (found.length < 2) {
    await Bun.sleep(1);
    await clock.advance(600_000);
  }
  expect(found[1]!.digest).toBe(first.digest);
  await after.close();
});

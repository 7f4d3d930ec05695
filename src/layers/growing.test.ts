import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import type { Descriptor } from "../content/index.ts";
import type { GrowingBlob } from "./layer.ts";
import { createLayerFixture, failureOf, tarOf, type LayerFixture } from "./testing.ts";

/** Layers that are unpacked while their blob comes. */
let fixture: LayerFixture;
beforeEach(async () => void (fixture = await createLayerFixture()));
afterEach(async () => await fixture[Symbol.asyncDispose]());

const text = "0123456789".repeat(200_000);
const archive = tarOf({ path: "a", content: "first" }, { path: "big", content: text });
const diffId = `sha256:${new Bun.CryptoHasher("sha256").update(archive).digest("hex")}` as const;
const leftovers = () => [
  ...readdirSync(fixture.at("layers/tmp")),
  ...readdirSync(fixture.at("layers/sha256")),
];

const blobs = {
  "": archive,
  "+gzip": gzipSync(archive, { level: 0 }),
  "+zstd": zstdCompressSync(archive),
};

function describeBlob(bytes: Uint8Array, compression: string): Descriptor {
  const digest = `sha256:${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}` as const;
  return { mediaType: `application/vnd.oci.image.layer.v1.tar${compression}`, digest, size: bytes.length };
}

/** A blob that grows by `pieces`; `stored` is told by the caller. */
function growing(bytes: Uint8Array, pieces: number, stored: Promise<unknown>): GrowingBlob {
  const path = fixture.at("growing");
  writeFileSync(path, "");
  async function* sizes() {
    for (let piece = 1; piece <= pieces; piece++) {
      const size = Math.floor((bytes.length * piece) / pieces);
      writeFileSync(path, bytes.subarray(0, size));
      yield size;
    }
  }
  return { path, target: fixture.at("complete"), sizes: sizes(), stored };
}

describe("a blob that grows", () => {
  test.each(Object.keys(blobs) as (keyof typeof blobs)[])("tar%s, in pieces", async (compression) => {
    const bytes = blobs[compression];
    const blob = growing(bytes, 7, Promise.resolve());
    await fixture.layers.unpack(describeBlob(bytes, compression), { expected: diffId, growing: blob });
    expect(readFileSync(join(fixture.layers.path(diffId), "big"), "utf8")).toBe(text);
  });

  test("is complete, and elsewhere, before a worker has come to it", async () => {
    writeFileSync(fixture.at("complete"), archive);
    const sizes = (async function* () {
      yield archive.length;
    })();
    const blob = {
      path: fixture.at("gone"),
      target: fixture.at("complete"),
      sizes,
      stored: Promise.resolve(),
    };
    await fixture.layers.unpack(describeBlob(archive, ""), { expected: diffId, growing: blob });
    expect(fixture.layers.has(diffId)).toBe(true);
  });

  test("is not what its digest says: its layer does not become visible", async () => {
    const stored = Promise.withResolvers<never>();
    stored.promise.catch(() => undefined);
    const unpacking = fixture.layers.unpack(describeBlob(archive, ""), {
      expected: diffId,
      growing: growing(archive, 2, stored.promise),
    });
    await Bun.sleep(1);
    expect(fixture.layers.has(diffId)).toBe(false);
    const wrong = new Error("another digest");
    stored.reject(wrong);
    expect(await unpacking.catch((error: unknown) => error)).toBe(wrong);
    expect(leftovers()).toEqual([]);
  });

  test("ends early, or with its source's failure", async () => {
    const cut = growing(archive.subarray(0, 1000), 1, Promise.resolve());
    const options = { expected: diffId, growing: cut };
    expect(await failureOf(fixture.layers.unpack(describeBlob(archive, ""), options))).toMatchObject({
      code: "layer.malformed",
    });
    const lost = new Error("lost");
    const path = fixture.at("growing");
    // oxlint-disable-next-line require-yield -- it fails before it has anything
    const sizes = (async function* (): AsyncGenerator<number> {
      throw lost;
    })();
    const failing = { path, target: path, sizes, stored: Promise.resolve() };
    const unpacking = fixture.layers.unpack(describeBlob(archive, ""), {
      expected: diffId,
      growing: failing,
    });
    expect(await unpacking.catch((error: unknown) => error)).toBe(lost);
    expect(leftovers()).toEqual([]);
  });
});

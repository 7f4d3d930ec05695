import { describe, expect, test } from "bun:test";
import { readBerkeley, readNdb } from "./rpm-databases.ts";

const pageSize = 512;
const small = Buffer.alloc(40, 1);
const large = Buffer.alloc(1200, 2);

/** A hash with two entries on its page: `small` in it, `large` on pages of its own; and the number of the next one. */
function berkeley(bigEndian: boolean): Buffer {
  const pages = [0, 1, 2, 3, 4].map(() => Buffer.alloc(pageSize));
  const u32 = (page: number, at: number, value: number) =>
    bigEndian ? pages[page]!.writeUInt32BE(value, at) : pages[page]!.writeUInt32LE(value, at);
  const u16 = (page: number, at: number, value: number) =>
    bigEndian ? pages[page]!.writeUInt16BE(value, at) : pages[page]!.writeUInt16LE(value, at);
  u32(0, 12, 0x061561);
  u32(0, 20, pageSize);
  const items: Buffer[] = [];
  const key = Buffer.from([1, 0, 0, 0, 0]);
  const off = Buffer.alloc(12);
  off[0] = 3;
  for (const [at, value] of [[4, 2], [8, large.length]] as const) {
    if (bigEndian) off.writeUInt32BE(value, at);
    else off.writeUInt32LE(value, at);
  } // prettier-ignore
  items.push(key, Buffer.from([1, 9, 0, 0, 0]), key, Buffer.concat([Buffer.from([1]), small]), key, off);
  let end = pageSize;
  for (const [index, item] of items.entries()) {
    end -= item.length;
    item.copy(pages[1]!, end);
    u16(1, 26 + 2 * index, end);
  }
  u16(1, 20, items.length);
  pages[1]![25] = 13;
  for (const [index, page] of [2, 3, 4].entries()) {
    const piece = large.subarray(index * 486, (index + 1) * 486);
    piece.copy(pages[page]!, 26);
    pages[page]![25] = 7;
    u16(page, 22, piece.length);
    u32(page, 16, page === 4 ? 0 : page + 1);
  }
  return Buffer.concat(pages);
}

describe("Berkeley DB", () => {
  for (const bigEndian of [false, true]) {
    test(bigEndian ? "most significant byte first" : "least significant byte first", () => {
      expect(readBerkeley(berkeley(bigEndian))).toEqual([small, large]);
    });
  }

  test("what is damaged is told, and never read for ever", () => {
    expect(() => readBerkeley(Buffer.from("x"))).toThrow("it is no hash");
    const circle = berkeley(false);
    // The chain leads back to its beginning: it is as long as its length says, and no longer.
    circle.writeUInt32LE(2, 3 * pageSize + 16);
    expect(readBerkeley(circle)[1]).toHaveLength(large.length);
    const empty = berkeley(false);
    empty.writeUInt16LE(0, 2 * pageSize + 22);
    expect(() => readBerkeley(empty)).toThrow("an entry has no end");
    expect(() => readBerkeley(berkeley(false).subarray(0, 3 * pageSize))).toThrow("an entry has no end");
    const wrong = berkeley(false);
    wrong[pageSize + 26 + 2] = 255;
    expect(() => readBerkeley(wrong)).toThrow("damaged");
  });
});

function ndb(): Buffer {
  const bytes = Buffer.alloc(4096 + 64);
  bytes.write("RpmP");
  bytes.writeUInt32LE(1, 12);
  for (let at = 32; at < 4096; at += 16) bytes.write("Slot", at);
  bytes.writeUInt32LE(7, 32 + 4);
  bytes.writeUInt32LE(256, 32 + 8);
  bytes.write("BlbS", 4096);
  bytes.writeUInt32LE(small.length, 4096 + 12);
  small.copy(bytes, 4096 + 16);
  return bytes;
}

test("ndb", () => {
  expect(readNdb(ndb())).toEqual([small]);
  expect(() => readNdb(ndb().subarray(0, 4096 + 20))).toThrow("a package is cut off");
  expect(() => readNdb(Buffer.alloc(5000))).toThrow("it has no header");
});

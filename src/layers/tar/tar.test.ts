import { describe, expect, test } from "bun:test";
import { tarOf } from "../testing.ts";
import { fromUtf8, toUtf8, type TarEntry } from "./entry.ts";
import { endOfArchive, formatEntry } from "./format.ts";
import { splitPath } from "./header.ts";
import { TarParser } from "./parser.ts";
import { entryPath } from "./path.ts";
import { formatPax, formatPaxTime, parsePax, parsePaxTime } from "./pax.ts";

interface Seen {
  readonly entry: TarEntry;
  readonly content: Buffer;
}

function parse(archive: Uint8Array, piece = archive.length): Seen[] {
  const seen: { entry: TarEntry; content: Buffer }[] = [];
  const parser = new TarParser({
    entry: (entry) => void seen.push({ entry, content: Buffer.alloc(0) }),
    data: (bytes) => {
      const last = seen.at(-1)!;
      last.content = Buffer.concat([last.content, bytes]);
    },
    endEntry: () => undefined,
  });
  for (let start = 0; start < archive.length; start += piece) {
    parser.push(archive.subarray(start, start + piece));
  }
  parser.end();
  return seen;
}

const plain: TarEntry = { path: "f", type: "file", mode: 0o644, uid: 0, gid: 0, size: 0, modifiedNs: 0n };
const roundTrip = (entry: TarEntry) => parse(Buffer.concat([formatEntry(entry), endOfArchive]))[0]!.entry;

describe("writing and reading back", () => {
  const cases: Record<string, Partial<TarEntry>> = {
    "long path in prefix and name": { path: `${"d".repeat(90)}/${"n".repeat(99)}` },
    "path that needs pax": { path: `${"x".repeat(120)}/${"y".repeat(130)}` },
    "path that is not UTF-8": { path: "a\xff\xfe/b\x80" },
    "exactly 100 bytes": { path: "p".repeat(100) },
    "setuid, large ids": { mode: 0o6755, uid: 4_000_000_000, gid: 2_097_152 },
    nanoseconds: { modifiedNs: 1_700_000_000_123_456_789n },
    "before 1970": { modifiedNs: -1_500_000_000n },
    "far future": { modifiedNs: 10_000_000_000_000_000_000_000n },
    "symlink to a long target": { type: "symlink", linkTarget: `../${"t".repeat(300)}` },
    "hard link": { type: "hardlink", linkTarget: "other" },
    device: { type: "block", major: 8, minor: 1_048_575 },
    fifo: { type: "fifo" },
    "binary attributes": {
      xattrs: new Map([
        ["security.capability", new Uint8Array([1, 0, 0, 2, 10, 61, 0, 255])],
        ["user.empty", new Uint8Array(0)],
      ]),
    },
  };
  for (const [name, change] of Object.entries(cases)) {
    test(name, () => {
      const entry = { ...plain, ...change };
      const back = roundTrip(entry);
      const xattrs = back.xattrs && new Map([...back.xattrs].map(([k, v]) => [k, new Uint8Array(v)]));
      expect({ ...back, ...(xattrs ? { xattrs } : {}) }).toEqual(entry);
    });
  }

  test("directories get a slash, and content comes back whole in pieces of any size", () => {
    const body = Buffer.from(crypto.getRandomValues(new Uint8Array(3000)));
    const archive = tarOf({ path: "d/", mode: 0o755 }, { path: "d/f", content: body }, { path: "e" });
    for (const piece of [1, 7, 511, 512, 513, 5000]) {
      const seen = parse(archive, piece);
      expect(seen.map((one) => one.entry.path)).toEqual(["d/", "d/f", "e"]);
      expect(seen[1]!.content.equals(body)).toBe(true);
    }
  });

  test("only what ustar can't hold gets a pax header", () => {
    expect(formatEntry({ ...plain, path: "é".repeat(20) }).length).toBe(512);
    expect(formatEntry({ ...plain, modifiedNs: 1n }).length).toBe(512 * 3);
  });
});

describe("reading what others write", () => {
  test("a global header holds until an entry overrules it", () => {
    const global = paxBlocks(
      "g",
      new Map([
        ["uid", Buffer.from("7")],
        ["mtime", Buffer.from("5.5")],
      ]),
    );
    const own = paxBlocks("x", new Map([["uid", Buffer.from("8")]]));
    const archive = Buffer.concat([global, formatEntry(plain), own, formatEntry(plain), endOfArchive]);
    const seen = parse(archive).map(({ entry }) => [entry.uid, entry.modifiedNs]);
    expect(seen).toEqual([[7, 5_500_000_000n], [8, 5_500_000_000n]]); // prettier-ignore
  });

  test("attributes as libarchive writes them, the raw form first", () => {
    const records = new Map([
      ["LIBARCHIVE.xattr.user.a%20b", Buffer.from("AAEC")],
      ["LIBARCHIVE.xattr.user.both", Buffer.from("AAAA")],
      ["SCHILY.xattr.user.both", Buffer.from([9])],
    ]);
    const [seen] = parse(Buffer.concat([paxBlocks("x", records), formatEntry(plain), endOfArchive]));
    expect([...seen!.entry.xattrs!].map(([k, v]) => [k, [...v]])).toEqual([
      ["user.a b", [0, 1, 2]],
      ["user.both", [9]],
    ]);
  });

  test("GNU long names and base-256 numbers", async () => {
    const name = `${"long".repeat(60)}.txt`;
    const make = `import tarfile,sys,io
t=tarfile.open(fileobj=sys.stdout.buffer,mode="w|",format=tarfile.GNU_FORMAT)
i=tarfile.TarInfo("${name}"); i.uid=3000000000; i.mtime=-5; i.size=3; t.addfile(i,io.BytesIO(b"abc"))
l=tarfile.TarInfo("l"); l.type=tarfile.SYMTYPE; l.linkname="${name}"; t.addfile(l); t.close()`;
    const made = Bun.spawnSync(["python3", "-c", make]);
    expect(made.exitCode).toBe(0);
    const [file, link] = parse(made.stdout);
    expect(file!.entry).toMatchObject({
      path: name,
      uid: 3_000_000_000,
      modifiedNs: -5_000_000_000n,
      size: 3,
    });
    expect(link!.entry.linkTarget).toBe(name);
  });

  test("a long path whose beginning, in the header, ends with a slash", () => {
    const path = `${"d".repeat(99)}/${"n".repeat(200)}`;
    const [extended, short] = [formatEntry({ ...plain, path, size: 2 }), formatEntry({ ...plain, path: path.slice(0, 100), size: 2 })]; // prettier-ignore
    const content = Buffer.alloc(512, "l\n\0", "latin1").fill(0, 2);
    const archive = [extended.subarray(0, -512), short.subarray(-512), content, endOfArchive];
    const [seen, ...others] = parse(Buffer.concat(archive));
    expect([seen!.entry, others]).toEqual([{ ...plain, path, size: 2 }, []]);
  });

  test("an archive without an end marker, and what follows the marker", () => {
    expect(parse(formatEntry(plain)).length).toBe(1);
    expect(parse(Buffer.concat([formatEntry(plain), endOfArchive, Buffer.from("junk")])).length).toBe(1);
    expect(parse(new Uint8Array(0))).toEqual([]);
  });
});

describe("refuses", () => {
  const refused = (archive: Uint8Array) => {
    try {
      parse(archive);
    } catch (error) {
      return (error as { code?: string }).code;
    }
    return "accepted";
  };
  const whole = tarOf({ path: "f", content: "x".repeat(600) });

  test("an archive that is cut off anywhere within an entry", () => {
    for (const length of [1, 511, 513, 1000, 512 + 600, 1535]) {
      expect(refused(whole.subarray(0, length))).toBe("layer.malformed");
    }
    const pax = formatEntry({ ...plain, modifiedNs: 1n });
    expect(refused(pax.subarray(0, 1024))).toBe("layer.malformed");
  });

  test("a changed byte in a header", () => {
    const changed = Buffer.from(whole);
    changed[10] = 1;
    expect(refused(changed)).toBe("layer.malformed");
  });

  test("pax records whose lengths lie", () => {
    for (const body of ["5 a=b\n", "999 a=b\n", "x a=b\n", "6 ab\n\n", "0 a=b\n", "6 a=bc", "5 =b\n"]) {
      expect(() => parsePax(Buffer.from(body), new Map())).toThrow("damaged");
    }
  });

  test("impossible values", () => {
    for (const [key, value] of [["size", "-1"], ["uid", "x"], ["path", "a\0b"], ["mtime", "now"], ["uid", "4294967295"], ["path", "p".repeat(5000)]] as const) {
      const records = new Map([[key, Buffer.from(value)]]);
      const archive = Buffer.concat([paxBlocks("x", records), formatEntry(plain), endOfArchive]);
      expect([key, value.slice(0, 20), refused(archive)]).toEqual([key, value.slice(0, 20), "layer.malformed"]);
    }
  }); // prettier-ignore

  test("sparse files, with a hint", () => {
    const records = new Map([["GNU.sparse.major", Buffer.from("1")]]);
    expect(refused(Buffer.concat([paxBlocks("x", records), formatEntry(plain)]))).toBe("layer.sparse");
  });

  test("an extended header of a gigabyte, before memory is taken for it", () => {
    const archive = Buffer.from(formatEntry({ ...plain, path: "x", size: 2 ** 30 }));
    archive[156] = "x".charCodeAt(0);
    let sum = 0;
    archive.fill(0x20, 148, 156);
    for (const byte of archive) sum += byte;
    archive.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
    expect(refused(archive)).toBe("layer.malformed");
  });
});

test("global headers that pile up are refused before they fill the memory", () => {
  const parser = new TarParser({ entry: () => undefined, data: () => undefined, endEntry: () => undefined });
  const pile = () => {
    for (let i = 0; i < 100; i++) {
      parser.push(paxBlocks("g", new Map([[`comment${i}`, Buffer.alloc(1 << 20, 0x61)]])));
    }
  };
  expect(pile).toThrow("too large");
});

test("pax lengths count themselves", () => {
  for (const size of [1, 5, 92, 93, 94, 95, 990, 991, 992, 993, 70_000]) {
    const records = new Map([["k", Buffer.alloc(size, 0x61)]]);
    const back = new Map<string, Buffer>();
    parsePax(formatPax(records), back);
    expect(back.get("k")?.length).toBe(size);
  }
});

test("pax times", () => {
  for (const text of ["0", "1.5", "-1.5", "1700000000.123456789"]) {
    expect(formatPaxTime(parsePaxTime(text))).toBe(text);
  }
});

test("paths", () => {
  expect(["./a/b/", "a//b", ".", "./", "a/./b", ".hidden", "a..b/..c"].map(entryPath)).toEqual(
    ["a/b", "a/b", "", "", "a/b", ".hidden", "a..b/..c"],
  ); // prettier-ignore
  for (const bad of ["/a", "../a", "a/../b", "a/..", "..", "./.."]) {
    expect(() => entryPath(bad)).toThrow(bad.startsWith("/") ? "absolute" : "'..'");
  }
  expect(splitPath(`${"a".repeat(156)}/b`)).toBeUndefined();
  expect(toUtf8(fromUtf8("héllo ☃"))).toBe("héllo ☃");
});

function paxBlocks(type: string, records: Map<string, Buffer>): Buffer {
  const body = formatPax(records);
  const header = Buffer.from(formatEntry({ ...plain, path: "pax", size: body.length }));
  header[156] = type.charCodeAt(0);
  header.fill(0x20, 148, 156);
  let sum = 0;
  for (const byte of header) sum += byte;
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return Buffer.concat([header, body, Buffer.alloc((512 - (body.length % 512)) % 512)]);
}

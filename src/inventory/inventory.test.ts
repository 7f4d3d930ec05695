import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { deflateSync } from "node:zlib";
import { mknod, setXattr } from "../host/index.ts";
import { mergeLayers } from "./merge.ts";
import { scanTree } from "./scan-tree.ts";

let home: string;
beforeAll(() => void (home = mkdtempSync(join(tmpdir(), "virga-inventory-"))));
afterAll(() => rmSync(home, { recursive: true, force: true }));

let number = 0;
/** A tree with these files; `null` is a whiteout. */
function tree(files: Readonly<Record<string, string | Uint8Array | null>>): string {
  const root = join(home, String(++number));
  mkdirSync(root);
  for (const [name, content] of Object.entries(files)) {
    const path = join(root, name);
    mkdirSync(dirname(path), { recursive: true });
    if (content === null) mknod(path, 0o020000, 0n);
    else writeFileSync(path, content);
    if (content !== null && name.startsWith("bin/")) chmodSync(path, 0o755);
  }
  return root;
}

const status = (...names: readonly string[]) =>
  names
    .map(
      (name) =>
        `Package: ${name}\nStatus: install ok installed\nArchitecture: amd64\nSource: src-${name} (1)\nVersion: 1:2-3\nDescription: of\n more lines\n`,
    )
    .join("\n");

/** An ELF file with sections of these names and contents. */
function elf(sections: Readonly<Record<string, Uint8Array>>): Buffer {
  const names = ["", ...Object.keys(sections), ".shstrtab"];
  const strings = Buffer.from(`${names.join("\0")}\0`, "latin1");
  const contents = [Buffer.alloc(0), ...Object.values(sections), strings];
  const head = Buffer.alloc(64);
  head.write("\x7fELF\x02\x01\x01", "latin1");
  const body = Buffer.concat(contents);
  head.writeBigUInt64LE(BigInt(64 + body.length), 40);
  head.writeUInt16LE(64, 58);
  head.writeUInt16LE(names.length, 60);
  head.writeUInt16LE(names.length - 1, 62);
  let [offset, name] = [64, 0];
  const table = names.map((text, index) => {
    const header = Buffer.alloc(64);
    header.writeUInt32LE(name, 0);
    header.writeBigUInt64LE(BigInt(offset), 24);
    header.writeBigUInt64LE(BigInt(contents[index]!.length), 32);
    name += text.length + 1;
    offset += contents[index]!.length;
    return header;
  });
  return Buffer.concat([head, body, ...table, Buffer.alloc(64 << 10)]);
}

/** As Go's linker writes it. */
function goInfo(version: string, modules: string): Buffer {
  const head = Buffer.alloc(32);
  head.write("\xff Go buildinf:\x08\x02", "latin1");
  const text = Buffer.from(`${"0".repeat(16)}${modules}${"1".repeat(16)}`);
  const length = Buffer.from([(text.length & 0x7f) | 0x80, text.length >> 7]);
  return Buffer.concat([head, Buffer.from([version.length]), Buffer.from(version), length, text]);
}

function rpmHeader(texts: Readonly<Record<number, string>>, epoch: number): Buffer {
  const entries: number[][] = [[1003, 4, 0, 1]];
  let data = Buffer.alloc(4);
  data.writeUInt32BE(epoch);
  for (const [tag, text] of Object.entries(texts)) {
    entries.push([Number(tag), 6, data.length, 1]);
    data = Buffer.concat([data, Buffer.from(`${text}\0`)]);
  }
  const head = Buffer.alloc(8 + 16 * entries.length);
  head.writeUInt32BE(entries.length, 0);
  head.writeUInt32BE(data.length, 4);
  for (const [index, fields] of entries.entries()) {
    for (const [at, value] of fields.entries()) head.writeUInt32BE(value, 8 + 16 * index + 4 * at);
  }
  return Buffer.concat([head, data]);
}

function rpmDatabase(): Uint8Array {
  using db = new Database(":memory:");
  db.run("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob BLOB NOT NULL)");
  const add = db.query("INSERT INTO Packages (blob) VALUES (?)");
  add.run(rpmHeader({ 1000: "bash", 1001: "5.2", 1002: "3.el9", 1014: "GPLv3+", 1022: "x86_64", 1044: "bash-5.2-3.el9.src.rpm" }, 1)); // prettier-ignore
  add.run(rpmHeader({ 1000: "gpg-pubkey", 1001: "8483c65d", 1002: "5ccc5b19" }, 0));
  return db.serialize();
}

describe("packages are found", () => {
  test("of every kind, with what their own data say", async () => {
    const go = "path\texample.org/app\nmod\texample.org/app\tv1.2.3\th1:x=\ndep\tgolang.org/x/net\tv0.1.0\th1:y=\n=>\texample.org/net\tv0.2.0\th1:z=\n"; // prettier-ignore
    const audit = '{"packages":[{"name":"serde","version":"1.0.2","source":"crates.io"},{"name":"cc","version":"1.0.0","kind":"build"}]}'; // prettier-ignore
    const { findings, distribution } = await scanTree(
      tree({
        "etc/os-release": 'PRETTY_NAME="Debian GNU/Linux 12"\nID=debian\nVERSION_ID="12"\n',
        "var/lib/dpkg/status": `${status("libc6")}\nPackage: gone\nStatus: deinstall ok config-files\nVersion: 1\n`,
        "var/lib/dpkg/status.d/base": "Package: base-files\nVersion: 12.4\nArchitecture: all\n",
        "lib/apk/db/installed":
          "C:Q1x=\nP:musl-utils\nV:1.2.5-r0\nA:x86_64\nL:MIT\no:musl\n\nP:busybox\nV:1.36-r1\n",
        "var/lib/rpm/rpmdb.sqlite": rpmDatabase(),
        "app/node_modules/left-pad/package.json": '{"name":"left-pad","version":"1.3.0","license":"WTFPL"}',
        "app/node_modules/@a/b/package.json": '{"name":"@a/b","version":"2.0.0","license":{"type":"MIT"}}',
        "app/node_modules/@a/b/test/package.json": '{"name":"no","version":"1.0.0"}',
        "usr/lib/python3/dist-packages/redis-4.3.4.dist-info/METADATA":
          "Metadata-Version: 2.1\nName: redis\nVersion: 4.3.4\nLicense: MIT\n\nName: text\n",
        "src/Cargo.lock":
          '[[package]]\nname = "own"\nversion = "0.1.0"\n\n[[package]]\nname = "rand"\nversion = "0.8.5"\nsource = "registry+https://example.org"\n',
        "bin/app": elf({ ".go.buildinfo": goInfo("go1.22.1", go) }),
        "bin/tool": elf({ ".text": Buffer.from("x"), ".dep-v0": deflateSync(audit) }),
        "bin/other": Buffer.alloc(100_000, "not a program"),
      }),
    );
    expect(findings.filter((one) => one.problem !== undefined)).toEqual([]);
    expect(distribution).toEqual({ id: "debian", version: "12", name: "Debian GNU/Linux 12" });
    const found = Object.fromEntries(findings.map(({ path, packages }) => [path, packages]));
    expect(found).toEqual({
      "app/node_modules/@a/b/package.json": [{ type: "npm", name: "@a/b", version: "2.0.0", license: "MIT" }],
      "app/node_modules/left-pad/package.json": [{ type: "npm", name: "left-pad", version: "1.3.0", license: "WTFPL" }],
      "bin/app": [
        { type: "golang", name: "stdlib", version: "1.22.1" },
        { type: "golang", name: "example.org/app", version: "v1.2.3" },
        { type: "golang", name: "example.org/net", version: "v0.2.0" },
      ],
      "bin/tool": [{ type: "cargo", name: "serde", version: "1.0.2" }],
      "lib/apk/db/installed": [
        { type: "apk", name: "musl-utils", version: "1.2.5-r0", architecture: "x86_64", source: "musl", license: "MIT" },
        { type: "apk", name: "busybox", version: "1.36-r1" },
      ],
      "src/Cargo.lock": [{ type: "cargo", name: "rand", version: "0.8.5" }],
      "usr/lib/python3/dist-packages/redis-4.3.4.dist-info/METADATA": [{ type: "pypi", name: "redis", version: "4.3.4", license: "MIT" }],
      "var/lib/dpkg/status": [{ type: "deb", name: "libc6", version: "1:2-3", architecture: "amd64", source: "src-libc6", sourceVersion: "1" }],
      "var/lib/dpkg/status.d/base": [{ type: "deb", name: "base-files", version: "12.4", architecture: "all" }],
      "var/lib/rpm/rpmdb.sqlite": [{ type: "rpm", name: "bash", version: "1:5.2-3.el9", architecture: "x86_64", license: "GPLv3+" }],
    }); // prettier-ignore
  });

  test("a database that can't be read is told, and so is a broken file", async () => {
    const { findings } = await scanTree(
      tree({ "var/lib/rpm/Packages": "x", "a/node_modules/b/package.json": "{" }),
    );
    expect(findings.map(({ path, problem }) => [path, problem !== undefined])).toEqual([
      ["a/node_modules/b/package.json", true],
      ["var/lib/rpm/Packages", true],
    ]);
    expect(findings[1]!.problem).toBe("the database is damaged: it is no hash");
  });
});

test("layers on each other: what is replaced or removed above does not count", async () => {
  const npm = (name: string) => ({ [`${name}/node_modules/${name}/package.json`]: `{"name":"${name}","version":"1.0.0"}` }); // prettier-ignore
  const roots = [
    tree({
      ...{ ...npm("kept"), ...npm("gone"), ...npm("opaque"), ...npm("file") },
      "etc/os-release": "ID=debian\n",
      "var/lib/dpkg/status": status("old"),
    }),
    tree({
      "var/lib/dpkg/status": status("old", "new"),
      "gone/node_modules": null,
      "opaque/other": "x",
      "file/node_modules/file/package.json": "replaced",
    }),
  ];
  setXattr(`${roots[1]}/opaque`, "trusted.overlay.opaque", Buffer.from("y"));
  const layers = [];
  for (const root of roots) layers.push({ root, inventory: await scanTree(root) });
  const { packages, distribution } = mergeLayers(layers);
  expect(packages.map((one) => one.name)).toEqual(["new", "old", "kept"]);
  expect(distribution).toEqual({ id: "debian" });
});

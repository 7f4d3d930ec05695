import { Database } from "bun:sqlite";
import type { Distribution, Package } from "../package.ts";

/** /var/lib/dpkg/status, and the files of status.d that images without dpkg have. */
export function readDpkg(text: string): Package[] {
  return text.split(/\n\n+/).flatMap((paragraph): Package[] => {
    const fields = readFields(paragraph);
    const { package: name, version, status } = fields;
    if (!name || !version || (status !== undefined && !/ installed$/.test(status))) return [];
    // `Source: glibc (2.36-9)` says the version too when it is another one.
    const [, source, sourceVersion] = /^(\S+)(?: \((.+)\))?/.exec(fields["source"] ?? "") ?? [];
    return [
      {
        type: "deb",
        name,
        version,
        ...some("architecture", fields["architecture"]),
        ...some("source", source),
        ...some("sourceVersion", sourceVersion),
      },
    ];
  });
}

/** /lib/apk/db/installed */
export function readApk(text: string): Package[] {
  return text.split(/\n\n+/).flatMap((paragraph): Package[] => {
    const fields = new Map<string, string>();
    for (const line of paragraph.split("\n")) {
      if (line[1] === ":" && !fields.has(line[0]!)) fields.set(line[0]!, line.slice(2));
    }
    const [name, version] = [fields.get("P"), fields.get("V")];
    if (!name || !version) return [];
    const source = fields.get("o");
    return [
      {
        ...{ type: "apk", name, version },
        ...some("architecture", fields.get("A")),
        ...some("source", source === name ? undefined : source),
        ...some("license", fields.get("L")),
      },
    ];
  });
}

const rpmTags = {
  name: 1000,
  version: 1001,
  release: 1002,
  epoch: 1003,
  license: 1014,
  arch: 1022,
  source: 1044,
};

/** rpmdb.sqlite: a header (rpm's "Header Structure", without its lead) in each row. */
export function readRpm(bytes: Uint8Array): Package[] {
  const copy = Buffer.from(bytes);
  // A database in memory has no write-ahead log beside it.
  copy[18] = 1;
  copy[19] = 1;
  const db = Database.deserialize(copy);
  try {
    const rows = db.query<{ blob: Uint8Array }, []>("SELECT blob FROM Packages").all();
    return rpmPackages(rows.map((row) => Buffer.from(row.blob)));
  } finally {
    db.close();
  }
}

/** Of headers, out of whatever database. */
export function rpmPackages(headers: readonly Buffer[]): Package[] {
  return headers.flatMap((header) => rpmPackage(readRpmHeader(header)));
}

function rpmPackage(tags: ReadonlyMap<number, string>): Package[] {
  const name = tags.get(rpmTags.name);
  const version = tags.get(rpmTags.version);
  // Keys that packages are checked with are kept as packages.
  if (!name || !version || name === "gpg-pubkey") return [];
  const epoch = tags.get(rpmTags.epoch);
  const full = `${epoch === undefined ? "" : `${epoch}:`}${version}-${tags.get(rpmTags.release) ?? ""}`;
  const source = tags.get(rpmTags.source)?.replace(/-[^-]+-[^-]+\.src\.rpm$/, "");
  return [
    {
      ...{ type: "rpm", name, version: full.replace(/-$/, "") },
      ...some("architecture", tags.get(rpmTags.arch)),
      ...some("source", source === name ? undefined : source),
      ...some("license", tags.get(rpmTags.license)),
    },
  ];
}

function readRpmHeader(blob: Buffer): Map<number, string> {
  const count = blob.readUInt32BE(0);
  const data = 8 + 16 * count;
  const tags = new Map<number, string>();
  for (let at = 8; at < data; at += 16) {
    const [tag, type, offset] = [blob.readUInt32BE(at), blob.readUInt32BE(at + 4), blob.readUInt32BE(at + 8)];
    const start = data + offset;
    if (type === 4) tags.set(tag, String(blob.readUInt32BE(start)));
    if (type !== 6 && type !== 9) continue;
    const end = blob.indexOf(0, start);
    tags.set(tag, blob.toString("utf8", start, end < 0 ? blob.length : end));
  }
  return tags;
}

/** os-release(5). */
export function readOsRelease(text: string): Distribution | undefined {
  const values = new Map<string, string>();
  for (const line of text.split("\n")) {
    const found = /^([A-Z_]+)=(["']?)(.*)\2$/.exec(line.trim());
    if (found) values.set(found[1]!, found[3]!);
  }
  const id = values.get("ID");
  if (!id) return undefined;
  return { id, ...some("version", values.get("VERSION_ID")), ...some("name", values.get("PRETTY_NAME")) };
}

/** The fields of one paragraph, names in lower case; continued lines are left out. */
export function readFields(paragraph: string): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const line of paragraph.split("\n")) {
    const found = /^([A-Za-z][A-Za-z0-9-]*):[ \t]*(.*)$/.exec(line);
    if (found) fields[found[1]!.toLowerCase()] ??= found[2]!.trim();
  }
  return fields;
}

/** `{ [key]: value }`, or nothing. */
export function some<K extends string>(key: K, value: string | undefined): { readonly [P in K]?: string } {
  return value ? ({ [key]: value } as { readonly [P in K]?: string }) : {};
}

import { malformed, type ByteString } from "./entry.ts";

/** Records of a pax extended header (POSIX.1-2024, pax, "pax Extended Header"); values are bytes. */
export type PaxRecords = Map<ByteString, Buffer>;

/** Adds the records of `body` to `records`; an empty value removes what stood there before. */
export function parsePax(body: Buffer, records: PaxRecords): void {
  let position = 0;
  while (position < body.length) {
    const space = body.indexOf(0x20, position);
    const digits = space < 0 ? "" : body.toString("latin1", position, space);
    const length = /^[1-9][0-9]{0,9}$/.test(digits) ? Number(digits) : 0;
    const end = position + length;
    if (end <= space + 1 || end > body.length || body[end - 1] !== 0x0a) {
      throw malformed("a pax record has a wrong length");
    }
    const equals = body.indexOf(0x3d, space);
    if (equals < 0 || equals >= end) throw malformed("a pax record has no value");
    const key = body.toString("latin1", space + 1, equals);
    if (key === "") throw malformed("a pax record has no name");
    records.set(key, Buffer.from(body.subarray(equals + 1, end - 1)));
    position = end;
  }
}

/** The body of a pax header with `records`, sorted by name. */
export function formatPax(records: PaxRecords): Buffer {
  const parts: Buffer[] = [];
  for (const key of [...records.keys()].sort()) {
    const value = records.get(key)!;
    const rest = 3 + key.length + value.length; // space, equals sign, newline
    let length = rest + String(rest).length;
    if (rest + String(length).length !== length) length = rest + String(length).length;
    parts.push(Buffer.from(`${length} ${key}=`, "latin1"), value, Buffer.of(0x0a));
  }
  return Buffer.concat(parts);
}

/** Nanoseconds of a pax time: `-12.5`, `1700000000.123456789`. Digits beyond nanoseconds are cut off. */
export function parsePaxTime(text: string): bigint {
  const match = /^(-?)(\d{1,18})(?:\.(\d*))?$/.exec(text);
  if (!match) throw malformed("a pax time is not a number");
  const fraction = (match[3] ?? "").slice(0, 9).padEnd(9, "0");
  const ns = BigInt(match[2]!) * 1_000_000_000n + BigInt(fraction);
  return match[1] === "-" ? -ns : ns;
}

export function formatPaxTime(ns: bigint): string {
  const absolute = ns < 0n ? -ns : ns;
  const fraction = (absolute % 1_000_000_000n).toString().padStart(9, "0").replace(/0+$/, "");
  const sign = ns < 0n ? "-" : "";
  return `${sign}${absolute / 1_000_000_000n}${fraction === "" ? "" : `.${fraction}`}`;
}

export function parsePaxInteger(key: string, text: string): number {
  const value = /^-?\d{1,16}$/.test(text) ? Number(text) : NaN;
  if (!Number.isSafeInteger(value)) throw malformed(`the pax record '${key}' is not a number`);
  return value;
}

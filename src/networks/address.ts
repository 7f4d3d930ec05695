import { isIPv4, isIPv6 } from "node:net";

/** An IP address as a number, so that ranges are arithmetic. */
export interface Address {
  readonly family: 4 | 6;
  readonly value: bigint;
}

/** A block of addresses; `base` is its first one. */
export interface Cidr {
  readonly family: 4 | 6;
  readonly base: bigint;
  readonly length: number;
}

const bits = { 4: 32, 6: 128 } as const;

export function parseAddress(text: string): Address | undefined {
  if (isIPv4(text)) return { family: 4, value: fromParts(text.split(".").map(Number), 8n) };
  if (!isIPv6(text) || text.includes("%")) return undefined;
  return { family: 6, value: fromParts(ipv6Groups(text), 16n) };
}

export function formatAddress({ family, value }: Address): string {
  if (family === 4) return toParts(value, 4, 8n).join(".");
  const text = toParts(value, 8, 16n)
    .map((group) => group.toString(16))
    .join(":");
  const runs = [...text.matchAll(/\b0(?::0)+\b/g)];
  const longest = runs.toSorted((a, b) => b[0].length - a[0].length)[0];
  if (!longest) return text;
  const head = text.slice(0, longest.index).replace(/:$/, "");
  const tail = text.slice(longest.index + longest[0].length).replace(/^:/, "");
  return `${head}::${tail}`;
}

/** `10.1.0.0/16`; undefined when the text is no block. Bits after the prefix are kept out of `base`. */
export function parseCidr(text: string): Cidr | undefined {
  const [host = "", size, ...rest] = text.split("/");
  const address = parseAddress(host);
  if (!address || rest.length > 0 || (size !== undefined && !/^\d{1,3}$/.test(size))) return undefined;
  const length = size === undefined ? bits[address.family] : Number(size);
  if (length > bits[address.family]) return undefined;
  return blockOf(address, length);
}

/** The block with a prefix of `length` bits that holds `address`. */
export function blockOf({ family, value }: Address, length: number): Cidr {
  const hostBits = BigInt(bits[family] - length);
  return { family, base: (value >> hostBits) << hostBits, length };
}

export function formatCidr({ family, base, length }: Cidr): string {
  return `${formatAddress({ family, value: base })}/${length}`;
}

export function sizeOf({ family, length }: Cidr): bigint {
  return 1n << BigInt(bits[family] - length);
}

export function lastOf(cidr: Cidr): bigint {
  return cidr.base + sizeOf(cidr) - 1n;
}

export function contains(cidr: Cidr, address: Address): boolean {
  return cidr.family === address.family && address.value >= cidr.base && address.value <= lastOf(cidr);
}

export function overlaps(a: Cidr, b: Cidr): boolean {
  return a.family === b.family && a.base <= lastOf(b) && b.base <= lastOf(a);
}

/** Docker's rule, so that an address that is used again does not need its neighbours' ARP entries to expire. */
export function macOf(ipv4: string): string {
  const parts = ipv4.split(".").map((part) => Number(part).toString(16).padStart(2, "0"));
  return `02:42:${parts.join(":")}`;
}

function ipv6Groups(text: string): number[] {
  const embedded = /(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  const plain = embedded
    ? text.slice(0, embedded.index) +
      [0, 2].map((i) => (Number(embedded[i + 1]) * 256 + Number(embedded[i + 2])).toString(16)).join(":")
    : text;
  const [left = "", right] = plain.split("::");
  const groups = (part: string) => (part === "" ? [] : part.split(":").map((group) => parseInt(group, 16)));
  if (right === undefined) return groups(left);
  const [head, tail] = [groups(left), groups(right)];
  return [...head, ...Array<number>(8 - head.length - tail.length).fill(0), ...tail];
}

function fromParts(parts: readonly number[], width: bigint): bigint {
  return parts.reduce((value, part) => (value << width) | BigInt(part), 0n);
}

function toParts(value: bigint, count: number, width: bigint): number[] {
  const mask = (1n << width) - 1n;
  return Array.from({ length: count }, (_, i) => Number((value >> (BigInt(count - 1 - i) * width)) & mask));
}

import { fail } from "../base/index.ts";
import {
  blockOf,
  contains,
  formatAddress,
  formatCidr,
  lastOf,
  overlaps,
  parseAddress,
  parseCidr,
  sizeOf,
  type Address,
  type Cidr,
} from "./address.ts";
import type { NetworkSpec, Subnet } from "./network.ts";

export type SubnetSpec = NonNullable<NetworkSpec["subnets"]>[number];

/** The blocks that networks without a subnet of their own get, in Docker's order. */
export function defaultPools(): Cidr[] {
  const wide = Array.from({ length: 15 }, (_, i) => `172.${17 + i}.0.0/16`);
  const narrow = Array.from({ length: 16 }, (_, i) => `192.168.${i * 16}.0/20`);
  return [...wide, ...narrow].map((text) => parseCidr(text)!);
}

/** The /64 blocks of the unique local prefix (RFC 4193) of one daemon; `tag` is its hexadecimal tag. */
export function localPool6(tag: string): Iterable<Cidr> {
  const prefix = BigInt(`0xfd${tag.padEnd(10, "0").slice(0, 10)}`) << 80n;
  return {
    *[Symbol.iterator]() {
      for (let i = 1n; i < 65536n; i++) yield { family: 6 as const, base: prefix | (i << 64n), length: 64 };
    },
  };
}

/** The first block that overlaps nothing taken. Throws `exhausted` / `network.pools-exhausted`. */
export function choosePool(pools: Iterable<Cidr>, taken: readonly Cidr[]): Cidr {
  for (const pool of pools) if (!taken.some((one) => overlaps(one, pool))) return pool;
  throw fail(
    "exhausted",
    "network.pools-exhausted",
    "all predefined address pools have been fully subnetted",
    { hint: "remove networks that are not needed (virga network prune), or give one with --subnet" },
  );
}

/** A block as a network's subnet; the gateway is its first usable address. */
export function subnetOf(pool: Cidr): Subnet {
  return {
    subnet: formatCidr(pool),
    gateway: formatAddress({ family: pool.family, value: pool.base + 1n }),
  };
}

/**
 * Checks what a user asks for and fills in the gateway. Throws `invalid` / `network.subnet-invalid`, and `conflict` /
 * `network.pool-overlap` when it overlaps one of `taken` (whose names go into the hint).
 */
export function checkSubnet(spec: SubnetSpec, taken: ReadonlyMap<string, Cidr>): Subnet {
  const cidr = parseSubnet(spec.subnet ?? "");
  for (const [owner, other] of taken) {
    if (!overlaps(cidr, other)) continue;
    throw fail("conflict", "network.pool-overlap", "Pool overlaps with other one on this address space", {
      hint: `${formatCidr(cidr)} overlaps ${formatCidr(other)} (${owner}); choose another subnet`,
    });
  }
  const range = spec.ipRange === undefined ? undefined : checkRange(spec.ipRange, cidr);
  const gateway = spec.gateway === undefined ? undefined : checkInside("gateway", spec.gateway, cidr);
  const auxiliary = Object.entries(spec.auxiliary ?? {}).map(
    ([name, text]) => [name, formatAddress(checkInside(`auxiliary address ${name}`, text, cidr))] as const,
  );
  const chosen = gateway ?? { family: cidr.family, value: cidr.base + 1n };
  const clash = auxiliary.find(([, text]) => text === formatAddress(chosen));
  if (clash) throw invalidSubnet(`auxiliary address ${clash[0]} is the gateway`);
  return {
    subnet: formatCidr(cidr),
    gateway: formatAddress(chosen),
    ...(range === undefined ? {} : { ipRange: formatCidr(range) }),
    ...(auxiliary.length === 0 ? {} : { auxiliary: Object.fromEntries(auxiliary) }),
  };
}

/**
 * An address for an endpoint: the lowest free one after `last`, from the start again at the end, so that an address
 * rests before it is used again. Throws `exhausted` / `network.addresses-exhausted`.
 */
export function nextAddress(subnet: Subnet, used: ReadonlySet<string>, last: string | undefined): string {
  const cidr = parseCidr(subnet.subnet)!;
  const [first, end] = usable(cidr, subnet.ipRange === undefined ? cidr : parseCidr(subnet.ipRange)!);
  const barred = new Set([...used, subnet.gateway, ...Object.values(subnet.auxiliary ?? {})]);
  const previous = last === undefined ? undefined : parseAddress(last)?.value;
  const start = previous !== undefined && previous >= first && previous < end ? previous + 1n : first;
  const count = end - first + 1n;
  // Of any `barred.size + 1` addresses one is free, so that many tries are enough.
  const tries = count < BigInt(barred.size + 1) ? count : BigInt(barred.size + 1);
  for (let i = 0n; i < tries; i++) {
    const text = formatAddress({ family: cidr.family, value: first + ((start - first + i) % count) });
    if (!barred.has(text)) return text;
  }
  throw fail("exhausted", "network.addresses-exhausted", `no available IP addresses in ${subnet.subnet}`, {
    hint: "remove containers of this network, or use a network with a larger subnet",
  });
}

/** An address that a user asks for. Throws `invalid` outside of the subnet, `conflict` when it is taken. */
export function checkFixed(subnet: Subnet, text: string, used: ReadonlySet<string>): string {
  const cidr = parseCidr(subnet.subnet)!;
  const address = parseAddress(text);
  if (!address || !contains(cidr, address)) {
    throw fail(
      "invalid",
      "network.address-outside",
      `invalid endpoint settings: no configured subnet contains IP address ${text}`,
      { hint: `choose one in ${subnet.subnet}` },
    );
  }
  const plain = formatAddress(address);
  const [first, end] = usable(cidr, cidr);
  if (address.value < first || address.value > end || plain === subnet.gateway || used.has(plain)) {
    throw fail("conflict", "network.address-in-use", `Address already in use: ${plain}`);
  }
  return plain;
}

/** Without the network's own address and, for IPv4, the broadcast address. */
function usable(cidr: Cidr, range: Cidr): [bigint, bigint] {
  const [first, last] = [cidr.base + 1n, cidr.family === 4 ? lastOf(cidr) - 1n : lastOf(cidr)];
  const [low, high] = [range.base, lastOf(range)];
  return [low > first ? low : first, high < last ? high : last];
}

function parseSubnet(text: string): Cidr {
  const cidr = parseCidr(text);
  if (!cidr || !text.includes("/")) throw invalidSubnet(`invalid subnet ${text}`);
  const base = parseAddress(text.split("/")[0]!)!;
  if (base.value !== cidr.base) {
    throw invalidSubnet(`invalid subnet ${text}: it should be ${formatCidr(blockOf(base, cidr.length))}`);
  }
  if (sizeOf(cidr) < 4n) throw invalidSubnet(`invalid subnet ${text}: it has no room for a container`);
  return cidr;
}

function checkRange(text: string, subnet: Cidr): Cidr {
  const range = parseCidr(text);
  if (!range || range.family !== subnet.family) throw invalidSubnet(`invalid ip-range ${text}`);
  const inside = contains(subnet, { family: range.family, value: range.base });
  if (!inside || range.length < subnet.length) {
    throw invalidSubnet(`invalid ip-range ${text}: it is not inside subnet ${formatCidr(subnet)}`);
  }
  return range;
}

function checkInside(what: string, text: string, subnet: Cidr): Address {
  const address = parseAddress(text);
  if (!address || !contains(subnet, address)) {
    throw invalidSubnet(`invalid ${what} ${text}: it is not inside subnet ${formatCidr(subnet)}`);
  }
  if (address.value === subnet.base || (subnet.family === 4 && address.value === lastOf(subnet))) {
    throw invalidSubnet(`invalid ${what} ${text}: it is the network's own or the broadcast address`);
  }
  return address;
}

function invalidSubnet(message: string): Error {
  return fail("invalid", "network.subnet-invalid", message);
}

import { BlockList, isIP } from "node:net";

/** A subnet in CIDR notation as something to ask, or undefined when it is none. */
export function parseSubnet(written: string): { contains(address: string): boolean } | undefined {
  const [, address = "", digits = ""] = /^([^/]+)\/(\d{1,3})$/.exec(written) ?? [];
  const version = isIP(address);
  const prefix = Number(digits);
  if (version === 0 || digits === "" || prefix > (version === 4 ? 32 : 128)) return undefined;
  const family = version === 4 ? "ipv4" : "ipv6";
  const list = new BlockList();
  list.addSubnet(address, prefix, family);
  return { contains: (other) => isIP(other) === version && list.check(other, family) };
}

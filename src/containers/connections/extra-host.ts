import { fail } from "../../base/index.ts";

/** `NAME:ADDRESS` or `NAME=ADDRESS`; an IPv6 address may stand in brackets. Throws `invalid`. */
export function parseExtraHost(line: string): { readonly name: string; readonly address: string } {
  const [, name, address] = /^([^:=\s]+)[:=](\S+)$/.exec(line) ?? [];
  if (name === undefined || address === undefined) {
    throw fail("invalid", "container.extra-host", `bad format for add-host: "${line}"`, {
      hint: "write it like NAME:ADDRESS",
    });
  }
  return { name, address: address.replace(/^\[(.*)\]$/, "$1") };
}

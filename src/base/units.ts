import { fail } from "./errors.ts";

const byteFactor: Record<string, number> = {
  "": 1,
  b: 1,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
  p: 2 ** 50,
};

/** Bytes of `512m`, `1.5GiB`, `100 kb` or `1024`, powers of 1024 as Docker counts them. Throws `invalid`. */
export function parseBytes(text: string): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([kmgtp]?)(i?b)?\s*$/i.exec(text);
  if (!match)
    throw fail("invalid", "size.invalid", `invalid size: '${text}'`, { hint: "write it like 512m or 2g" });
  return Math.floor(Number(match[1]) * byteFactor[match[2]!.toLowerCase()]!);
}

const durationFactor: Record<string, number> = { us: 1e-3, µs: 1e-3, ms: 1, s: 1e3, m: 6e4, h: 3.6e6 };

/** Milliseconds of a Go duration such as `1m30s`, `500ms` or `0`. Throws `invalid`. */
export function parseDuration(text: string): number {
  if (text.trim() === "0") return 0;
  if (!/^(\d+(\.\d+)?(us|µs|ms|s|m|h))+$/.test(text.trim())) {
    throw fail("invalid", "duration.invalid", `invalid duration: '${text}'`, {
      hint: "write it like 30s or 1m30s",
    });
  }
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(us|µs|ms|s|m|h)/g)) {
    total += Number(amount) * durationFactor[unit!]!;
  }
  return total;
}

/** `1.2 GB`, in powers of 1000 as `docker images` prints them. */
export function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return unit === 0 ? `${bytes} B` : `${value.toPrecision(3)} ${units[unit]}`;
}

/** Numbers of an OCI configuration are 64 bits wide; a JavaScript number is exact to 53 and reads back rounded. */
const rounded = 2 ** 64;
const max = "18446744073709551615";

/** `value` as a JSON number; Infinity, and what it reads back as, is the largest (RLIM_INFINITY). */
export function uint64(value: number): unknown {
  const json = JSON as unknown as { rawJSON(text: string): unknown };
  return value >= rounded ? json.rawJSON(max) : value;
}

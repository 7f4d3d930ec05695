/** 64 lower-case hexadecimal digits, as Docker names containers, networks and execs. */
export function newId(): string {
  return crypto.getRandomValues(new Uint8Array(32)).toHex();
}

/** The first 12 digits, as lists show them; `sha256:` is cut off. */
export function shortId(id: string): string {
  return id.replace(/^sha256:/, "").slice(0, 12);
}

import { fail } from "../../../base/index.ts";

/** The path of a URL, without parsing the rest of it. */
export function pathOf(url: string): string {
  const start = url.indexOf("/", url.indexOf("://") + 3);
  const query = url.indexOf("?", start);
  return start < 0 ? "/" : url.slice(start, query < 0 ? undefined : query);
}

/** No name, path or value may hold one: the kernel ends a text there, so two programs would read two different ones. */
export function refuseZeroBytes(url: string): void {
  if (!url.includes("%00")) return;
  throw fail("invalid", "api.zero-byte", "the address of a request may not hold a zero byte");
}

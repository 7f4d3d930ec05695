import type { Condition } from "../../registry/index.ts";
import type { Digest } from "../../content/index.ts";

/** The entity tag of content with a digest: the digest itself. */
export function entityTag(digest: Digest): string {
  return `"${digest}"`;
}

/** Whether the client has what it asks for (`If-None-Match`, RFC 9110, section 13.1.2). */
export function isFresh(request: Request, digest: Digest): boolean {
  const header = request.headers.get("if-none-match");
  if (header === null) return false;
  return header.trim() === "*" || tagsOf(header).includes(digest);
}

/** What a push asks to hold of what it replaces (`If-Match`, `If-None-Match`). */
export function conditionOf(request: Request): Condition | undefined {
  const match = request.headers.get("if-match");
  if (match !== null) return match.trim() === "*" ? "present" : { is: tagsOf(match) };
  const none = request.headers.get("if-none-match");
  if (none === null) return undefined;
  return none.trim() === "*" ? "absent" : { not: tagsOf(none) };
}

function tagsOf(header: string): Digest[] {
  return [...header.matchAll(/(?:W\/)?"([^"]*)"/g)].map((match) => match[1] as Digest);
}

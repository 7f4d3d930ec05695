import { refuse } from "../../registry/index.ts";

/** What a path below `/v2/` stands for. */
export type Route =
  | { readonly kind: "base" }
  | { readonly kind: "catalog" }
  | { readonly kind: "tags" | "uploads"; readonly name: string; readonly last: "" }
  | {
      readonly kind: "manifest" | "blob" | "upload" | "referrers";
      readonly name: string;
      readonly last: string;
    };

/** A repository's name may contain `/blobs/` and the like, so the last one counts. */
const patterns = [
  ["manifest", /^(.+)\/manifests\/([^/]+)$/],
  ["uploads", /^(.+)\/blobs\/uploads\/?$/],
  ["upload", /^(.+)\/blobs\/uploads\/([^/]+)$/],
  ["blob", /^(.+)\/blobs\/([^/]+)$/],
  ["tags", /^(.+)\/tags\/list$/],
  ["referrers", /^(.+)\/referrers\/([^/]+)$/],
] as const;

/** Reads the path of a URL. Throws `not-found` / `registry.path-unknown`. */
export function parsePath(path: string): Route {
  const rest = decode(path).replace(/^\/v2\/?/, "");
  if (rest === "") return { kind: "base" };
  if (rest === "_catalog") return { kind: "catalog" };
  for (const [kind, pattern] of patterns) {
    const match = pattern.exec(rest);
    if (match) return { kind, name: match[1]!, last: match[2] ?? "" } as Route;
  }
  throw refuse("not-found", "registry.path-unknown", `no such path: ${path.slice(0, 300)}`);
}

/** The path of a URL, without parsing the rest of it. */
export function pathOf(url: string): string {
  const start = url.indexOf("/", url.indexOf("://") + 3);
  const query = url.indexOf("?", start);
  return start < 0 ? "/" : url.slice(start, query < 0 ? undefined : query);
}

/** The parameters of a URL, most of which have none. */
export function queryOf(url: string): URLSearchParams {
  const start = url.indexOf("?");
  return new URLSearchParams(start < 0 ? "" : url.slice(start));
}

function decode(path: string): string {
  if (!path.includes("%")) return path;
  try {
    return decodeURIComponent(path);
  } catch {
    throw refuse("invalid", "registry.name-invalid", `invalid path: ${path.slice(0, 300)}`);
  }
}

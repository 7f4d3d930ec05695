import { countOf, json, nextLink, type Call, type Caller } from "./call.ts";
import type { Registry } from "../../registry/index.ts";

/** GET of the tags (end-8a, end-8b). */
export async function listTags({ registry, request, query, name, asked, isCached }: Call): Promise<Response> {
  const n = countOf(query, "n");
  const last = query.get("last");
  const page = { ...(n === undefined ? {} : { n: n + 1 }), ...(last === null ? {} : { last }) };
  const found = isCached
    ? (await registry.caches.tags(name, request.signal)).filter((tag) => tag > (last ?? ""))
    : registry.manifests.tags(name, page);
  const tags = n === undefined ? found : found.slice(0, n);
  const more = n !== undefined && n > 0 && found.length > n;
  const headers = more
    ? {
        Link: nextLink(`/v2/${asked}/tags/list`, {
          n: String(n),
          last: tags.at(-1)!,
          ...(query.has("ns") ? { ns: query.get("ns")! } : {}),
        }),
      }
    : {};
  return json({ name: asked, tags }, headers);
}

/** So many names are looked at in one go. */
const batch = 1000;

/** GET of the catalog: of the repositories that the caller may pull from. */
export function listCatalog(registry: Registry, caller: Caller, query: URLSearchParams): Response {
  const n = countOf(query, "n") ?? Infinity;
  const repositories: string[] = [];
  let last = query.get("last") ?? "";
  for (;;) {
    const names = registry.repositories({ n: batch, last });
    repositories.push(...names.filter((name) => caller.mayList?.(name) ?? caller.may("pull", name)));
    if (names.length < batch || repositories.length > n) break;
    last = names.at(-1)!;
  }
  const page = repositories.slice(0, n);
  const more = n > 0 && repositories.length > n;
  return json(
    { repositories: page },
    more ? { Link: nextLink("/v2/_catalog", { n: String(n), last: page.at(-1)! }) } : {},
  );
}

import { indexMembers, isIndex, refuse, type Reference, type StoredManifest } from "../../registry/index.ts";
import type { Call } from "./call.ts";

/**
 * The manifest to answer with. A digest stands for its bytes, whatever the client accepts. For a tag the type counts,
 * as in the distribution project: a client that does not know indexes gets the image for linux/amd64, and one that does
 * not know the type at all gets `not-found`. No `Accept`, or one for anything or for JSON, accepts all.
 */
export async function negotiate(
  { registry, name, isCached, request }: Pick<Call, "registry" | "name" | "isCached" | "request">,
  reference: Reference,
): Promise<StoredManifest> {
  const find = async (wanted: Reference) => {
    if (isCached) await registry.caches.manifest(name, wanted, request.signal);
    return registry.manifests.find(name, wanted);
  };
  const accept = request.headers.get("accept");
  const stored = await find(reference);
  if ("digest" in reference || accepts(accept, stored.mediaType)) return stored;
  if (isIndex(stored.mediaType)) {
    const members = indexMembers(await registry.manifests.read(stored));
    const member = members.find(
      ({ platform, mediaType }) =>
        platform?.os === "linux" && platform.architecture === "amd64" && accepts(accept, mediaType),
    );
    if (member) return await find({ digest: member.digest });
  }
  throw refuse(
    "not-found",
    "registry.manifest-unknown",
    `the manifest is of the type ${stored.mediaType}, which the request does not accept`,
    { detail: { name, ...reference, mediaType: stored.mediaType }, hint: "use a newer client" },
  );
}

const anything = new Set(["*/*", "application/*", "application/json"]);

/** Parameters are left out of it: only the types count, not their weights. */
function accepts(header: string | null, mediaType: string): boolean {
  if (header === null || header.trim() === "") return true;
  return header.split(",").some((part) => {
    const type = part.split(";", 1)[0]!.trim().toLowerCase();
    return type === mediaType || anything.has(type);
  });
}

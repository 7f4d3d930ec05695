import type { Descriptor, Digest } from "../../content/index.ts";
import {
  checkDigest,
  checkReference,
  largestManifest,
  refuse,
  type StoredManifest,
} from "../../registry/index.ts";
import type { Call } from "./call.ts";
import { conditionOf, entityTag, isFresh } from "./conditions.ts";
import { negotiate } from "./negotiate.ts";

/** GET and HEAD of a manifest (end-3). */
export async function getManifest(call: Call): Promise<Response> {
  const { registry, request, name, last } = call;
  const manifest = await negotiate(call, checkReference(last));
  const headers = headersOf(manifest);
  if (isFresh(request, manifest.digest)) return new Response(null, { status: 304, headers });
  headers.set("Content-Length", String(manifest.size));
  const bytes = await registry.manifests.read(manifest);
  if (request.method === "GET") registry.manifests.pulled(name, manifest.digest);
  return new Response(request.method === "HEAD" ? null : (bytes as Uint8Array<ArrayBuffer>), { headers });
}

/** PUT of a manifest (end-7a, end-7b). */
export async function putManifest({ registry, request, query, caller, name, last }: Call): Promise<Response> {
  const reference = checkReference(last);
  const tags = "digest" in reference ? query.getAll("tag") : [];
  const pushed = await registry.manifests.put(name, {
    reference,
    tags,
    mediaType: request.headers.get("content-type") ?? undefined,
    bytes: await readBody(request),
    condition: conditionOf(request),
    actor: caller.name,
  });
  const headers = new Headers({
    Location: `/v2/${name}/manifests/${"tag" in reference ? reference.tag : pushed.digest}`,
    "Docker-Content-Digest": pushed.digest,
    ETag: entityTag(pushed.digest),
  });
  if (pushed.subject !== undefined) headers.set("OCI-Subject", pushed.subject);
  if (tags.length > 0) headers.set("OCI-Tag", pushed.tags.join(", "));
  return new Response(null, { status: 201, headers });
}

/** DELETE of a tag or a manifest (end-9). */
export async function deleteManifest({ registry, caller, name, last }: Call): Promise<Response> {
  await registry.manifests.delete(name, checkReference(last), caller.name);
  return new Response(null, { status: 202 });
}

const largestPage = 2 * 2 ** 20;

/** The referrers of a manifest (end-12a, end-12b), in pages that a client can take as one manifest. */
export async function listReferrers(call: Call): Promise<Response> {
  const { query, asked, last } = call;
  const artifactType = query.get("artifactType") ?? undefined;
  const after = query.get("last");
  const manifests: object[] = [];
  const headers: Record<string, string> = { "Content-Type": "application/vnd.oci.image.index.v1+json" };
  if (artifactType !== undefined) headers["OCI-Filters-Applied"] = "artifactType";
  let size = 0;
  let previous = "";
  const filter = {
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(after === null ? {} : { last: checkDigest(after) }),
  };
  for (const descriptor of await referrersOf(call, filter)) {
    size += JSON.stringify(descriptor).length;
    if (size > largestPage && manifests.length > 0) {
      const parameters = { ...(artifactType === undefined ? {} : { artifactType }), last: previous };
      headers["Link"] =
        `</v2/${asked}/referrers/${last}?${new URLSearchParams(parameters).toString()}>; rel="next"`;
      break;
    }
    manifests.push(descriptor);
    previous = descriptor.digest;
  }
  const index = { schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests };
  return new Response(JSON.stringify(index), { headers });
}

/** Those of a cached image are the upstream's, in one page. */
async function referrersOf(
  { registry, request, name, last, isCached }: Call,
  filter: { readonly artifactType?: string; readonly last?: Digest },
): Promise<Iterable<Descriptor>> {
  const subject = checkDigest(last);
  if (!isCached) return registry.manifests.referrers(name, subject, filter);
  const all = await registry.caches.referrers(name, subject, filter.artifactType, request.signal);
  const after = all.findIndex((one) => one.digest === filter.last) + 1;
  return filter.last === undefined ? all : all.slice(after);
}

function headersOf({ digest, mediaType }: StoredManifest): Headers {
  return new Headers({
    "Content-Type": mediaType,
    "Docker-Content-Digest": digest,
    ETag: entityTag(digest),
  });
}

/** The whole body; stops at the first byte too many. */
async function readBody(request: Request): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.length;
    if (size > largestManifest) {
      throw refuse(
        "invalid",
        "registry.manifest-too-large",
        `a manifest has ${largestManifest} bytes at most`,
        {
          detail: { limit: largestManifest },
        },
      );
    }
    chunks.push(chunk);
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
}

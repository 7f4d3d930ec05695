import type { BlobInfo, Digest } from "../../content/index.ts";
import { checkDigest, refuse } from "../../registry/index.ts";
import type { Call } from "./call.ts";
import { entityTag, isFresh } from "./conditions.ts";
import { parseRange } from "./range.ts";

/** GET and HEAD of a blob (end-2). The kernel copies the file to the socket; no byte comes here. */
export async function getBlob(call: Call): Promise<Response> {
  const { registry, request } = call;
  const head = request.method === "HEAD";
  const digest = checkDigest(call.last);
  const blob = await findBlob(call, digest, head);
  const headers = new Headers({
    "Content-Type": "application/octet-stream",
    "Docker-Content-Digest": digest,
    ETag: entityTag(digest),
    "Accept-Ranges": "bytes",
    "Cache-Control": "private, max-age=31536000, immutable",
    "Content-Disposition": "attachment",
  });
  if (isFresh(request, digest)) return new Response(null, { status: 304, headers });
  if (head) {
    headers.set("Content-Length", String(blob.size));
    return new Response(null, { headers });
  }
  if ("stream" in blob) {
    // The whole goes out while it comes; of a part nobody could see whether it is right.
    if (!request.headers.has("range") && blob.size > 0) return new Response(blob.stream(), { headers });
    await blob.whole();
  }
  return send(Bun.file(registry.blobs.path(blob)), blob, request, headers);
}

function findBlob({ registry, request, name, isCached }: Call, digest: Digest, head: boolean) {
  if (isCached) return registry.caches.blob(name, digest, { head, signal: request.signal });
  return head ? registry.blobs.promise(name, digest) : registry.blobs.find(name, digest);
}

/** DELETE of a blob (end-10). */
export async function deleteBlob({ registry, name, last }: Call): Promise<Response> {
  await registry.blobs.delete(name, checkDigest(last));
  return new Response(null, { status: 202 });
}

function send(file: Bun.BunFile, { digest, size }: BlobInfo, request: Request, headers: Headers): Response {
  const condition = request.headers.get("if-range");
  if (condition !== null && condition !== entityTag(digest)) {
    // Bun answers a file with the range that was asked for; another stream it sends as it is.
    headers.set("Content-Length", String(size));
    return new Response(file.stream().pipeThrough(new TransformStream()), { headers });
  }
  const range = parseRange(request.headers.get("range"), size);
  if (range === undefined) {
    headers.set("Content-Length", String(size));
    return new Response(file, { headers });
  }
  if (range === "unsatisfiable") {
    throw refuse("invalid", "registry.range-invalid", `the blob has ${size} bytes`, {
      detail: { digest, size },
    });
  }
  headers.set("Content-Length", String(range.end - range.start));
  headers.set("Content-Range", `bytes ${range.start}-${range.end - 1}/${size}`);
  return new Response(file.slice(range.start, range.end), { status: 206, headers });
}

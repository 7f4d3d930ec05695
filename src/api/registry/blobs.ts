import type { BlobInfo } from "../../content/index.ts";
import { checkDigest, refuse } from "../../registry/index.ts";
import type { Call } from "./call.ts";
import { entityTag, isFresh } from "./conditions.ts";
import { parseRange } from "./range.ts";

/** GET and HEAD of a blob (end-2). The kernel copies the file to the socket; no byte comes here. */
export function getBlob({ registry, request, name, last }: Call): Response {
  const head = request.method === "HEAD";
  const digest = checkDigest(last);
  const blob = head ? registry.blobs.promise(name, digest) : registry.blobs.find(name, digest);
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
  return send(Bun.file(registry.blobs.path(blob)), blob, request, headers);
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

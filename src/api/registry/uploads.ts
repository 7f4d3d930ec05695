import type { BlobInfo } from "../../content/index.ts";
import { checkDigest, refuse, type Chunk, type Upload } from "../../registry/index.ts";
import type { Call } from "./call.ts";

/**
 * POST: mounts a blob (end-11), takes one whole (end-4b) or begins an upload (end-4a, end-4c). A chunk may have any
 * size, so there is no `OCI-Chunk-Min-Length`.
 */
export async function beginUpload(call: Call): Promise<Response> {
  const { registry, request, query, name, caller } = call;
  const mount = query.get("mount");
  if (mount !== null) {
    const mayRead = (repository: string) => caller.may("pull", repository);
    const blob = await registry.blobs.mount(
      name,
      checkDigest(mount),
      query.get("from") ?? undefined,
      mayRead,
    );
    if (blob) return created(name, blob);
  }
  const digest = mount === null ? query.get("digest") : null;
  const algorithm = digest === null ? query.get("digest-algorithm") : checkDigest(digest).split(":", 1)[0]!;
  const upload = await registry.uploads.begin(name, algorithm ?? undefined);
  if (digest === null) return progress(202, upload);
  try {
    return created(
      name,
      await registry.uploads.commit(name, upload.id, checkDigest(digest), chunkOf(request)),
    );
  } catch (error) {
    // Nobody knows its id.
    await registry.uploads.cancel(name, upload.id).catch(() => undefined);
    throw error;
  }
}

/** PATCH: one more chunk (end-5). */
export async function appendUpload({ registry, request, name, last }: Call): Promise<Response> {
  return progress(202, await registry.uploads.append(name, last, chunkOf(request)));
}

/** PUT: the last chunk, if any, and the digest of the whole (end-6). */
export async function commitUpload({ registry, request, query, name, last }: Call): Promise<Response> {
  const digest = query.get("digest");
  if (digest === null) {
    throw refuse("invalid", "registry.digest-invalid", "the digest is missing", { hint: "?digest=sha256:…" });
  }
  const blob = await registry.uploads.commit(name, last, checkDigest(digest), chunkOf(request));
  return created(name, blob);
}

/** GET: how far an upload is (end-13). */
export function uploadStatus({ registry, name, last }: Call): Response {
  return progress(204, registry.uploads.find(name, last));
}

/** DELETE: gives it up (end-14). */
export async function cancelUpload({ registry, name, last }: Call): Promise<Response> {
  await registry.uploads.cancel(name, last);
  return new Response(null, { status: 204 });
}

function progress(status: number, { id, repository, offset }: Upload): Response {
  return new Response(null, {
    status,
    headers: {
      Location: `/v2/${repository}/blobs/uploads/${id}`,
      // Clients know the range of nothing as this.
      Range: `0-${Math.max(0, offset - 1)}`,
      "Docker-Upload-UUID": id,
    },
  });
}

function created(name: string, { digest }: BlobInfo): Response {
  return new Response(null, {
    status: 201,
    headers: { Location: `/v2/${name}/blobs/${digest}`, "Docker-Content-Digest": digest },
  });
}

/** The body of a request with what its headers say of it. */
function chunkOf(request: Request): Chunk {
  const length = lengthOf(request);
  const range = request.headers.get("content-range");
  const source = request.body ?? empty();
  if (range === null) return { source, length };
  // Some clients write it as RFC 9110 does for answers: `bytes 0-9/*`.
  const match = /^(?:bytes[ =])?(\d+)-(\d+)(?:\/(?:\d+|\*))?$/.exec(range.trim());
  if (!match) {
    throw refuse("invalid", "registry.upload-invalid", `Content-Range: '${range}' is no range`, {
      detail: { "content-range": range },
      hint: "write the first and the last byte, such as 0-1023",
    });
  }
  const [start, end] = [Number(match[1]), Number(match[2])];
  const count = end - start + 1;
  if (length === 0 && request.body === null) return { source, length };
  if (count < 0 || (length !== undefined && length !== count)) {
    throw refuse("invalid", "registry.size-invalid", `the range has ${count} bytes, the request ${length}`, {
      detail: { range: count, length },
    });
  }
  return { source, start, length: count };
}

function lengthOf(request: Request): number | undefined {
  const header = request.headers.get("content-length");
  if (header !== null && /^\d+$/.test(header)) return Number(header);
  return request.body === null ? 0 : undefined;
}

async function* empty(): AsyncGenerator<Uint8Array> {}

import { fail } from "../base/index.ts";
import type { Digest } from "../content/index.ts";
import type { Asked, Connection } from "./connection.ts";
import { Repeatable } from "./failures.ts";
import type { BlobSource } from "./repository.ts";
import { pauseOrThrow, repeated } from "./retry.ts";
import type { HttpAnswer } from "./transport.ts";

/** What a chunk holds when a registry wants chunks without saying how large. */
const chunkBytes = 16 << 20;

/** A blob's way into a registry (OCI distribution, "Pushing blobs"): where it goes next, and how far it has come. */
interface Upload {
  readonly url: string;
  readonly offset: number;
  /** The least that the registry takes as a chunk, when it says so. */
  readonly minChunk?: number | undefined;
}

/** Asks for a mount ("Mounting a blob from another repository"). The session that comes in its place is given up. */
export async function mountBlob(
  connection: Connection,
  digest: Digest,
  from: string,
  signal: AbortSignal,
): Promise<boolean> {
  const query = new URLSearchParams({ mount: digest, from }).toString();
  const request: Asked = {
    method: "POST",
    path: `blobs/uploads/?${query}`,
    body: empty,
    scopes: [`repository:${from}:pull`],
    signal,
  };
  // Without the right to read the other repository some registries refuse the whole request.
  const got = await repeated(connection.clock, signal, () => connection.once(request));
  if (got.status === 202) await cancel(connection, got, signal);
  else await got.drop();
  return got.status === 201;
}

async function cancel(connection: Connection, got: HttpAnswer, signal: AbortSignal): Promise<void> {
  const upload = uploadOf(got, connection, 0);
  await got.drop();
  const answer = await connection.once({ method: "DELETE", path: upload.url, signal }).catch(() => undefined);
  await answer?.drop();
}

/**
 * Sends a blob in one request where the registry takes it so, in chunks where it does not, and goes on from what the
 * registry has after a lost connection.
 */
export async function pushBlob(
  connection: Connection,
  blob: BlobSource,
  sent: (bytes: number) => void,
  signal: AbortSignal,
): Promise<void> {
  let upload = await begin(connection, blob, signal);
  let chunk = upload.minChunk === undefined ? undefined : Math.max(upload.minChunk, chunkBytes);
  let furthest = 0;
  for (let attempt = 1; ; attempt++) {
    try {
      const done =
        chunk === undefined
          ? await sendWhole(connection, blob, upload, sent, signal)
          : await sendChunks(connection, blob, upload, chunk, sent, signal);
      if (done) return;
      chunk = chunkBytes; // too large in one piece
      upload = await begin(connection, blob, signal);
      attempt = 0;
    } catch (error) {
      await pauseOrThrow(error, attempt, connection.clock, signal);
      upload = (await progressOf(connection, upload, signal)) ?? (await begin(connection, blob, signal));
      if (upload.offset > furthest) attempt = 0;
      furthest = Math.max(furthest, upload.offset);
      if (upload.offset > 0) chunk ??= blob.size;
    }
    sent(upload.offset);
  }
}

async function begin(connection: Connection, blob: BlobSource, signal: AbortSignal): Promise<Upload> {
  const request: Asked = { method: "POST", path: "blobs/uploads/", body: empty, signal };
  const got = await connection.ask(request, [202], `upload of ${blob.digest}`);
  await got.drop();
  return uploadOf(got, connection, 0);
}

const empty = () => ({ size: 0, content: "" });

/** False when the registry finds it too large for one request. */
async function sendWhole(
  connection: Connection,
  blob: BlobSource,
  upload: Upload,
  sent: (bytes: number) => void,
  signal: AbortSignal,
): Promise<boolean> {
  const request: Asked = {
    method: "PUT",
    path: withDigest(upload.url, blob.digest),
    headers: { "Content-Type": "application/octet-stream" },
    body: () => ({ size: blob.size, content: counted(blob, 0, blob.size, sent) }),
    signal,
  };
  const got = await connection.once(request);
  if (got.status === 413) {
    await got.drop();
    return false;
  }
  await expectStored(connection, got, request, blob);
  return true;
}

async function sendChunks(
  connection: Connection,
  blob: BlobSource,
  from: Upload,
  chunk: number,
  sent: (bytes: number) => void,
  signal: AbortSignal,
): Promise<boolean> {
  let upload = from;
  while (upload.offset < blob.size) {
    const end = Math.min(upload.offset + chunk, blob.size);
    const start = upload.offset;
    const request: Asked = {
      method: "PATCH",
      path: upload.url,
      headers: { "Content-Type": "application/octet-stream", "Content-Range": `${start}-${end - 1}` },
      body: () => ({ size: end - start, content: counted(blob, start, end, sent) }),
      signal,
    };
    const got = await connection.once(request);
    if (got.status !== 202 && got.status !== 204 && got.status !== 201) {
      // 416: the registry has another opinion of how far we are; it is asked before the next attempt.
      if (got.status !== 416) await connection.refuse(got, request, `upload of ${blob.digest}`);
      await got.drop();
      throw new Repeatable(
        fail("unavailable", "registry.upload-range", `${connection.host} refused a part of the upload`),
      );
    }
    await got.drop();
    upload = { ...uploadOf(got, connection, end), offset: end };
  }
  const request: Asked = { method: "PUT", path: withDigest(upload.url, blob.digest), body: empty, signal };
  await expectStored(connection, await connection.once(request), request, blob);
  return true;
}

async function expectStored(
  connection: Connection,
  got: HttpAnswer,
  request: Asked,
  blob: BlobSource,
): Promise<void> {
  if (got.status !== 201 && got.status !== 204) {
    await connection.refuse(got, request, `upload of ${blob.digest}`);
  }
  await got.drop();
  const said = got.headers.get("docker-content-digest");
  if (said === null || said === blob.digest) return;
  throw fail(
    "data-loss",
    "registry.digest-mismatch",
    `${connection.host} stored ${said} in place of ${blob.digest}`,
  );
}

/** How far a session has come; undefined when the registry has forgotten it. */
async function progressOf(
  connection: Connection,
  upload: Upload,
  signal: AbortSignal,
): Promise<Upload | undefined> {
  const got = await connection.once({ method: "GET", path: upload.url, signal }).catch((error: unknown) => {
    if (error instanceof Repeatable) return undefined;
    throw error;
  });
  await got?.drop();
  if (got?.status !== 204 && got?.status !== 202 && got?.status !== 200) return undefined;
  const last = /^(?:bytes=)?0-(\d+)$/.exec(got.headers.get("range") ?? "")?.[1];
  if (last === undefined) return undefined;
  // "0-0" is nothing or one byte; nothing is the safe reading.
  const offset = Number(last) === 0 ? 0 : Number(last) + 1;
  const next = got.headers.get("location") === null ? { url: upload.url } : uploadOf(got, connection, offset);
  return { ...next, offset };
}

function uploadOf(got: HttpAnswer, connection: Connection, offset: number): Upload {
  const location = got.headers.get("location");
  if (location === null || !URL.canParse(location, got.url)) {
    throw fail(
      "unavailable",
      "registry.answer-invalid",
      `${connection.host} does not say where to send a blob`,
    );
  }
  const minimum = Number(got.headers.get("oci-chunk-min-length"));
  return {
    url: new URL(location, got.url).href,
    offset,
    minChunk: Number.isSafeInteger(minimum) && minimum > 0 ? minimum : undefined,
  };
}

function withDigest(url: string, digest: Digest): string {
  // As text: what the registry has put into the query must come back as it is.
  return `${url}${url.includes("?") ? "&" : "?"}digest=${encodeURIComponent(digest)}`;
}

async function* counted(
  blob: BlobSource,
  start: number,
  end: number,
  sent: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  const content = blob.open(start, end);
  if (typeof content === "string" || content instanceof Uint8Array) {
    yield Buffer.from(content);
    sent(end);
    return;
  }
  let at = start;
  for await (const piece of content) {
    yield piece;
    at += piece.length;
    sent(at);
  }
}

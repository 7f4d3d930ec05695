import { z } from "zod";
import { fail } from "../base/index.ts";
import type { Descriptor, Digest } from "../content/index.ts";
import type { Connection } from "./connection.ts";
import { describe, manifestTypes, maxManifestBytes, mediaTypeOf } from "./documents.ts";
import { downloadBlob, readBlob } from "./download.ts";
import { nextPage } from "./link.ts";
import { mountBlob, pushBlob } from "./push-blob.ts";
import { listReferrers, pushReferrer } from "./referrers.ts";
import { repeated } from "./retry.ts";
import type { RemoteManifest, RemoteRepository } from "./repository.ts";

const accept = [...manifestTypes.image, ...manifestTypes.index].join(", ");
const maxTagPages = 1000;

export function createRemote(connection: Connection, isMirror: boolean): RemoteRepository {
  const { name, host } = connection;
  const manifests: Pick<RemoteRepository, "manifest" | "pushManifest"> = {
    manifest: (reference, signal) => readManifest(connection, reference, signal),
    pushManifest: (reference, mediaType, bytes, signal) =>
      pushManifest(connection, reference, mediaType, bytes, signal),
  };
  return {
    ...manifests,
    name,
    host,
    isMirror,
    headManifest: (reference, signal) => headManifest(connection, reference, signal),
    tags: (signal) => listTags(connection, signal),
    statBlob: (digest, signal) => statBlob(connection, digest, signal),
    hasBlob: async (digest, signal) => (await headBlob(connection, digest, signal)).status === 200,
    smallBlob: (blob, signal) =>
      repeated(connection.clock, signal, async () => {
        const pieces: Uint8Array[] = [];
        for await (const piece of (await readBlob(connection, blob, 0, signal)).chunks) pieces.push(piece);
        const bytes = Buffer.concat(pieces);
        describe(bytes, "", [blob.digest], `blob ${blob.digest}`);
        return bytes;
      }),
    downloadBlob: (blob, target, received, signal) =>
      downloadBlob(connection, blob, target, received, signal),
    mountBlob: (digest, from, signal) => mountBlob(connection, digest, from, signal),
    pushBlob: (blob, sent, signal) => pushBlob(connection, blob, sent, signal),
    referrers: (subject, artifactType, signal) =>
      listReferrers(connection, manifests, subject, artifactType, signal),
    pushReferrer: (subject, referrer, bytes, signal) =>
      pushReferrer(connection, manifests, subject, referrer, bytes, signal),
  };
}

async function headBlob(connection: Connection, digest: Digest, signal: AbortSignal) {
  const request = { method: "HEAD", path: `blobs/${digest}`, signal } as const;
  const got = await connection.ask(request, [200, 404], `blob ${digest}`);
  await got.drop();
  return got;
}

async function statBlob(connection: Connection, digest: Digest, signal: AbortSignal) {
  const { status, headers } = await headBlob(connection, digest, signal);
  if (status === 404) return undefined;
  const length = headers.get("content-length");
  if (length !== null && /^\d+$/.test(length)) return { digest, size: Number(length) };
  throw fail(
    "unavailable",
    "registry.answer-invalid",
    `${connection.host} does not tell the size of ${digest}`,
  );
}

/** `manifest for debian:nope`, as Docker calls it. */
function shown({ name }: Connection, reference: string): string {
  const path =
    name.domain === "docker.io" ? name.path.replace(/^library\//, "") : `${name.domain}/${name.path}`;
  return `manifest for ${path}${reference.includes(":") ? "@" : ":"}${reference}`;
}

async function readManifest(
  connection: Connection,
  reference: string,
  signal: AbortSignal,
): Promise<RemoteManifest> {
  const what = shown(connection, reference);
  const request = {
    method: "GET",
    path: `manifests/${reference}`,
    headers: { Accept: accept },
    signal,
  } as const;
  const { headers, bytes } = await connection.read(request, maxManifestBytes, what);
  const named = reference.includes(":") ? reference : undefined;
  // The digest is checked first: what is not what was asked for need not be looked at.
  const { digest, size } = describe(bytes, "", [headers.get("docker-content-digest"), named], what);
  const mediaType = mediaTypeOf(bytes, headers.get("content-type") ?? "", what);
  return { descriptor: { mediaType, digest, size }, bytes };
}

async function headManifest(
  connection: Connection,
  reference: string,
  signal: AbortSignal,
): Promise<Descriptor | undefined> {
  const request = {
    method: "HEAD",
    path: `manifests/${reference}`,
    headers: { Accept: accept },
    signal,
  } as const;
  const got = await connection.ask(request, [200, 404], shown(connection, reference));
  await got.drop();
  const digest = got.headers.get("docker-content-digest") ?? "";
  if (got.status === 404 || !/^(sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})$/.test(digest)) return undefined;
  return {
    mediaType: (got.headers.get("content-type") ?? "").split(";", 1)[0]!.trim(),
    digest: digest as Digest,
    size: Number(got.headers.get("content-length") ?? 0),
  };
}

const tagPage = z.object({ tags: z.array(z.string()).nullish() });

async function listTags(connection: Connection, signal: AbortSignal): Promise<string[]> {
  const tags = new Set<string>();
  let path: string | undefined = "tags/list";
  for (let pages = 0; path !== undefined && pages < maxTagPages; pages++) {
    const what = `the tags of ${connection.name.path}`;
    const page = { method: "GET", path, signal } as const;
    const { headers, url, bytes } = await connection.read(page, maxManifestBytes, what);
    const parsed = tagPage.safeParse(parseJson(bytes));
    if (!parsed.success)
      throw fail("unavailable", "registry.answer-invalid", `${connection.host} lists no tags`);
    for (const tag of parsed.data.tags ?? []) tags.add(tag);
    path = nextPage(headers.get("link"), url);
  }
  return [...tags];
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8")) as unknown;
  } catch {
    return undefined;
  }
}

async function pushManifest(
  connection: Connection,
  reference: string,
  mediaType: string,
  bytes: Uint8Array,
  signal: AbortSignal,
): Promise<Digest> {
  const { digest } = describe(bytes, mediaType, [], "the manifest");
  const got = await connection.ask(
    {
      method: "PUT",
      path: `manifests/${reference}`,
      headers: { "Content-Type": mediaType },
      body: () => ({ size: bytes.length, content: bytes }),
      signal,
    },
    [200, 201, 202],
    shown(connection, reference),
  );
  await got.drop();
  const said = got.headers.get("docker-content-digest");
  if (said === null || said === digest || !said.startsWith("sha256:")) return digest;
  throw fail(
    "data-loss",
    "registry.digest-mismatch",
    `${connection.host} stored the manifest as ${said}, not as ${digest}`,
  );
}

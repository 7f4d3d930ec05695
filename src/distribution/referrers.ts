import { z } from "zod";
import { fail, isVirgaError } from "../base/index.ts";
import type { Descriptor, Digest } from "../content/index.ts";
import type { Connection } from "./connection.ts";
import { depthOf, manifestTypes, maxManifestBytes } from "./documents.ts";
import { nextPage } from "./link.ts";
import type { RemoteRepository } from "./repository.ts";

const indexType = manifestTypes.index[0];
const maxPages = 100;
const maxReferrers = 10_000;
const isDigest = (text: string) => /^(sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})$/.test(text);

const page = z.object({
  manifests: z
    .array(
      z.object({
        mediaType: z.string(),
        digest: z.string().refine(isDigest),
        size: z.int().min(0),
        artifactType: z.string().nullish(),
        annotations: z.record(z.string(), z.string()).nullish(),
      }),
    )
    .nullish(),
});

type Manifests = Pick<RemoteRepository, "manifest" | "pushManifest">;

/** The tag under which registries without a referrers API keep the list (distribution specification, "Referrers Tag Schema"). */
export function fallbackTag(subject: Digest): string {
  const [algorithm, hex] = subject.split(":") as [string, string];
  return `${algorithm}-${hex}`.slice(0, 128);
}

/** `RemoteRepository.referrers` (end-12a and end-12b, and the tag scheme where a registry has neither). */
export async function listReferrers(
  connection: Connection,
  manifests: Manifests,
  subject: Digest,
  artifactType: string | undefined,
  signal: AbortSignal,
): Promise<Descriptor[]> {
  const found =
    (await byApi(connection, subject, artifactType, signal)) ?? (await byTag(manifests, subject, signal));
  return found.filter((one) => artifactType === undefined || one.artifactType === artifactType);
}

async function byApi(
  connection: Connection,
  subject: Digest,
  artifactType: string | undefined,
  signal: AbortSignal,
): Promise<Descriptor[] | undefined> {
  const found: Descriptor[] = [];
  const filter = artifactType === undefined ? "" : `?artifactType=${encodeURIComponent(artifactType)}`;
  const what = `the referrers of ${subject}`;
  let path: string | undefined = `referrers/${subject}${filter}`;
  for (let pages = 0; path !== undefined && pages < maxPages; pages++) {
    const request = { method: "GET", path, headers: { Accept: indexType }, signal } as const;
    const got = await connection.ask(request, [200, 400, 404, 405], what);
    // Registries of before the API take it for the name of something that they do not have.
    const type = (got.headers.get("content-type") ?? "").split(";", 1)[0]!.trim();
    if (got.status !== 200 || type !== indexType) {
      await got.drop();
      return undefined;
    }
    found.push(...readPage(await got.bytes(maxManifestBytes), what));
    if (found.length > maxReferrers) break;
    path = nextPage(got.headers.get("link"), got.url);
  }
  return found;
}

async function byTag(manifests: Manifests, subject: Digest, signal: AbortSignal): Promise<Descriptor[]> {
  const index = await unlessMissing(manifests.manifest(fallbackTag(subject), signal));
  return index?.descriptor.mediaType === indexType
    ? readPage(index.bytes, `the referrers of ${subject}`)
    : [];
}

/** `RemoteRepository.pushReferrer`. */
export async function pushReferrer(
  connection: Connection,
  manifests: Manifests,
  subject: Digest,
  referrer: Descriptor,
  bytes: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  const got = await connection.ask(
    {
      method: "PUT",
      path: `manifests/${referrer.digest}`,
      headers: { "Content-Type": referrer.mediaType },
      body: () => ({ size: bytes.length, content: bytes }),
      signal,
    },
    [200, 201, 202],
    `referrer ${referrer.digest}`,
  );
  await got.drop();
  if (got.headers.get("oci-subject") === subject) return;
  const known = await byTag(manifests, subject, signal);
  if (known.some((one) => one.digest === referrer.digest)) return;
  const index = { schemaVersion: 2, mediaType: indexType, manifests: [...known, referrer] };
  const body = Buffer.from(JSON.stringify(index));
  await manifests.pushManifest(fallbackTag(subject), indexType, body, signal);
}

function readPage(bytes: Uint8Array, what: string): Descriptor[] {
  const parsed = page.safeParse(depthOf(bytes) > 64 ? undefined : parse(bytes));
  if (!parsed.success) throw fail("unavailable", "registry.answer-invalid", `${what} are malformed`);
  return (parsed.data.manifests ?? []).map(({ mediaType, digest, size, artifactType, annotations }) => ({
    mediaType,
    digest: digest as Digest,
    size,
    ...(artifactType ? { artifactType } : {}),
    ...(annotations ? { annotations } : {}),
  }));
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8")) as unknown;
  } catch {
    return undefined;
  }
}

async function unlessMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (isVirgaError(error, "not-found")) return undefined;
    throw error;
  }
}

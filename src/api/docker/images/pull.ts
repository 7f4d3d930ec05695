import { fail, isVirgaError, type Progress } from "../../../base/index.ts";
import { credentialsFromHeader, type CredentialsOf } from "../../../distribution/index.ts";
import {
  familiar,
  familiarRepository,
  formatReference,
  parseReference,
  type Reference,
} from "../../../images/index.ts";
import type { ApiContext } from "../http/context.ts";
import { defined } from "../http/defined.ts";
import { requiredText, text } from "../http/query.ts";
import { reporting, wantsDetail } from "../http/reporting.ts";
import { jsonLine, streamedFromFirst } from "../http/streams.ts";
import { checkPlatform } from "../platform.ts";
import { holds, quirks } from "../quirks.ts";
import type { ImagesBackend } from "./backend.ts";
import { encodeProgress } from "./progress.ts";

/**
 * POST /images/create with `fromImage`: one image by its tag or digest, or without either all tags of the repository. A
 * failure before the first layer has a status of its own.
 */
export function pull(backend: ImagesBackend, c: ApiContext): Promise<Response> {
  const reference = parseReference(joinTag(requiredText(c, "fromImage"), text(c, "tag")));
  const platform = holds(quirks.platformParameters, c.get("version")) ? text(c, "platform") : undefined;
  if (platform !== undefined) checkPlatform(platform);
  const options = defined({ platform, credentials: lenientCredentials(c), detail: wantsDetail(c) });
  return streamedFromFirst(c, "application/json", async function* (signal) {
    if (reference.tag !== undefined || reference.digest !== undefined) {
      yield* pullOne(backend, reference, { ...options, signal });
      return;
    }
    const { domain } = reference;
    const access = { credentials: await options.credentials?.(domain), signal };
    const tags = await backend.registries.pulling(reference, access, (remote) => remote.tags(signal));
    if (tags.length === 0)
      throw fail("not-found", "image.no-tags", `${familiarRepository(reference)} has no tags`);
    for (const tag of tags) {
      let failed = false;
      for await (const line of pullOne(backend, { ...reference, tag }, { ...options, signal })) {
        failed ||= line.startsWith('{"errorDetail"');
        yield line;
      }
      if (failed) return;
    }
  });
}

async function* pullOne(
  backend: ImagesBackend,
  reference: Reference,
  options: {
    readonly platform?: string;
    readonly credentials?: CredentialsOf;
    readonly signal: AbortSignal;
    readonly detail: boolean;
  },
): AsyncGenerator<string, void> {
  const name = formatReference(reference);
  const begin = { status: `Pulling from ${reference.path}`, id: reference.digest ?? reference.tag! };
  const work = (report: (progress: Progress) => void) => backend.images.pull(name, { ...options, report });
  // The error says it; a line of progress before it would take its status away.
  const encode = (one: Progress) => (one.outcome === "failed" ? undefined : encodeProgress(one));
  const pulled = yield* reporting(work, encode, begin, options.detail);
  if (pulled === undefined) return;
  yield jsonLine({ status: `Digest: ${pulled.digest}` });
  const what = pulled.isNew ? "Downloaded newer image" : "Image is up to date";
  yield jsonLine({ status: `Status: ${what} for ${familiar(name)}` });
}

export function joinTag(name: string, tag: string | undefined): string {
  if (tag === undefined) return name;
  return tag.includes(":") ? `${name}@${tag}` : `${name}:${tag}`;
}

/** dockerd pulls without credentials when it can't read them; many clients count on it. */
function lenientCredentials(c: ApiContext): CredentialsOf | undefined {
  try {
    const credentials = credentialsFromHeader(c.req.header("x-registry-auth"));
    return credentials && (() => credentials);
  } catch (error) {
    if (isVirgaError(error, "invalid")) return undefined;
    throw error;
  }
}

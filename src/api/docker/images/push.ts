import type { Progress } from "../../../base/index.ts";
import { credentialsFromHeader } from "../../../distribution/index.ts";
import { familiarRepository, parseReference, repositoryOf, type PushedTag } from "../../../images/index.ts";
import { pathParameter, type ApiContext } from "../http/context.ts";
import { defined } from "../http/defined.ts";
import { text } from "../http/query.ts";
import { reporting, wantsDetail } from "../http/reporting.ts";
import { streamedFromFirst } from "../http/streams.ts";
import { quirks } from "../quirks.ts";
import type { ImagesBackend } from "./backend.ts";
import { platformParameter, requireVariant } from "./platforms.ts";
import { encodeProgress } from "./progress.ts";
import { joinTag } from "./pull.ts";

/** POST /images/{name}/push: one tag, or all tags of the repository. */
export function push(backend: ImagesBackend, c: ApiContext): Promise<Response> {
  const name = joinTag(pathParameter(c, "name"), text(c, "tag"));
  const platform = platformParameter(c, quirks.pushPlatform);
  if (platform !== undefined) requireVariant(backend.images.resolve(name), name, platform);
  const repository = repositoryOf(parseReference(name));
  const credentials = credentialsFromHeader(c.req.header("x-registry-auth"));
  const begin = { status: `The push refers to repository [${shown(repository)}]` };
  return streamedFromFirst(c, "application/json", async function* (signal) {
    const options = { signal, ...defined({ credentials: credentials && (() => credentials) }) };
    const work = (report: (event: Progress | PushedTag) => void) =>
      backend.images.push(name, { ...options, report, pushed: report });
    yield* reporting(work, encodeEvent, begin, wantsDetail(c));
  });
}

/** In full, as Docker has it here. */
function shown(repository: string): string {
  return repository.startsWith("docker.io/") ? repository : familiarRepository(parseReference(repository));
}

function encodeEvent(event: Progress | PushedTag): object | readonly object[] {
  if ("task" in event) return encodeProgress(event);
  const { tag, digest, size } = event;
  return [
    { status: `${tag}: digest: ${digest} size: ${size}` },
    { progressDetail: {}, aux: { Tag: tag, Digest: digest, Size: size } },
  ];
}

import { z } from "zod";
import { type Progress } from "../../../base/index.ts";
import { applyChanges } from "../../../builds/index.ts";
import { familiar, parseReference, type Image } from "../../../images/index.ts";
import { byteBody, checked } from "../http/body.ts";
import { createRouter, pathParameter, type ApiContext, type ApiRouter } from "../http/context.ts";
import { defined } from "../http/defined.ts";
import { flag, text } from "../http/query.ts";
import { reporting, wantsDetail } from "../http/reporting.ts";
import { jsonLine, streamBody, streamedFromFirst } from "../http/streams.ts";
import { platformText, requirePlatform } from "../platform.ts";
import { holds, quirks } from "../quirks.ts";
import type { ImagesBackend } from "./backend.ts";
import { download } from "./download.ts";
import { encodeProgress } from "./progress.ts";
import { joinTag, pull } from "./pull.ts";
import { platformParameter, requireVariant } from "./platforms.ts";

/** Images on their way in and out: pull, import, load, save. */
export function transferRoutes(backend: ImagesBackend): ApiRouter {
  const routes = createRouter();
  const { images } = backend;

  routes.post("/images/create", (c) => {
    const source = text(c, "fromSrc");
    if (source === undefined) return pull(backend, c);
    return importImage(backend, c, source);
  });
  routes.post("/images/load", (c) => {
    const platform = platformParameter(c, quirks.imagePlatformParameters);
    if (platform !== undefined) requirePlatform(platformText(platform));
    const body = byteBody(c);
    const encode = flag(c, "quiet", true) ? () => undefined : encodeProgress;
    return streamedFromFirst(c, "application/json", async function* (signal) {
      const work = (report: (progress: Progress) => void) => images.load(body, { report, signal });
      const loaded = yield* reporting(work, encode, undefined, wantsDetail(c));
      for (const { image, references } of loaded ?? []) yield* loadedLines(image, references);
    });
  });
  routes.get("/images/get", (c) =>
    save(
      backend,
      c,
      (c.req.queries("names") ?? []).flatMap((one) => one.split(",")),
    ),
  );
  routes.get("/images/:name{.+}/get", (c) => save(backend, c, [pathParameter(c, "name")]));
  return routes;
}

/** `source` is `-` for the request's body, else an address. */
function importImage(backend: ImagesBackend, c: ApiContext, source: string): Promise<Response> {
  const [repository, tag] = [text(c, "repo"), text(c, "tag")];
  const reference = repository === undefined ? undefined : joinTag(repository, tag);
  if (reference !== undefined) parseReference(reference);
  const process = applyChanges({}, c.req.queries("changes") ?? []);
  const platform = importPlatform(
    holds(quirks.platformParameters, c.get("version")) ? text(c, "platform") : undefined,
  );
  const body = byteBody(c);
  return streamedFromFirst(c, "application/json", async function* (signal) {
    const options = defined({ reference, message: text(c, "message"), platform });
    const work = async (report: (progress: Progress) => void) => {
      const tar = source === "-" ? body : await download(source, report, signal);
      return await backend.images.importRootfs(tar, { ...options, process, signal });
    };
    const image = yield* reporting(work, encodeProgress, undefined, wantsDetail(c));
    if (image !== undefined) yield jsonLine({ status: image.id });
  });
}

function importPlatform(value: string | undefined) {
  if (value === undefined) return undefined;
  requirePlatform(value);
  const [os, architecture] = value.split("/");
  return os === undefined || architecture === undefined ? undefined : { os, architecture };
}

function save(backend: ImagesBackend, c: ApiContext, names: readonly string[]): Response {
  checked(
    names,
    z.array(z.string().min(1)).min(1, "at least one image must be named"),
    "bad parameter names",
  );
  const platform = platformParameter(c, quirks.imagePlatformParameters);
  if (platform !== undefined) {
    for (const name of names) requireVariant(backend.images.resolve(name), name, platform);
  }
  // It looks the names up before the answer begins, so that a wrong one still gets its status.
  return streamBody(c, backend.images.save(names), { "Content-Type": "application/x-tar" });
}

function* loadedLines(image: Image, references: readonly string[]) {
  if (references.length === 0) yield jsonLine({ stream: `Loaded image ID: ${image.id}\n` });
  for (const reference of references) yield jsonLine({ stream: `Loaded image: ${familiar(reference)}\n` });
}

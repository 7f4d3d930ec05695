import { z } from "zod";
import { fail, type Progress } from "../../../base/index.ts";
import { applyChanges } from "../../../builds/index.ts";
import { familiar, parseReference, type Image } from "../../../images/index.ts";
import { byteBody, checked } from "../http/body.ts";
import { createRouter, pathParameter, type ApiContext, type ApiRouter } from "../http/context.ts";
import { defined } from "../http/defined.ts";
import { flag, requiredText, text } from "../http/query.ts";
import { reporting } from "../http/reporting.ts";
import { jsonLine, streamedFromFirst } from "../http/streams.ts";
import { platformText, requirePlatform } from "../platform.ts";
import { holds, quirks } from "../quirks.ts";
import type { ImagesBackend } from "./backend.ts";
import { platformParameter, requireVariant } from "./platforms.ts";

/** Images on their way in and out: pull, import, load, save. */
export function transferRoutes(backend: ImagesBackend): ApiRouter {
  const routes = createRouter();
  const { images } = backend;

  routes.post("/images/create", (c) => {
    const source = text(c, "fromSrc");
    if (source === undefined) return pull(backend, c);
    return importImage(backend, c);
  });
  routes.post("/images/load", (c) => {
    const platform = platformParameter(c, quirks.imagePlatformParameters);
    if (platform !== undefined) requirePlatform(platformText(platform));
    const body = byteBody(c);
    const encode = flag(c, "quiet", true) ? () => undefined : encodeProgress;
    return streamedFromFirst(c, "application/json", async function* (signal) {
      const work = (report: (progress: Progress) => void) => images.load(body, { report, signal });
      const loaded = yield* reporting(work, encode);
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

function pull(backend: ImagesBackend, c: ApiContext): Promise<Response> {
  const platform = holds(quirks.platformParameters, c.get("version")) ? text(c, "platform") : undefined;
  requirePlatform(platform);
  const name = requiredText(c, "fromImage");
  const tag = text(c, "tag");
  const reference = joinTag(name, tag);
  const { path, tag: shownTag, digest } = parseReference(reference);
  if (shownTag === undefined && digest === undefined) {
    throw fail("unimplemented", "image.pull-all", "pulling all tags of a repository is not supported", {
      hint: `name one: ${name}:latest`,
    });
  }
  const label = shownTag ?? digest ?? "latest";
  return streamedFromFirst(c, "application/json", async function* (signal) {
    const before = idOf(backend, reference);
    const begin = { status: `Pulling from ${path}`, id: label };
    const work = (report: (progress: Progress) => void) =>
      backend.images.ensure(reference, { policy: "always", report, signal, ...defined({ platform }) });
    const image = yield* reporting(work, encodeProgress, begin);
    if (image === undefined) return;
    yield jsonLine({ status: `Digest: ${image.manifest.digest}` });
    const what = image.id === before ? "Image is up to date" : "Downloaded newer image";
    yield jsonLine({ status: `Status: ${what} for ${familiar(reference)}` });
  });
}

function joinTag(name: string, tag: string | undefined): string {
  if (tag === undefined) return name;
  return tag.includes(":") ? `${name}@${tag}` : `${name}:${tag}`;
}

function idOf(backend: ImagesBackend, reference: string): string | undefined {
  return backend.images
    .list()
    .find((image) => image.references.some((one) => familiar(one) === familiar(reference)))?.id;
}

function importImage(backend: ImagesBackend, c: ApiContext): Promise<Response> {
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
    const work = () => backend.images.importRootfs(body, { ...options, process, signal });
    const image = yield* reporting(work, encodeProgress);
    if (image !== undefined) yield jsonLine({ status: image.id });
  });
}

function importPlatform(value: string | undefined) {
  if (value === undefined) return undefined;
  const [os, architecture] = value.split("/");
  requirePlatform(value);
  return os === undefined || architecture === undefined ? undefined : { os, architecture };
}

function save(backend: ImagesBackend, c: ApiContext, names: readonly string[]): Response {
  checked(
    names,
    z.array(z.string().min(1)).min(1, "at least one image must be named"),
    "bad parameter names",
  );
  const platform = platformParameter(c, quirks.imagePlatformParameters);
  // Looked up before the answer begins, so that a wrong name still gets its status.
  for (const name of names) requireVariant(backend.images.resolve(name), name, platform);
  return c.body(backend.images.save(names), 200, { "Content-Type": "application/x-tar" });
}

function* loadedLines(image: Image, references: readonly string[]) {
  if (references.length === 0) yield jsonLine({ stream: `Loaded image ID: ${image.id}\n` });
  for (const reference of references) yield jsonLine({ stream: `Loaded image: ${familiar(reference)}\n` });
}

/** A line of Docker's progress display. */
function encodeProgress(progress: Progress): object {
  if (progress.output !== undefined) return { stream: progress.output };
  const { current, total } = progress;
  return {
    status: progress.message,
    id: progress.task,
    progressDetail: current === undefined ? {} : { current, ...(total === undefined ? {} : { total }) },
  };
}

import type { Hono } from "hono";
import type { z } from "zod";
import { fail, type VirgaError } from "../../base/index.ts";
import {
  describeFailure,
  failureOf,
  parseCacheSource,
  parseCacheTarget,
  parseContext,
  parseLock,
  parseNamedContext,
  stageReport,
  type BuildRequest,
  type Builds,
} from "../../builds/index.ts";
import { credentialsByServer } from "../../distribution/index.ts";
import type { Operations } from "../../operations/index.ts";
import type { WireVerification } from "../client/index.ts";
import { wireOperation } from "./encode.ts";
import { body } from "./request.ts";
import { buildBody, verifyBody } from "./schemas.ts";

export interface BuildsBackend {
  readonly builds: Pick<Builds, "attestations" | "build" | "check" | "verify">;
  readonly operations: Operations;
}

/** Builds from a folder of this machine, read in place, or from an address. */
export function buildRoutes(app: Hono, { builds, operations }: BuildsBackend): void {
  app.post("/v1/builds", async (context) => {
    const written = await body(context, buildBody);
    const request = buildRequest(written);
    const subject = written.tags?.[0] ?? written.directory;
    const operation = operations.start("image.build", subject, async ({ report, signal }) => {
      const task = `image ${subject}`;
      const result = await builds
        .build(request, { signal, onEvent: stageReport(task, report) })
        .catch((error: unknown) => {
          report({ task, message: "Failed", outcome: "failed" });
          throw shortened(error);
        });
      report({ task, message: "Built", outcome: "done" });
      return result;
    });
    return context.json(wireOperation(operation), 202);
  });
  app.post("/v1/images/verify", async (context) => {
    const { image, directory, dockerfile, registryAuth = {} } = await body(context, verifyBody);
    const credentials = credentialsByServer(registryAuth);
    const source = { context: parseContext(directory), ...(dockerfile === undefined ? {} : { dockerfile }) };
    const operation = operations.start("image.verify", image, async ({ report, signal }) => {
      const task = `image ${image}`;
      const onEvent = stageReport(task, report);
      const result = await builds
        .verify(image, source, { signal, onEvent, credentials })
        .catch((error: unknown) => {
          report({ task, message: "Failed", outcome: "failed" });
          throw shortened(error);
        });
      report({ task, message: "Compared", outcome: "done" });
      return result satisfies WireVerification;
    });
    return context.json(wireOperation(operation), 202);
  });
  app.post("/v1/builds/check", async (context) => {
    const request = buildRequest(await body(context, buildBody));
    return context.json(await builds.check(request, { signal: context.req.raw.signal }));
  });
}

function buildRequest({
  directory,
  contexts = {},
  secrets = {},
  ssh = {},
  cacheFrom = [],
  cacheTo = [],
  locked,
  ...rest
}: z.infer<typeof buildBody>): BuildRequest {
  return {
    ...rest,
    context: parseContext(directory),
    ...(locked === undefined ? {} : { locked: parseLock(locked) }),
    cacheFrom: cacheFrom.map((text) => parseCacheSource(text)),
    cacheTo: cacheTo.map((text) => parseCacheTarget(text)),
    contexts: mapValues(contexts, parseNamedContext),
    secrets: (id) => Promise.resolve(secretOf(secrets, id)),
    ssh: (id) => Promise.resolve(Object.hasOwn(ssh, id) ? ssh[id] : undefined),
  };
}

function mapValues<T, U>(record: Readonly<Record<string, T>>, map: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value)]));
}

function secretOf(secrets: Readonly<Record<string, string>>, id: string): Uint8Array | undefined {
  return Object.hasOwn(secrets, id) ? Uint8Array.fromBase64(secrets[id]!) : undefined;
}

/** Docker's text of a failed step repeats the whole command; a person wants its place and its last words. */
function shortened(error: unknown): unknown {
  const failure = failureOf(error);
  if (!failure) return error;
  const { kind, code, hint } = error as VirgaError;
  return fail(kind, code, describeFailure(failure), {
    ...(hint === undefined ? {} : { hint }),
    cause: error,
  });
}

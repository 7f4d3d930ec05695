import { Hono } from "hono";
import { fail, type Logger } from "../../base/index.ts";
import { credentialsByServer } from "../../distribution/index.ts";
import type { Operations } from "../../operations/index.ts";
import type { Stacks } from "../../stacks/index.ts";
import type { WireSystem } from "../client/index.ts";
import { attestationRoutes } from "./attestations.ts";
import { buildRoutes, type BuildsBackend } from "./builds.ts";
import { containerRoutes, type ContainersBackend } from "./containers.ts";
import { encodeError, wireOperation, wireStack } from "./encode.ts";
import { pruneRoutes, type PruneBackend } from "./prune.ts";
import { registryRoutes, type RegistryBackend } from "./registry.ts";
import { signatureRoutes, type SignaturesBackend } from "./signatures.ts";
import { body, stream } from "./request.ts";
import { configBody, downBody, logsBody, planBody, statusBody, upBody } from "./schemas.ts";

export interface CloudApiDependencies
  extends BuildsBackend, ContainersBackend, PruneBackend, RegistryBackend, SignaturesBackend {
  readonly logger: Logger;
  readonly operations: Operations;
  readonly stacks: Stacks;
  readonly system: () => WireSystem;
  /** Begins to stop the daemon and returns at once. */
  readonly stop: () => void;
}

/** Virga's own API, version 1: JSON in and out; streams are newline-delimited JSON. */
export function createCloudApp(dependencies: CloudApiDependencies): Hono {
  const { logger } = dependencies;
  const app = new Hono();
  app.onError((error, context) => {
    const { status, body } = encodeError(error);
    if (status === 500) logger.error("request failed", { path: context.req.path, error });
    return new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json" } });
  });
  app.notFound((context) => {
    throw fail("not-found", "api.no-such-path", `no such path: ${context.req.method} ${context.req.path}`);
  });
  systemRoutes(app, dependencies);
  stackRoutes(app, dependencies);
  operationRoutes(app, dependencies);
  containerRoutes(app, dependencies);
  pruneRoutes(app, dependencies);
  registryRoutes(app, dependencies);
  signatureRoutes(app, dependencies);
  buildRoutes(app, dependencies);
  attestationRoutes(app, dependencies);
  return app;
}

function systemRoutes(app: Hono, { system, stop }: CloudApiDependencies): void {
  app.get("/v1/system", (context) => context.json(system()));
  app.post("/v1/system/stop", (context) => {
    stop();
    return context.json({}, 202);
  });
}

function stackRoutes(app: Hono, { stacks, operations }: CloudApiDependencies): void {
  app.get("/v1/stacks", (context) => context.json(stacks.list()));
  app.post("/v1/stacks/up", async (context) => {
    const { source, options, registryAuth = {} } = await body(context, upBody);
    const credentials = credentialsByServer(registryAuth);
    const operation = operations.start("stack.up", source.projectName ?? source.directory, async (running) =>
      wireStack(await stacks.up(source, options, { ...running, credentials })),
    );
    return context.json(wireOperation(operation), 202);
  });
  app.post("/v1/stacks/down", async (context) => {
    const { target, options } = await body(context, downBody);
    const subject = "name" in target ? target.name : target.directory;
    const operation = operations.start("stack.down", subject, (running) =>
      stacks.down(target, options, running),
    );
    return context.json(wireOperation(operation), 202);
  });
  app.post("/v1/stacks/plan", async (context) => {
    const { source, options } = await body(context, planBody);
    return context.json(await stacks.plan(source, options));
  });
  app.post("/v1/stacks/config", async (context) => {
    return context.json(await stacks.config((await body(context, configBody)).source));
  });
  app.post("/v1/stacks/status", async (context) => {
    return context.json(wireStack(await stacks.status((await body(context, statusBody)).target)));
  });
  app.post("/v1/stacks/logs", async (context) => {
    const { target, options } = await body(context, logsBody);
    return stream(context, (signal) => stacks.logs(target, options, signal));
  });
}

function operationRoutes(app: Hono, { operations }: CloudApiDependencies): void {
  app.get("/v1/operations", (context) => context.json(operations.list().map(wireOperation)));
  app.get("/v1/operations/:id", (context) =>
    context.json(wireOperation(operations.get(context.req.param("id")))),
  );
  app.get("/v1/operations/:id/progress", (context) => {
    const { id } = operations.get(context.req.param("id"));
    return stream(context, (signal) => operations.watch(id, signal));
  });
  app.delete("/v1/operations/:id", (context) => {
    operations.cancel(context.req.param("id"));
    return context.json({}, 202);
  });
}

import type { Hono } from "hono";
import { z } from "zod";
import { fail } from "../../base/index.ts";
import { actions, checkReference, type Registry } from "../../registry/index.ts";
import type {
  WireDamagedBlob,
  WireManifest,
  WireProtection,
  WireRegistry,
  WireRegistryChecked,
  WireRegistryCollected,
  WireRepository,
} from "../client/index.ts";
import { body } from "./request.ts";

/** Compares blobs with their digests. */
export interface BlobCheck {
  run(signal: AbortSignal): Promise<WireRegistryChecked>;
  status(): { readonly finishedAt?: Date; readonly damaged: readonly WireDamagedBlob[] };
}

export interface RegistryBackend {
  readonly registry: Registry;
  readonly scrubber: BlobCheck;
  /** The certificate of the registry's own authority, where it has one. */
  readonly registryAuthority?: string | undefined;
}

const pattern = z.string().min(1);
const userBody = z.strictObject({ name: z.string(), password: z.string() });
const grantBody = z.strictObject({
  user: z.string(),
  repositories: pattern,
  actions: z.array(z.enum(actions)),
});
const quotaBody = z.strictObject({ repositories: pattern, bytes: z.int().nonnegative() });
const ruleBody = z.strictObject({
  repositories: pattern,
  tags: z.string(),
  keepTags: z.int().nonnegative().exactOptional(),
  unusedMs: z.number().nonnegative().exactOptional(),
  untaggedMs: z.number().nonnegative().exactOptional(),
});
const webhookBody = z.strictObject({
  url: z.string(),
  repositories: pattern,
  secret: z.string().exactOptional(),
});
const removalBody = z.strictObject({
  repository: z.string().min(1),
  tag: z.string().min(1).exactOptional(),
  digest: z.string().min(1).exactOptional(),
});
const protectionBody = z.strictObject({
  repositories: pattern,
  tags: pattern,
  lift: z.boolean().exactOptional(),
});
const collectBody = z.strictObject({ plan: z.boolean().exactOptional() });

export function registryRoutes(app: Hono, backend: RegistryBackend): void {
  const { registry } = backend;
  app.get("/v1/registry", (context) => context.json(shown(backend)));
  app.post("/v1/registry/gc", async (context) => {
    const { plan = false } = await body(context, collectBody);
    const rules = registry.retention.apply({ dryRun: true });
    const collected = plan ? { links: 0, uploads: 0, freed: 0 } : await registry.collectGarbage();
    return context.json({ ...rules, ...collected, planned: plan } satisfies WireRegistryCollected);
  });
  app.post("/v1/registry/check", async (context) =>
    context.json(await backend.scrubber.run(context.req.raw.signal)),
  );
  app.post("/v1/registry/users", async (context) => {
    const { name, password } = await body(context, userBody);
    await registry.users.set(name, password);
    return context.json({}, 201);
  });
  app.post("/v1/registry/grants", async (context) => {
    registry.users.grant(await body(context, grantBody));
    return context.json({});
  });
  app.post("/v1/registry/quotas", async (context) => {
    registry.quotas.set(await body(context, quotaBody));
    return context.json({});
  });
  app.post("/v1/registry/retention", async (context) =>
    context.json(registry.retention.add(await body(context, ruleBody)), 201),
  );
  app.post("/v1/registry/webhooks", async (context) =>
    context.json(registry.webhooks.add(await body(context, webhookBody)), 201),
  );
  imageRoutes(app, registry);
  const removals: Readonly<Record<string, (name: string) => boolean>> = {
    users: (name) => registry.users.remove(name),
    quotas: (name) => registry.quotas.remove(name),
    retention: (id) => registry.retention.remove(Number(id)),
    webhooks: (id) => registry.webhooks.remove(Number(id)),
  };
  for (const [kind, remove] of Object.entries(removals)) {
    app.delete(`/v1/registry/${kind}/:name{.+}`, (context) => {
      const name = context.req.param("name");
      if (remove(name)) return context.json({});
      throw fail("not-found", "registry.not-found", `the registry's ${kind} have no '${name}'`, {
        hint: "virga registry info",
      });
    });
  }
}

/** What the repositories hold. */
function imageRoutes(app: Hono, { overview, manifests, protections }: Registry): void {
  app.get("/v1/registry/repositories", (context) =>
    context.json(overview.repositories().map(withTimes) satisfies WireRepository[]),
  );
  app.get("/v1/registry/repositories/:name{.+}", (context) =>
    context.json(
      overview
        .manifests(context.req.param("name"))
        .map((one) => ({ ...withTimes(one), pushedAt: timeOf(one.pushedAt) })) satisfies WireManifest[],
    ),
  );
  app.post("/v1/registry/removals", async (context) => {
    const { repository, tag, digest } = await body(context, removalBody);
    const given = tag ?? digest;
    const all = given === undefined ? overview.manifests(repository) : [];
    // All or nothing of it, where some is protected.
    protections.check(
      repository,
      all.flatMap((one) => one.tags),
    );
    for (const one of given === undefined ? all.map((each) => each.digest) : [given]) {
      await manifests.delete(repository, checkReference(one));
    }
    return context.json({});
  });
  app.post("/v1/registry/protections", async (context) => {
    const { lift = false, ...protection } = await body(context, protectionBody);
    if (!lift) protections.add(protection);
    else if (!protections.remove(protection)) throw unprotected(protection);
    return context.json({});
  });
}

function withTimes<T extends { readonly pushedAt?: number; readonly pulledAt?: number }>({
  pushedAt,
  pulledAt,
  ...rest
}: T) {
  return {
    ...rest,
    ...(pushedAt === undefined ? {} : { pushedAt: timeOf(pushedAt) }),
    ...(pulledAt === undefined ? {} : { pulledAt: timeOf(pulledAt) }),
  };
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}

function unprotected({ repositories, tags }: WireProtection): Error {
  const what = `the tags '${tags}' of '${repositories}' are not protected`;
  return fail("not-found", "registry.not-found", what, { hint: "virga registry info" });
}

function shown({ registry, registryAuthority, scrubber }: RegistryBackend): WireRegistry {
  const { finishedAt, damaged } = scrubber.status();
  return {
    checked: { ...(finishedAt ? { finishedAt: finishedAt.toISOString() } : {}), damaged },
    totals: registry.totals(),
    caches: registry.caches.totals(),
    users: registry.users.list(),
    quotas: registry.quotas.list(),
    retention: registry.retention.list(),
    protections: registry.protections.list(),
    webhooks: registry.webhooks
      .list()
      .map(({ secret, ...one }) => ({ ...one, signed: secret !== undefined })),
    ...(registryAuthority === undefined ? {} : { authority: registryAuthority }),
  };
}

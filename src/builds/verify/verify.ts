import { z } from "zod";
import { fail } from "../../base/index.ts";
import type { Image } from "../../images/index.ts";
import type { LayerStore } from "../../layers/index.ts";
import { buildType, contextName } from "../attestations/provenance.ts";
import type { BuildRequest } from "../build.ts";
import type { LockFile } from "../lock/lock-file.ts";
import { compareTrees } from "./compare-trees.ts";
import type { Difference } from "./verification.ts";

const digests = z.record(z.string(), z.string());
const statement = z.object({
  predicate: z.object({
    buildDefinition: z.object({
      buildType: z.string(),
      externalParameters: z.object({
        dockerfile: z.object({ path: z.string(), digest: digests }),
        target: z.string().optional(),
        platform: z.string().optional(),
        buildArgs: z.record(z.string(), z.string()).optional(),
        labels: z.record(z.string(), z.string()).optional(),
        networkMode: z.string().optional(),
      }),
      internalParameters: z.object({ complete: z.boolean() }),
      resolvedDependencies: z.array(
        z.object({
          name: z.string().optional(),
          uri: z.string().default(""),
          digest: digests,
          annotations: digests.optional(),
        }),
      ),
    }),
  }),
});

/**
 * The build that a provenance tells of. Throws `precondition` / `image.provenance-foreign` for that of another builder, and
 * `image.provenance-incomplete` for one that does not have the arguments.
 */
export function requestOf(provenance: object): Omit<BuildRequest, "context"> {
  const result = statement.safeParse(provenance);
  if (!result.success || result.data.predicate.buildDefinition.buildType !== buildType) {
    const text = "the image was built by another builder, whose steps Virga can't repeat";
    throw fail("precondition", "image.provenance-foreign", text);
  }
  const { externalParameters, internalParameters, resolvedDependencies } =
    result.data.predicate.buildDefinition;
  if (!internalParameters.complete) {
    const text = "the provenance has no build arguments, so the build can't be repeated";
    throw fail("precondition", "image.provenance-incomplete", text);
  }
  const { dockerfile, target, platform, buildArgs, labels, networkMode } = externalParameters;
  return {
    dockerfile: dockerfile.path,
    ...(target === undefined ? {} : { target }),
    ...(platform === undefined ? {} : { platform }),
    ...(buildArgs === undefined ? {} : { buildArgs }),
    ...(labels === undefined ? {} : { labels }),
    ...(networkMode === undefined ? {} : { networkMode }),
    locked: lockOf(resolvedDependencies.filter((one) => one.name !== contextName)),
    anyPackages: true,
    noCache: true,
    attest: { sbom: false, provenance: false },
  };
}

interface Dependency {
  readonly uri: string;
  readonly digest: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

/** What came from elsewhere has to be the same again. */
function lockOf(dependencies: readonly Dependency[]): LockFile {
  const first = (digest: Dependency["digest"]) => Object.entries(digest)[0]!.join(":");
  return {
    version: 1,
    images: dependencies.flatMap(({ digest, annotations }) => {
      const { image, reference, platform } = annotations ?? {};
      if (image === undefined || reference === undefined || platform === undefined) return [];
      return [{ reference, platform, image, digest: first(digest) }];
    }),
    downloads: dependencies.flatMap(({ uri, digest }) =>
      /^(pkg:docker\/|git\+)/.test(uri) ? [] : [{ url: uri, checksum: first(digest) }],
    ),
    repositories: dependencies.flatMap(({ uri, digest }) =>
      uri.startsWith("git+") ? [{ url: uri.slice(4), commit: digest["gitCommit"] ?? "" }] : [],
    ),
    steps: [],
  };
}

/** Where two images begin to differ; undefined when they are the same. */
export async function compareImages(
  layers: Pick<LayerStore, "path">,
  was: Image,
  is: Image,
  signal?: AbortSignal,
): Promise<Difference | undefined> {
  if (was.id === is.id) return undefined;
  const [old, now] = [was.config.rootfs.diff_ids, is.config.rootfs.diff_ids];
  const steps = (was.config.history ?? []).filter((one) => !one.empty_layer);
  for (const [index, diffId] of old.entries()) {
    const other = now[index];
    if (other === undefined || other === diffId) continue;
    const file = await compareTrees(layers.path(diffId), layers.path(other), signal);
    if (!file) continue;
    const step = steps[index]?.created_by ?? "";
    return { kind: "file", layer: index + 1, layers: old.length, step, file };
  }
  if (old.length !== now.length) return { kind: "layers", was: old.length, is: now.length };
  return compareConfigurations(was, is);
}

function compareConfigurations(was: Image, is: Image): Difference {
  const [a, b] = [flat(was.config), flat(is.config)];
  const field = [...new Set([...a.keys(), ...b.keys()])].find((key) => a.get(key) !== b.get(key)) ?? "rootfs";
  return { kind: "configuration", field, was: a.get(field) ?? "", is: b.get(field) ?? "" };
}

/** `config.Env.0` and its like, with their values. */
function flat(value: unknown, path = ""): Map<string, string> {
  if (typeof value !== "object" || value === null) return new Map([[path, JSON.stringify(value)]]);
  const parts = Object.entries(value).map(([key, one]) => flat(one, path === "" ? key : `${path}.${key}`));
  return new Map(parts.flatMap((part) => [...part]));
}

import { z } from "zod";
import { fail } from "../../../base/index.ts";
import { parseContext, type BuildRequest } from "../../../builds/index.ts";
import { checked } from "../http/body.ts";
import type { ApiContext } from "../http/context.ts";
import { defined, filled, nonZero, whenTrue } from "../http/defined.ts";
import { flag, integer, json, text } from "../http/query.ts";
import { requirePlatform } from "../platform.ts";
import { holds, quirks } from "../quirks.ts";

const argumentsMap = z.record(z.string(), z.string().nullable()).nullish();
const labelsMap = z.record(z.string(), z.string()).nullish();
const ulimits = z.array(z.object({ Name: z.string(), Soft: z.int(), Hard: z.int() })).nullish();
const names = z.array(z.string()).nullish();

/**
 * What POST /build asks for. Parameters that are not supported are in `buildEndpoints`, and refused before. Throws
 * `invalid`.
 */
export function decodeBuild(c: ApiContext, source: AsyncIterable<Uint8Array>): BuildRequest {
  const platform = holds(quirks.platformParameters, c.get("version")) ? text(c, "platform") : undefined;
  requirePlatform(platform);
  const remote = text(c, "remote") || undefined;
  if (remote?.startsWith("/")) {
    throw fail("invalid", "build.context-address", `remote: '${remote}' is not the address of a context`);
  }
  return defined({
    context: remote === undefined ? { kind: "tar" as const, source } : parseContext(remote),
    dockerfile: text(c, "dockerfile"),
    tags: filled((c.req.queries("t") ?? []).filter((tag) => tag !== "")),
    target: text(c, "target"),
    buildArgs: filled(checked(json(c, "buildargs"), argumentsMap, "buildargs")),
    labels: filled(checked(json(c, "labels"), labelsMap, "labels")),
    noCache: whenTrue(flag(c, "nocache")),
    pull: whenTrue(flag(c, "pull")),
    networkMode: text(c, "networkmode"),
    extraHosts: filled((c.req.queries("extrahosts") ?? []).flatMap((one) => one.split(",")).filter(Boolean)),
    shmSize: nonZero(integer(c, "shmsize")),
    memory: nonZero(integer(c, "memory")),
    cgroupParent: text(c, "cgroupparent") || undefined,
    ulimits: filled(
      checked(json(c, "ulimits"), ulimits, "ulimits")?.map((one) => ({
        name: one.Name,
        soft: one.Soft,
        hard: one.Hard,
      })),
    ),
    cacheFrom: checked(json(c, "cachefrom"), names, "cachefrom")?.map(
      (name) => ({ kind: "image", name }) as const,
    ),
    platform,
  });
}

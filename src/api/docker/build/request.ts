import { z } from "zod";
import { fail } from "../../../base/index.ts";
import type { BuildRequest } from "../../../builds/index.ts";
import { checked } from "../http/body.ts";
import type { ApiContext } from "../http/context.ts";
import { defined, filled, nonZero, whenTrue } from "../http/defined.ts";
import { flag, integer, json, refuseParameters, text } from "../http/query.ts";
import { requirePlatform } from "../platform.ts";

const argumentsMap = z.record(z.string(), z.string().nullable()).nullish();
const labelsMap = z.record(z.string(), z.string()).nullish();
const names = z.array(z.string()).nullish();

/** Parameters that have no counterpart here, with the values that clients send for "not set". */
const unsupported: Record<string, readonly string[]> = {
  cgroupparent: [],
  cpuperiod: ["0"],
  cpuquota: ["0"],
  cpusetcpus: [],
  cpusetmems: [],
  cpushares: ["0"],
  memswap: ["0"],
  squash: ["0", "false"],
  outputs: ["null", "[]"],
  securityopt: ["null", "[]"],
  ulimits: ["null", "[]"],
  isolation: ["default"],
};

/**
 * What POST /build asks for. `rm` and `forcerm` have no effect: no container outlives its step. Throws `invalid`,
 * `unimplemented` by parameter.
 */
export function decodeBuild(c: ApiContext, source: AsyncIterable<Uint8Array>): BuildRequest {
  if (text(c, "version") === "2") {
    throw fail(
      "unimplemented",
      "build.buildkit",
      "BuildKit builds are not supported: this daemon's builder is the classic one",
      {
        hint: "set DOCKER_BUILDKIT=0",
      },
    );
  }
  const remote = text(c, "remote");
  if (remote !== undefined) {
    throw fail("unimplemented", "build.remote", `a build context from a URL (${remote}) is not supported`, {
      hint: "fetch it first, and build from the folder",
    });
  }
  refuseParameters(c, "build", unsupported);
  const platform = text(c, "platform");
  requirePlatform(platform);
  return defined({
    context: { kind: "tar" as const, source },
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
    cacheFrom: filled(checked(json(c, "cachefrom"), names, "cachefrom")),
    platform,
  });
}

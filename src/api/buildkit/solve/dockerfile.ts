import { fail, newId } from "../../../base/index.ts";
import {
  cacheTarget,
  type BuildRequest,
  type Builds,
  type CacheTarget,
  type Entitlement,
} from "../../../builds/index.ts";
import { hostPlatform, type Images } from "../../../images/index.ts";
import type { KeptFolders } from "../sessions/kept-folders.ts";
import { credentialsOf, secretOf } from "../sessions/lent.ts";
import type { Sessions } from "../sessions/sessions.ts";
import { openAgent } from "../sessions/ssh-agent.ts";
import { decodeAttributes, type DockerfileAttributes } from "./attributes.ts";
import { buildError, type ShownDockerfile } from "./build-error.ts";
import { showBuild } from "./build-progress.ts";
import type { ClientFiles } from "./client-files.ts";
import { contextsFor, loadBuildFiles, loadNamedContexts } from "./contexts.ts";
import type { Leftovers } from "./leftovers.ts";
import type { Inputs } from "./references.ts";
import { formatPlatform, ofPlatforms, platformName } from "./platforms.ts";
import type { BuiltResult } from "./result.ts";
import { answerSubrequest } from "./subrequests.ts";
import type { Solve } from "./solves.ts";

export interface FrontendDependencies {
  readonly builds: Pick<Builds, "build" | "check" | "outline">;
  readonly images: Pick<Images, "resolve">;
  readonly sessions: Sessions;
  readonly folders: KeptFolders;
  readonly leftovers: Pick<Leftovers, "add">;
}

/** What the frontend `dockerfile.v0` is given. */
export interface FrontendRequest {
  readonly attributes: Readonly<Record<string, string>>;
  readonly inputs: Inputs;
}

/** The frontend `dockerfile.v0`: gets the client's files and builds. */
export async function solveDockerfile(
  dependencies: FrontendDependencies,
  solve: Solve,
  given: FrontendRequest,
  signal: AbortSignal,
): Promise<BuiltResult> {
  const attributes = decodeAttributes(given.attributes);
  const { platforms, manyPlatforms } = attributes;
  const own = platformName(formatPlatform(hostPlatform()));
  const files: ClientFiles = { ...dependencies, solve, attributes, signal };
  const request: BuildRequest = {
    ...optionsOf(attributes),
    ...lentBy(dependencies, solve, signal),
    ...(await loadBuildFiles(files)),
    cacheTo: cacheTargets(solve),
    entitlements: entitlementsOf(solve),
  };
  const contexts = await loadNamedContexts(files, given.inputs);
  const { filename, subrequest } = attributes;
  if (subrequest !== undefined)
    return await answerSubrequest(
      dependencies.builds,
      subrequest,
      { ...request, contexts: contextsFor(contexts, own) },
      signal,
    );
  const shown = { name: filename, text: request.dockerfileText ?? "" };
  const build = (platform: string | undefined, isFirst = true) =>
    buildOne(
      dependencies,
      solve,
      {
        request: { ...request, contexts: contextsFor(contexts, platform ?? own) },
        shown,
        platform,
        isFirst,
        isOneOfMany: manyPlatforms,
      },
      signal,
    );
  if (!manyPlatforms) return await build(platforms[0]);
  if (request.context.kind === "tar" && platforms.length > 1) {
    const message = "a context that is sent as an archive can't be built for several platforms";
    throw fail("unimplemented", "buildkit.platforms", message, { hint: "build from a folder" });
  }
  const parts = new Map<string, BuiltResult>();
  const chosen = platforms.length > 0 ? platforms : [own];
  for (const [index, platform] of chosen.entries()) parts.set(platform, await build(platform, index === 0));
  return ofPlatforms(parts);
}

interface OneBuild {
  readonly request: BuildRequest;
  readonly shown: ShownDockerfile;
  readonly platform: string | undefined;
  /** Checks look at the file, so they are told once. */
  readonly isFirst: boolean;
  readonly isOneOfMany: boolean;
}

async function buildOne(
  dependencies: FrontendDependencies,
  solve: Solve,
  { request, shown, platform, isFirst, isOneOfMany }: OneBuild,
  signal: AbortSignal,
): Promise<BuiltResult> {
  const show = showBuild(solve.progress, shown, isOneOfMany ? platform : undefined);
  const onEvent: typeof show = (event) => (event.kind === "warning" && !isFirst ? undefined : show(event));
  const credentials = credentialsOf(solve.session, signal);
  const whole = platform === undefined ? request : { ...request, platform };
  const built = dependencies.builds.build(whole, { onEvent, signal, credentials });
  const { imageId } = await built.catch((error: unknown) => {
    throw buildError(error, shown);
  });
  const image = dependencies.images.resolve(imageId);
  if (image.storedAt >= solve.createdAt) dependencies.leftovers.add(image);
  const metadata = { "containerimage.config": Buffer.from(JSON.stringify(image.config)) };
  return { id: newId(), image, metadata };
}

function optionsOf(attributes: DockerfileAttributes) {
  const { target, networkMode, shmSize, hostname, cgroupParent } = attributes;
  const { buildArgs, labels, attest, extraHosts, noCache, noCacheStages, pull, cacheFrom, ulimits } =
    attributes;
  return {
    dockerfile: attributes.filename,
    ...{ buildArgs, labels, attest, extraHosts, noCache, noCacheStages, pull, cacheFrom },
    ...(target === undefined ? {} : { target }),
    ...(networkMode === undefined ? {} : { networkMode }),
    ...(shmSize === undefined ? {} : { shmSize }),
    ...(hostname === undefined ? {} : { hostname }),
    ...(cgroupParent === undefined ? {} : { cgroupParent }),
    ...(ulimits.length === 0 ? {} : { ulimits }),
  };
}

/** What RUN may use of the client. */
function lentBy({ folders }: FrontendDependencies, { session, undo }: Solve, signal: AbortSignal) {
  const agents = new Map<string, Promise<string | undefined>>();
  return {
    secrets: (id: string) => secretOf(session, id, signal),
    ssh(id: string) {
      const known = agents.get(id) ?? openAgent(session, id, { folders, undo, signal });
      agents.set(id, known);
      return known;
    },
  };
}

function cacheTargets({ request }: Solve): CacheTarget[] {
  return (request.cache?.exports ?? []).map(({ type = "", attrs = {} }) =>
    cacheTarget(new Map([["type", type], ...Object.entries(attrs)])),
  );
}

function entitlementsOf({ request }: Solve): Entitlement[] {
  const known: readonly Entitlement[] = ["network.host", "security.insecure"];
  return known.filter((one) => request.entitlements.includes(one));
}

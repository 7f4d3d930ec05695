import { z } from "zod";
import { fail } from "../../../base/index.ts";
import { cacheSource, type AttestRequest, type CacheSource, type Ulimit } from "../../../builds/index.ts";

import { codes, RpcError } from "../rpc/status.ts";
import { platformName } from "./platforms.ts";
import { attestRequest } from "./attestations.ts";

/** What the frontend `dockerfile.v0` is asked, decoded from its attributes. */
export interface DockerfileAttributes {
  /** Path of the Dockerfile in the folder `dockerfile`. */
  readonly filename: string;
  readonly target: string | undefined;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly noCache: boolean;
  /** Names of stages. */
  readonly noCacheStages: readonly string[];
  readonly pull: boolean;
  /** `linux/arm64/v8`; each once. None: this machine's. */
  readonly platforms: readonly string[];
  /** The result is an index even of a single platform. */
  readonly manyPlatforms: boolean;
  readonly networkMode: string | undefined;
  readonly extraHosts: readonly string[];
  readonly shmSize: number | undefined;
  readonly hostname: string | undefined;
  readonly ulimits: readonly Ulimit[];
  readonly cgroupParent: string | undefined;
  /** Names of the client's folders. */
  readonly contextName: string;
  readonly dockerfileName: string;
  /** The Dockerfile is a file of the client's even when the context is not. */
  readonly localDockerfile: boolean;
  /** The address of a context that is not a folder of the client. */
  readonly remoteContext: string | undefined;
  readonly namedContexts: Readonly<Record<string, string>>;
  readonly cacheFrom: readonly CacheSource[];
  readonly attest: AttestRequest;
  /** A question about the Dockerfile instead of a build: `frontend.lint`. */
  readonly subrequest: string | undefined;
  /** Sessions of folders that another session has, by the folders' names. */
  readonly sessions: Readonly<Record<string, string>>;
}

/** Attributes that change nothing here, and why. */
const withoutEffect: ReadonlySet<string> = new Set([
  "cmdline", // of the image that a `# syntax=` names: the builder knows the language itself
  "source",
  "cache-from", // the old form of cache-imports
]);
const prefixesWithoutEffect = ["vcs:", "sharedkey:", "input-metadata:"];

/** Throws `invalid`, `unimplemented` / `buildkit.attribute` for what is not known. */
export function decodeAttributes(given: Readonly<Record<string, string>>): DockerfileAttributes {
  const known = readKnown(given);
  checkCapabilities(given["frontend.caps"]);
  for (const [name, value] of Object.entries(given)) {
    if (
      known.has(name) ||
      withoutEffect.has(name) ||
      prefixesWithoutEffect.some((one) => name.startsWith(one))
    )
      continue;
    throw fail("unimplemented", "buildkit.attribute", `the build option ${name}=${value} is not supported`);
  }
  const noCache = given["no-cache"];
  const remote = given[given.contextkey ?? "context"];
  return {
    filename: given.filename || "Dockerfile",
    target: given.target || undefined,
    buildArgs: prefixed(given, "build-arg:"),
    labels: prefixed(given, "label:"),
    noCache: noCache === "",
    noCacheStages: list(noCache),
    pull: given["image-resolve-mode"] === "pull",
    ...platformsOf(given),
    networkMode: given["force-network-mode"] || undefined,
    extraHosts: list(given["add-hosts"]).map((one) => one.replace("=", ":")),
    shmSize: whole("shm-size", given["shm-size"]),
    hostname: given.hostname || undefined,
    ulimits: list(given.ulimit).map(ulimitOf),
    cgroupParent: given["cgroup-parent"] || undefined,
    contextName: given.contextkey || "context",
    dockerfileName: given.dockerfilekey || "dockerfile",
    localDockerfile: given.dockerfilekey !== undefined,
    remoteContext: remote || undefined,
    namedContexts: prefixed(given, "context:"),
    cacheFrom: cacheImports(given["cache-imports"]),
    attest: attestRequest(given),
    subrequest: given.requestid || undefined,
    sessions: prefixed(given, "local-sessionid:"),
  };
}

const names = [
  "filename", "target", "no-cache", "image-resolve-mode", "platform", "force-network-mode", "add-hosts", "shm-size",
  "multi-platform", "hostname", "ulimit", "cgroup-parent", "contextkey", "dockerfilekey", "frontend.caps", "context", "cache-imports", "requestid", "attest:sbom", "attest:provenance",
]; // prettier-ignore
const prefixes = ["build-arg:", "label:", "context:", "local-sessionid:"];

function readKnown(given: Readonly<Record<string, string>>): ReadonlySet<string> {
  const prefixedNames = Object.keys(given).filter((name) => prefixes.some((one) => name.startsWith(one)));
  return new Set([...names, ...prefixedNames]);
}

/** What a client may demand of the frontend (BuildKit's frontend/dockerfile/builder/caps.go). */
const capabilities: ReadonlySet<string> = new Set(
  ["inputs", "subrequests", "contexts", "gitquerystring"].map((name) => `moby.buildkit.frontend.${name}`),
);

function checkCapabilities(text: string | undefined): void {
  for (const demanded of list(text)) {
    const name = demanded.replace(/\+forward$/, "");
    if (capabilities.has(name)) continue;
    const value = Buffer.from(JSON.stringify({ name }));
    const detail = { typeUrl: "github.com/moby/buildkit/errdefs.FrontendCap+json", value };
    throw new RpcError(codes.unimplemented, `unsupported frontend capability ${name}`, [detail]);
  }
}

function prefixed(given: Readonly<Record<string, string>>, prefix: string): Record<string, string> {
  const found = Object.entries(given).filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(found.map(([name, value]) => [name.slice(prefix.length), value]));
}

function list(text: string | undefined): string[] {
  return (text ?? "").split(",").filter(Boolean);
}

function whole(name: string, text: string | undefined): number | undefined {
  if (!text) return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw fail("invalid", "buildkit.attribute", `${name} is not a whole number: '${text}'`);
}

/** `nofile=1024:2048`, `core=-1`. */
function ulimitOf(text: string): Ulimit {
  const [, name = "", soft = "", hard = soft] = /^([a-z]+)=(-?\d+)(?::(-?\d+))?$/.exec(text) ?? [];
  if (name !== "") return { name, soft: Number(soft), hard: Number(hard) };
  throw fail("invalid", "buildkit.attribute", `ulimit is not NAME=SOFT[:HARD]: '${text}'`);
}

function platformsOf(given: Readonly<Record<string, string>>) {
  const platforms = [...new Set(list(given.platform).map(platformName))];
  const written = given["multi-platform"] ?? "";
  const manyPlatforms = written === "" ? platforms.length > 1 : isTrue(written);
  if (manyPlatforms || platforms.length < 2) return { platforms, manyPlatforms };
  const message = `multi-platform=${written} does not go with several platforms (${platforms.join(", ")})`;
  throw fail("invalid", "buildkit.platforms", message);
}

function isTrue(text: string): boolean {
  return ["1", "t", "true"].includes(text.toLowerCase());
}

function cacheImports(text: string | undefined): CacheSource[] {
  if (!text) return [];
  const entries = z.array(cacheImport).safeParse(JSON.parse(text));
  if (!entries.success) throw fail("invalid", "buildkit.attribute", `cache-imports can't be read: ${text}`);
  return entries.data.map(({ Type, Attrs }) =>
    cacheSource(new Map([["type", Type], ...Object.entries(Attrs ?? {})])),
  );
}

const cacheImport = z.object({ Type: z.string(), Attrs: z.record(z.string(), z.string()).nullish() });

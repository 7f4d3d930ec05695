import { errorKinds, fail, VirgaError, type ErrorKind, type Progress } from "../../base/index.ts";
import { createRegistryClient, type RegistryClient } from "./registry.ts";
import { createSignaturesClient, type SignaturesClient, type WireRegistryAuth } from "./signatures.ts";
import type {
  WireContainerChange,
  WireBuild,
  WireChecks,
  WireDownOptions,
  WireError,
  WireLogLine,
  WireLogOptions,
  WireOperation,
  WirePruneOptions,
  WirePruneReport,
  WireRecreated,
  WireRecreateOptions,
  WireStackSource,
  WireStackStatus,
  WireStackSummary,
  WireStackTarget,
  WireStopOptions,
  WireStopResult,
  WireSystem,
  WireUpOptions,
} from "./wire.ts";

/** A client of one daemon. Every method throws the daemon's own error, or `unavailable` / `daemon.unreachable`. */
export interface Client {
  system(): Promise<WireSystem>;
  /** The daemon answers, then stops; its containers go on. */
  stop(): Promise<void>;
  /** `registryAuth`: Docker's AuthConfig by registry, for private images. */
  up(
    source: WireStackSource,
    options: WireUpOptions,
    registryAuth?: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
  ): Promise<WireOperation>;
  down(target: WireStackTarget, options: WireDownOptions): Promise<WireOperation>;
  plan(source: WireStackSource, options: WireUpOptions): Promise<readonly string[]>;
  config(source: WireStackSource): Promise<unknown>;
  stack(target: WireStackTarget): Promise<WireStackStatus>;
  stacks(): Promise<readonly WireStackSummary[]>;
  logs(
    target: WireStackTarget,
    options: WireLogOptions,
    signal?: AbortSignal,
  ): AsyncIterableIterator<WireLogLine>;
  /** A container by name, id or prefix of one. */
  stopContainer(name: string, options?: WireStopOptions): Promise<WireStopResult>;
  /** Changes a container in its place, or with `plan` says what that would do. */
  recreate(name: string, change: WireContainerChange, options?: WireRecreateOptions): Promise<WireRecreated>;
  /** Frees what nothing uses, or with `plan` says what that would be. */
  prune(options?: WirePruneOptions): Promise<WirePruneReport>;
  /** The operation's result is a `WireBuildResult`. */
  build(build: WireBuild): Promise<WireOperation>;
  /** Build checks alone; nothing is built. */
  checkBuild(build: WireBuild): Promise<WireChecks>;
  /** Builds an image again from a folder; the operation's result is a `WireVerification`. */
  verifyImage(
    image: string,
    directory: string,
    dockerfile?: string,
    registryAuth?: WireRegistryAuth,
  ): Promise<WireOperation>;
  /** An SPDX or CycloneDX document. */
  sbom(image: string, format: "spdx" | "cyclonedx"): Promise<object>;
  /** An in-toto statement. */
  provenance(image: string, registryAuth?: WireRegistryAuth): Promise<object>;
  readonly registry: RegistryClient;
  readonly signatures: SignaturesClient;
  operation(id: string): Promise<WireOperation>;
  /** Progress until the operation ends. */
  progress(id: string, signal?: AbortSignal): AsyncIterableIterator<Progress>;
  cancel(id: string): Promise<void>;
}

/** Sends one request to the daemon: `fetch` on its unix socket, or on a page's own origin. */
export type Send = (path: string, init: RequestInit) => Promise<Response>;

export function createClient(send: Send): Client {
  const call = async (method: string, path: string, body?: unknown, signal?: AbortSignal) => {
    const response = await request(send, method, path, body, signal);
    if (!response.ok) throw await errorOf(response);
    return response;
  };
  const json = async <T>(method: string, path: string, body?: unknown): Promise<T> =>
    (await (await call(method, path, body)).json()) as T;
  return {
    system: () => json("GET", "/v1/system"),
    stop: async () => void (await call("POST", "/v1/system/stop")),
    up: (source, options, registryAuth = {}) =>
      json("POST", "/v1/stacks/up", { source, options, registryAuth }),
    down: (target, options) => json("POST", "/v1/stacks/down", { target, options }),
    plan: (source, options) => json("POST", "/v1/stacks/plan", { source, options }),
    config: (source) => json("POST", "/v1/stacks/config", { source }),
    stack: (target) => json("POST", "/v1/stacks/status", { target }),
    stacks: () => json("GET", "/v1/stacks"),
    async *logs(target, options, signal) {
      const response = await call("POST", "/v1/stacks/logs", { target, options }, signal);
      yield* lines<WireLogLine>(response, signal);
    },
    stopContainer: (name, options = {}) =>
      json("POST", `/v1/containers/${encodeURIComponent(name)}/stop`, options),
    recreate: (name, change, options = {}) =>
      json("POST", `/v1/containers/${encodeURIComponent(name)}/recreate`, { ...options, change }),
    prune: (options = {}) => json("POST", "/v1/prune", options),
    build: (build) => json("POST", "/v1/builds", build),
    checkBuild: (build) => json("POST", "/v1/builds/check", build),
    verifyImage: (image, directory, dockerfile, registryAuth = {}) =>
      json("POST", "/v1/images/verify", {
        image,
        directory,
        registryAuth,
        ...(dockerfile === undefined ? {} : { dockerfile }),
      }),
    sbom: (image, format) => json("POST", "/v1/images/sbom", { image, format }),
    provenance: (image, registryAuth = {}) => json("POST", "/v1/images/provenance", { image, registryAuth }),
    registry: createRegistryClient(json),
    signatures: createSignaturesClient(json),
    operation: (id) => json("GET", `/v1/operations/${id}`),
    async *progress(id, signal) {
      const response = await call("GET", `/v1/operations/${id}/progress`, undefined, signal);
      yield* lines<Progress>(response, signal);
    },
    cancel: async (id) => void (await call("DELETE", `/v1/operations/${id}`)),
  };
}

async function request(send: Send, method: string, path: string, body?: unknown, signal?: AbortSignal) {
  try {
    return await send(path, {
      method,
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
      ...(signal ? { signal } : {}),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw fail("unavailable", "daemon.unreachable", "the daemon does not answer", {
      cause: error,
      hint: "virga system status",
    });
  }
}

/** The error that a response or an operation carries, as it was thrown in the daemon. */
export function errorFromWire(wire: WireError): VirgaError {
  const kind = errorKinds.find((one) => one === wire.kind) ?? ("internal" satisfies ErrorKind);
  return new VirgaError(kind, wire.code, wire.message, wire.hint === undefined ? {} : { hint: wire.hint });
}

async function errorOf(response: Response): Promise<VirgaError> {
  const body = (await response.json().catch(() => undefined)) as { error?: WireError } | undefined;
  if (body?.error) return errorFromWire(body.error);
  return fail("internal", "daemon.bad-answer", `the daemon answered ${response.status}`);
}

async function* chunks(response: Response, signal?: AbortSignal): AsyncIterableIterator<Uint8Array> {
  try {
    for await (const chunk of response.body ?? []) yield chunk;
  } catch (error) {
    if (signal?.aborted) throw error;
    throw fail("unavailable", "daemon.lost", "the daemon went away in the middle", {
      cause: error,
      hint: "virga system logs; then run the command again: it goes on from what is there",
    });
  }
}

/** The values of a newline-delimited JSON body. A last line `{"error": …}` is thrown. */
async function* lines<T>(response: Response, signal?: AbortSignal): AsyncIterableIterator<T> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of chunks(response, signal)) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = parts.pop() ?? "";
    for (const part of parts) {
      const value = JSON.parse(part) as { readonly error?: WireError };
      if (value.error) throw errorFromWire(value.error);
      yield value as T;
    }
  }
}

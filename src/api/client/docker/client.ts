import type { RawConnection } from "./raw.ts";
import {
  createTransport,
  jsonLines,
  type Query,
  type Transport,
  type TransportOptions,
} from "./transport.ts";
import type * as wire from "./wire.ts";

/**
 * The Docker Engine API of one daemon. Every method throws the daemon's own error, or `unavailable` /
 * `daemon.unreachable`. What is not here goes through `transport`.
 */
export interface DockerClient {
  readonly transport: Transport;
  containers(query?: Query): Promise<readonly wire.ContainerSummary[]>;
  container(name: string, query?: Query): Promise<wire.ContainerDetail>;
  createContainer(
    body: object,
    query: Query,
  ): Promise<{ readonly Id: string; readonly Warnings: readonly string[] | null }>;
  /** `start`, `stop`, `kill` and the like. */
  act(name: string, verb: string, query?: Query): Promise<void>;
  remove(name: string, query?: Query): Promise<void>;
  /** Resolves when the daemon waits; `result` comes with the exit. */
  wait(
    name: string,
    condition: string,
    signal?: AbortSignal,
  ): Promise<{ readonly result: Promise<wire.WaitResult> }>;
  attach(name: string, query: Query): Promise<RawConnection>;
  createExec(name: string, body: object): Promise<{ readonly Id: string }>;
  startExec(id: string, body: object): Promise<RawConnection>;
  exec(id: string): Promise<{ readonly Running: boolean; readonly ExitCode: number | null }>;
  images(query?: Query): Promise<readonly wire.ImageSummary[]>;
  networks(query?: Query): Promise<readonly wire.NetworkSummary[]>;
  volumes(query?: Query): Promise<readonly wire.VolumeSummary[]>;
}

export function createDockerClient(options: TransportOptions): DockerClient {
  const transport = createTransport(options);
  const get = <T>(path: string, query?: Query) => transport.json<T>("GET", path, query ? { query } : {});
  const post = <T>(path: string, json: object, query?: Query) =>
    transport.json<T>("POST", path, { json, ...(query ? { query } : {}) });
  const raw = async (path: string, options: { query?: Query; json?: unknown }) =>
    (await import("./raw.ts")).openRaw(transport.socket, "POST", path, options);
  return {
    transport,
    containers: (query) => get("/containers/json", query),
    container: (name, query) => get(`/containers/${part(name)}/json`, query),
    createContainer: (body, query) => post("/containers/create", body, query),
    async act(name, verb, query) {
      await transport.request("POST", `/containers/${part(name)}/${verb}`, query ? { query } : {});
    },
    async remove(name, query) {
      await transport.request("DELETE", `/containers/${part(name)}`, query ? { query } : {});
    },
    async wait(name, condition, signal) {
      const response = await transport.request("POST", `/containers/${part(name)}/wait`, {
        query: { condition },
        ...(signal ? { signal } : {}),
      });
      const result = firstLine<wire.WaitResult>(response, signal);
      result.catch(() => {});
      return { result };
    },
    attach: (name, query) => raw(`/containers/${part(name)}/attach`, { query }),
    createExec: (name, body) => post(`/containers/${part(name)}/exec`, body),
    startExec: (id, body) => raw(`/exec/${id}/start`, { json: body }),
    exec: (id) => get(`/exec/${id}/json`),
    images: (query) => get("/images/json", query),
    networks: (query) => get("/networks", query),
    volumes: async (query) =>
      (await get<{ readonly Volumes: readonly wire.VolumeSummary[] | null }>("/volumes", query)).Volumes ??
      [],
  };
}

async function firstLine<T>(response: Response, signal?: AbortSignal): Promise<T> {
  for await (const value of jsonLines<T>(response, signal)) return value;
  throw new Error("the answer is empty");
}

/** A name as one part of a path. */
export function part(name: string): string {
  return encodeURIComponent(name);
}

import { fail, isVirgaError, nearest } from "../base/index.ts";
import type { DockerClient } from "../api/client/docker/index.ts";

type Kind = "container" | "image" | "network" | "volume";

const lists = {
  container: "virga ps -a",
  image: "virga images",
  network: "virga network ls",
  volume: "virga volume ls",
} as const satisfies Record<Kind, string>;

const listed: Readonly<Record<Kind, (docker: DockerClient) => Promise<readonly string[]>>> = {
  container: async (docker) =>
    (await docker.containers({ all: true })).map((one) => (one.Names[0] ?? "").replace(/^\//, "")),
  image: async (docker) => (await docker.images()).flatMap((one) => one.RepoTags ?? []),
  network: async (docker) => (await docker.networks()).map((one) => one.Name),
  volume: async (docker) => (await docker.volumes()).map((one) => one.Name),
};

/** Names of everything of a kind that the daemon has. */
export function namesOf(docker: DockerClient, kind: Kind): Promise<readonly string[]> {
  return listed[kind](docker);
}

/** Runs `work` about `name`; when there is no such thing, the error says which one was probably meant. */
export async function named<T>(
  docker: DockerClient,
  kind: Kind,
  name: string,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isVirgaError(error, "not-found") || !error.code.startsWith(`${kind}.`)) throw error;
    const meant = meantName(name, await namesOf(docker, kind).catch(() => []));
    const text = `no such ${kind} '${name}'${meant === undefined ? "" : ` – did you mean '${meant}'?`}`;
    throw fail("not-found", error.code, text, { hint: lists[kind] });
  }
}

/** A name that differs little, or that has what was typed as one of its parts (`web` of `shop-web-1`). */
export function meantName(typed: string, names: readonly string[]): string | undefined {
  const near = nearest(typed, names);
  if (near !== undefined) return near;
  const parts = names.filter((one) => one.split(/[-_/:]/).includes(typed));
  return parts.length === 1 ? parts[0] : undefined;
}

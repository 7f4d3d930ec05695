import type { Container, Containers } from "../containers/index.ts";
import { isVirgaError } from "../base/index.ts";
import type { Images } from "../images/index.ts";
import type { Networks } from "../networks/index.ts";
import type { Volumes } from "../volumes/index.ts";
import { dependenciesInLabel, isOneOff, stackLabels } from "./labels.ts";

/** What is on the machine, as far as a plan looks at it. */
export interface Current {
  readonly containers: readonly CurrentContainer[];
  readonly networks: readonly CurrentPart[];
  readonly volumes: readonly CurrentPart[];
  /** Id by reference, of those that are there. */
  readonly images: ReadonlyMap<string, string>;
}

export interface CurrentContainer {
  readonly id: string;
  readonly name: string;
  readonly service: string;
  readonly number: number;
  readonly hash: string;
  readonly imageId: string;
  readonly running: boolean;
  /** Its removal failed half-way: it cannot be started again. */
  readonly dead: boolean;
  /** The name it is to have once the container that has it is gone: an update was interrupted. */
  readonly replaces?: string;
  readonly networks: readonly string[];
  /** Volumes without a name of their own, which a new container takes over. */
  readonly anonymous: readonly { readonly target: string; readonly volume: string }[];
  readonly dependsOn: readonly string[];
}

export interface CurrentPart {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface Machine {
  readonly containers: Pick<Containers, "list">;
  readonly images: Pick<Images, "resolve">;
  readonly networks: Pick<Networks, "list">;
  readonly volumes: Pick<Volumes, "list">;
}

/** The containers of a stack; those of `docker compose run` are not its services'. */
export function containersOf(containers: Pick<Containers, "list">, project: string): Container[] {
  return containers.list().filter((container) => {
    const labels = container.spec.labels ?? {};
    return labels[stackLabels.project] === project && stackLabels.service in labels && !isOneOff(labels);
  });
}

export function readCurrent(machine: Machine, project: string, imageReferences: Iterable<string>): Current {
  const volumes = machine.volumes.list();
  const networks = machine.networks.list();
  const anonymous = new Set(volumes.filter((volume) => volume.anonymous).map((volume) => volume.name));
  const networkNames = new Map(networks.map((network) => [network.id, network.name]));
  const images = new Map<string, string>();
  for (const reference of imageReferences) {
    const id = imageId(machine.images, reference);
    if (id !== undefined) images.set(reference, id);
  }
  return {
    containers: containersOf(machine.containers, project)
      .map((container) => currentContainer(container, anonymous, networkNames))
      .toSorted((a, b) => a.number - b.number),
    networks: networks.map(({ name, labels }) => ({ name, labels })),
    volumes: volumes.map(({ name, labels }) => ({ name, labels })),
    images,
  };
}

function imageId(images: Pick<Images, "resolve">, reference: string): string | undefined {
  try {
    return images.resolve(reference).id;
  } catch (error) {
    if (isVirgaError(error, "not-found")) return undefined;
    throw error;
  }
}

function currentContainer(
  container: Container,
  anonymousVolumes: ReadonlySet<string>,
  networkNames: ReadonlyMap<string, string>,
): CurrentContainer {
  const labels = container.spec.labels ?? {};
  const replaces = labels[stackLabels.replace];
  return {
    id: container.id,
    name: container.name,
    service: labels[stackLabels.service] ?? "",
    number: Number(labels[stackLabels.number] ?? 1),
    hash: labels[stackLabels.configHash] ?? "",
    imageId: container.imageId,
    running: container.state.status === "running" || container.state.status === "restarting",
    dead: container.state.status === "dead",
    ...(replaces === undefined || replaces === container.name ? {} : { replaces }),
    networks: container.endpoints.flatMap((endpoint) => networkNames.get(endpoint.networkId) ?? []),
    anonymous: container.mounts.flatMap((mount) =>
      mount.type === "volume" && (mount.anonymous || anonymousVolumes.has(mount.name))
        ? [{ target: mount.target, volume: mount.name }]
        : [],
    ),
    dependsOn: dependenciesInLabel(labels[stackLabels.dependsOn]),
  };
}

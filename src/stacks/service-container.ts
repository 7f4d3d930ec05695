import type { Container, Containers, ContainerSpec, MountSpec } from "../containers/index.ts";
import { fail } from "../base/index.ts";
import type { Image } from "../images/index.ts";
import { containersOf, type CurrentContainer } from "./current.ts";
import { defined } from "./defined.ts";
import { stackLabels } from "./labels.ts";
import type { TargetService } from "./target.ts";

export interface Instance {
  readonly project: string;
  readonly service: TargetService;
  readonly number: number;
  /** The name it is to have in the end. */
  readonly name: string;
  /** The name until then. */
  readonly temporaryName?: string;
  readonly image: Image;
  /** Anonymous volumes of the container before it. */
  readonly inherit: CurrentContainer["anonymous"];
}

/** One container of a service, ready to be created: names, labels, and ids in place of `service:NAME`. */
export function instanceSpec(containers: Pick<Containers, "list">, instance: Instance): ContainerSpec {
  const { project, service, number, name, temporaryName, image } = instance;
  const { spec } = service;
  const resolve = (mode: string | undefined) =>
    mode?.startsWith("service:")
      ? `container:${sharedContainer(containers, project, mode.slice("service:".length)).id}`
      : mode;
  const endpoints = Object.entries(spec.network?.endpoints ?? {}).map(([network, settings]) => [
    network,
    // By name too, since a container that takes another's place is made under a temporary one.
    { ...settings, aliases: [...new Set([name, ...(settings.aliases ?? [])])] },
  ]);
  // `command: []` means none, not even the image's; the engine drops that when an entrypoint is given.
  const noCommand = spec.command?.length === 0 && spec.entrypoint === undefined;
  return defined({
    ...spec,
    entrypoint: noCommand ? image.config.config?.Entrypoint : spec.entrypoint,
    name: temporaryName ?? name,
    mounts: [
      ...(spec.mounts ?? []).map((mount) => inherited(mount, instance)),
      ...inheritedImageVolumes(instance),
    ],
    labels: {
      ...spec.labels,
      ...service.labels,
      [stackLabels.number]: String(number),
      [stackLabels.configHash]: service.hash,
      [stackLabels.image]: image.id,
      ...(temporaryName === undefined ? {} : { [stackLabels.replace]: name }),
    },
    network: defined({
      ...spec.network,
      mode: resolve(spec.network?.mode),
      ...(endpoints.length === 0 ? {} : { endpoints: Object.fromEntries(endpoints) }),
    }),
    namespaces: defined({
      ...spec.namespaces,
      pid: resolve(spec.namespaces?.pid),
      ipc: resolve(spec.namespaces?.ipc),
    }),
    volumesFrom: spec.volumesFrom?.map((from) => {
      const [prefix, wanted = "", ...modes] = from.split(":");
      if (prefix !== "service") return from;
      return [sharedContainer(containers, project, wanted).id, ...modes].join(":");
    }),
  }) as ContainerSpec;
}

/** An anonymous volume of the service becomes the one that the container before had at that place. */
function inherited(mount: MountSpec, { inherit }: Instance): MountSpec {
  if (mount.type !== "volume" || mount.name !== undefined) return mount;
  const earlier = inherit.find((one) => one.target === mount.target);
  return earlier ? { ...mount, name: earlier.volume } : mount;
}

/** The same for the places that the image declares as volumes. */
function inheritedImageVolumes({ inherit, image, service }: Instance): MountSpec[] {
  const declared = Object.keys(image.config.config?.Volumes ?? {});
  const mounted = new Set((service.spec.mounts ?? []).map((mount) => mount.target));
  return inherit
    .filter(({ target }) => declared.includes(target) && !mounted.has(target))
    .map(({ target, volume }) => ({ type: "volume", name: volume, target }));
}

function sharedContainer(containers: Pick<Containers, "list">, project: string, service: string): Container {
  const found = containersOf(containers, project).filter(
    (container) => container.spec.labels?.[stackLabels.service] === service,
  );
  const best = found.find((container) => container.state.status === "running") ?? found[0];
  if (best) return best;
  throw fail(
    "conflict",
    "stack.shared-missing",
    `service '${service}', whose container is to be shared, has none`,
    {
      hint: "run up for it first",
    },
  );
}

import { fail, isVirgaError } from "../../base/index.ts";
import type { ImageProcess, Images } from "../../images/index.ts";
import type { PortMapping } from "../../networks/index.ts";
import type { Container } from "../container.ts";
import { parsePort } from "../connections/network-mode.ts";
import { mergeProcess } from "../oci/index.ts";
import type { ContainerSpec, MountSpec } from "../spec.ts";
import type { ContainerChange } from "./request.ts";

/** The specification with the change in it. Throws `invalid` for a removal of what is not there. */
export function changedSpec(container: Container, change: ContainerChange): ContainerSpec {
  const { spec } = container;
  const { env, labels, ports, mounts, resources, publishAll, ...plain } = change;
  return {
    ...spec,
    ...plain,
    ...(env ? { env: changedEnv(container, env) } : {}),
    ...(labels ? { labels: changedLabels(spec, labels) } : {}),
    ...(mounts ? { mounts: changedMounts(container, mounts) } : {}),
    ...(resources ? { resources: { ...spec.resources, ...resources } } : {}),
    ...(ports || publishAll !== undefined
      ? {
          network: {
            ...spec.network,
            ports: changedPorts(spec.network?.ports ?? [], ports ?? {}),
            ...(publishAll === undefined ? {} : { publishAll }),
          },
        }
      : {}),
  };
}

const keyOf = (entry: string) => entry.split("=", 1)[0]!;

function changedEnv(container: Container, change: NonNullable<ContainerChange["env"]>): readonly string[] {
  const { set = [], remove = [] } = change;
  const bare = set.find((entry) => !/^[^=]+=/.test(entry));
  if (bare !== undefined) throw missing(`'${bare}' is no variable: write it like KEY=VALUE`);
  const present = new Set((container.process.Env ?? []).filter((entry) => entry.includes("=")).map(keyOf));
  const absent = remove.find((key) => !present.has(key));
  if (absent !== undefined) throw missing(`there is no variable ${absent} to remove`);
  const named = new Set([...set.map(keyOf), ...remove]);
  // A name alone takes away what the image sets.
  return [...(container.spec.env ?? []).filter((entry) => !named.has(keyOf(entry))), ...set, ...remove];
}

function changedLabels(
  spec: ContainerSpec,
  { set = {}, remove = [] }: NonNullable<ContainerChange["labels"]>,
): Readonly<Record<string, string>> {
  const labels = { ...spec.labels };
  for (const key of remove) {
    if (!Object.hasOwn(labels, key)) throw missing(`there is no label ${key} to remove, unless of the image`);
    delete labels[key];
  }
  return { ...labels, ...set };
}

function changedPorts(
  before: readonly PortMapping[],
  { set, add = [], remove = [] }: NonNullable<ContainerChange["ports"]>,
): readonly PortMapping[] {
  const gone = remove.map((written) => {
    const [, hostPort, rest] = /^(?:(\d+):)?(.+)$/.exec(written) ?? [];
    const port = parsePort(rest ?? written);
    const matches = (one: PortMapping) =>
      one.containerPort === port.containerPort &&
      one.protocol === port.protocol &&
      (hostPort === undefined || one.hostPort === Number(hostPort));
    if (!before.some(matches)) throw missing(`port ${written} is not published`);
    return matches;
  });
  return [...(set ?? before.filter((one) => !gone.some((matches) => matches(one)))), ...add];
}

function changedMounts(
  container: Container,
  { add = [], remove = [] }: NonNullable<ContainerChange["mounts"]>,
): readonly MountSpec[] {
  const absent = remove.find((target) => !container.mounts.some((mount) => mount.target === target));
  if (absent !== undefined) throw missing(`nothing is mounted at ${absent}`);
  const gone = new Set([...remove, ...add.map((mount) => mount.target)]);
  return [...(container.spec.mounts ?? []).filter((mount) => !gone.has(mount.target)), ...add];
}

function missing(message: string): Error {
  return fail("invalid", "container.change-invalid", message);
}

/**
 * What it will run. When its image's name and configuration are gone (its layers are not), what it runs now stands
 * for them.
 */
export function changedProcess(
  images: Pick<Images, "resolve">,
  container: Container,
  change: ContainerChange,
  spec: ContainerSpec,
): ImageProcess {
  const entrypoint = { ...spec, ...(change.entrypoint?.length === 0 ? { entrypoint: undefined } : {}) };
  const asked = entrypoint as ContainerSpec;
  try {
    const image = images.resolve(change.image ?? container.imageId);
    return mergeProcess(image.config.config ?? {}, asked);
  } catch (error) {
    if (change.image !== undefined || !isVirgaError(error, "not-found")) throw error;
  }
  const { process } = container;
  const removed = new Set(change.labels?.remove);
  const Labels = Object.fromEntries(
    Object.entries(process.Labels ?? {}).filter(([key]) => !removed.has(key)),
  );
  const { image, env, labels, user, workingDir, stopSignal, stopTimeout, healthcheck } = asked;
  const command = change.command ?? (change.entrypoint === undefined ? process.Cmd : asked.command);
  return mergeProcess(
    { ...process, Labels },
    {
      image,
      ...(env ? { env } : {}),
      ...(labels ? { labels } : {}),
      ...(user ? { user } : {}),
      ...(workingDir ? { workingDir } : {}),
      ...(stopSignal ? { stopSignal } : {}),
      ...(stopTimeout === undefined ? {} : { stopTimeout }),
      ...(healthcheck ? { healthcheck } : {}),
      ...(change.entrypoint?.length ? { entrypoint: change.entrypoint } : {}),
      ...(command ? { command } : {}),
    },
  );
}

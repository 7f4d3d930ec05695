import { join } from "node:path";
import type { Container, ResolvedMount } from "../../../containers/index.ts";
import { isVirgaError } from "../../../base/index.ts";
import type { Image } from "../../../images/index.ts";
import { filled } from "../http/defined.ts";
import { platformOf } from "../images/platforms.ts";
import { encodeDescriptor } from "../images/wire.ts";
import { holds, quirks } from "../quirks.ts";
import type { ApiVersion } from "../versions.ts";
import type { ContainersBackend } from "./backend.ts";
import { encodeHostConfig } from "./host-config.ts";
import { encodeNetworkSettings } from "./network-settings.ts";
import { encodeState } from "./status.ts";

/** GET /containers/{id}/json. */
export async function encodeContainer(
  backend: ContainersBackend,
  container: Container,
  version: ApiVersion,
  withSize: boolean,
) {
  const command = commandLine(container);
  const execIds = backend.containers.runningExecs(container.id);
  const size = withSize ? await backend.containers.size(container.id) : undefined;
  return {
    Id: container.id,
    Created: container.createdAt.toISOString(),
    Path: command[0] ?? "",
    Args: command.slice(1),
    State: encodeState(container),
    Image: container.imageId,
    ResolvConfPath: join(container.folder, "resolv.conf"),
    HostnamePath: join(container.folder, "hostname"),
    HostsPath: join(container.folder, "hosts"),
    LogPath: container.logPath ?? "",
    Name: `/${container.name}`,
    RestartCount: container.restartCount,
    Driver: "overlay2",
    Platform: "linux",
    MountLabel: "",
    ProcessLabel: "",
    AppArmorProfile: "",
    ExecIDs: execIds.length > 0 ? execIds : null,
    HostConfig: encodeHostConfig(container.spec, container.name, (id) => nameOf(backend, id)),
    GraphDriver: encodeGraphDriver(backend, container),
    ...encodeImageDescriptor(backend, container, version),
    ...(size === undefined ? {} : { SizeRw: size.written, SizeRootFs: size.total }),
    Mounts: encodeMountPoints(container),
    Config: encodeConfig(backend, container, version),
    NetworkSettings: encodeNetworkSettings(container, backend.networks, version),
  };
}

function nameOf({ containers }: Pick<ContainersBackend, "containers">, id: string): string | undefined {
  return containers.list().find((one) => one.id === id)?.name;
}

/** The image that a container was made from; undefined when it was removed by force. */
export function imageOf(backend: Pick<ContainersBackend, "images">, container: Container): Image | undefined {
  try {
    return backend.images.resolve(container.imageId);
  } catch (error) {
    if (isVirgaError(error, "not-found")) return undefined;
    throw error;
  }
}

/** `ImageManifestDescriptor`: the manifest of the image that the container was made from. */
export function encodeImageDescriptor(
  backend: Pick<ContainersBackend, "images">,
  container: Container,
  version: ApiVersion,
) {
  const image = holds(quirks.imageDescriptors, version) ? imageOf(backend, container) : undefined;
  if (image === undefined) return {};
  return { ImageManifestDescriptor: { ...encodeDescriptor(image), platform: platformOf(image) } };
}

/** Entrypoint and command as one. */
export function commandLine(container: Container): readonly string[] {
  return [...(container.process.Entrypoint ?? []), ...(container.process.Cmd ?? [])];
}

/** In the words of Docker's overlay2 driver, which lays a container out in the same way. */
function encodeGraphDriver(backend: ContainersBackend, container: Container) {
  const overlay = join(container.folder, "overlay");
  const layers = imageOf(backend, container)?.config.rootfs.diff_ids ?? [];
  return {
    Name: "overlay2",
    Data: {
      ID: container.id,
      LowerDir: layers
        .toReversed()
        .map((diffId) => backend.layers.path(diffId))
        .join(":"),
      MergedDir: join(overlay, "merged"),
      UpperDir: join(overlay, "upper"),
      WorkDir: join(overlay, "work"),
    },
  };
}

/** One in another's network has the host name of that one. */
function nameGiver({ containers }: Pick<ContainersBackend, "containers">, container: Container): Container {
  const [, id] = /^container:(.+)$/.exec(container.spec.network?.mode ?? "") ?? [];
  return containers.list().find((one) => one.id === id) ?? container;
}

/** What `docker inspect` shows under Config: the image's values with the user's over them. */
function encodeConfig(backend: ContainersBackend, container: Container, version: ApiVersion) {
  const named = nameGiver(backend, container);
  const { spec, process } = container;
  const exposed = {
    ...process.ExposedPorts,
    ...Object.fromEntries((spec.exposedPorts ?? []).map((port) => [port, {}])),
  };
  const anonymous = (spec.mounts ?? []).flatMap((mount) =>
    mount.type === "volume" && mount.name === undefined && mount.mode === undefined && !mount.declared
      ? [[mount.target, {}] as const]
      : [],
  );
  const volumes = { ...process.Volumes, ...Object.fromEntries(anonymous) };
  return {
    Hostname: named.spec.hostname ?? named.id.slice(0, 12),
    Domainname: named.spec.domainname ?? "",
    User: process.User ?? "",
    AttachStdin: spec.attach?.includes("stdin") ?? false,
    AttachStdout: spec.attach?.includes("stdout") ?? false,
    AttachStderr: spec.attach?.includes("stderr") ?? false,
    ...(Object.keys(exposed).length > 0 ? { ExposedPorts: exposed } : {}),
    Tty: spec.tty ?? false,
    OpenStdin: spec.openStdin ?? false,
    StdinOnce: spec.stdinOnce ?? false,
    Env: process.Env ?? [],
    Cmd: filled(process.Cmd) ?? null,
    ...(process.Healthcheck ? { Healthcheck: process.Healthcheck } : {}),
    Image: spec.image,
    Volumes: Object.keys(volumes).length > 0 ? volumes : null,
    WorkingDir: process.WorkingDir ?? "",
    Entrypoint: filled(process.Entrypoint) ?? null,
    ...(holds(quirks.containerMacAddress, version) && spec.network?.macAddress
      ? { MacAddress: spec.network.macAddress }
      : {}),
    ...(spec.onBuild !== undefined || holds(quirks.emptyOnBuild, version)
      ? { OnBuild: spec.onBuild ?? null }
      : {}),
    Labels: process.Labels ?? {},
    ...(process.StopSignal === undefined ? {} : { StopSignal: process.StopSignal }),
    ...(spec.stopTimeout === undefined ? {} : { StopTimeout: spec.stopTimeout }),
    ...(process.Shell ? { Shell: process.Shell } : {}),
  };
}

/** Mounts, in docker inspect and docker ps: those of `--tmpfs` are told under HostConfig only. */
export function encodeMountPoints({ mounts, spec }: Container) {
  const short = new Set(
    (spec.mounts ?? []).flatMap((mount) => (mount.type === "tmpfs" && mount.short ? [mount.target] : [])),
  );
  const declared = new Set(
    (spec.mounts ?? []).flatMap((mount) => (mount.type === "volume" && mount.declared ? [mount.target] : [])),
  );
  return mounts
    .filter((mount) => !short.has(mount.target))
    .map((mount) => encodeMountPoint(mount, declared.has(mount.target)));
}

function encodeMountPoint(mount: ResolvedMount, declared: boolean) {
  switch (mount.type) {
    case "bind":
      return {
        Type: "bind",
        Source: mount.source,
        Destination: mount.target,
        Mode: mount.mode ?? "",
        RW: !mount.readOnly,
        Propagation: mount.propagation,
      };
    case "volume":
      return {
        Type: "volume",
        Name: mount.name,
        Source: mount.source,
        Destination: mount.target,
        Driver: "local",
        // Docker's word for a volume of its own, which it labels for SELinux; not for those of an image.
        Mode: mount.mode || (mount.anonymous && mount.mode === undefined && !declared ? "" : "z"),
        RW: !mount.readOnly,
        Propagation: "",
      };
    case "image":
      return {
        Type: "image",
        Name: mount.source,
        Source: "",
        Destination: mount.target,
        Mode: "",
        RW: false,
        Propagation: "rprivate",
      };
    case "tmpfs":
      return {
        Type: "tmpfs",
        Source: "",
        Destination: mount.target,
        Mode: "",
        RW: !mount.options.includes("ro"),
        Propagation: "",
      };
    default:
      return mount satisfies never;
  }
}

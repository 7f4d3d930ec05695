import { fail } from "../../../../base/index.ts";
import type { ContainerSpec } from "../../../../containers/index.ts";
import { holds, quirks } from "../../quirks.ts";
import type { ApiVersion } from "../../versions.ts";
import { configFields, hostConfigFields } from "./fields.ts";
import type { CreateBody, EndpointBody, HostConfigBody, MountBody, ResourcesBody } from "./body.ts";

/** A request as its client's version means it, in today's words, with what Docker warns about. */
export interface Spoken {
  readonly body: CreateBody;
  readonly warnings: readonly string[];
}

/**
 * What a field meant, or did not mean yet, in the client's version of the API (`quirks`). Throws `invalid` with
 * Docker's words for what a version does not have and must not be ignored.
 */
export function inVersion(given: CreateBody, version: ApiVersion): Spoken {
  const warnings: string[] = [];
  const body = withoutMisplaced(given, warnings);
  const endpoints = endpointsIn(body, version, warnings);
  const host = hostIn(body.HostConfig ?? {}, version);
  warnings.push(...volumeDriverWarning(host, version));
  const withoutStartInterval = !holds(quirks.startInterval, version) && body.Healthcheck;
  return {
    warnings,
    body: {
      ...body,
      HostConfig: host,
      ...(endpoints === undefined
        ? {}
        : { NetworkingConfig: { ...body.NetworkingConfig, EndpointsConfig: endpoints } }),
      ...(withoutStartInterval ? { Healthcheck: { ...body.Healthcheck, StartInterval: 0 } } : {}),
    },
  };
}

/** Mounts as the client's version means them, which has no words for it. */
export function mountsInVersion(spec: ContainerSpec, version: ApiVersion): ContainerSpec {
  if (spec.mounts === undefined || !holds(quirks.readOnlyBindsAlone, version)) return spec;
  const mounts = spec.mounts.map((mount) =>
    mount.type === "bind" && mount.readOnly ? { ...mount, readOnlyBelow: "unasked" as const } : mount,
  );
  return { ...spec, mounts };
}

/** Fields of HostConfig were fields of the body before 1.15. Clients still write them there, and Docker ignores them. */
function withoutMisplaced(body: CreateBody, warnings: string[]): CreateBody {
  const misplaced = Object.keys(body).filter(
    (name) => !Object.hasOwn(configFields, name) && Object.hasOwn(hostConfigFields, name),
  );
  for (const name of misplaced) warnings.push(`${name} has no effect here: it belongs into HostConfig`);
  return Object.fromEntries(Object.entries(body).filter(([name]) => !misplaced.includes(name)));
}

/** As `inVersion`, of POST /containers/{id}/update. */
export function updateInVersion<T extends ResourcesBody>(body: T, version: ApiVersion): T {
  const limit = holds(quirks.pidsLimitOfUpdate, version) ? body.PidsLimit : null;
  return {
    ...body,
    // Here 0 is no "not set": it takes a limit away.
    PidsLimit: typeof limit === "number" && limit <= 0 ? -1 : limit,
    ...(holds(quirks.kernelMemory, version) ? {} : { KernelMemory: 0 }),
  };
}

function hostIn(host: HostConfigBody, version: ApiVersion): HostConfigBody {
  const ignored: Partial<HostConfigBody> & Record<string, unknown> = {};
  if (holds(quirks.autoRemoveByClient, version)) ignored.AutoRemove = false;
  if (!holds(quirks.annotations, version)) ignored.Annotations = null;
  if (!holds(quirks.consoleSize, version)) ignored.ConsoleSize = null;
  if (!holds(quirks.kernelMemory, version)) ignored["KernelMemory"] = 0;
  if (holds(quirks.shareableIpc, version) && !host.IpcMode) ignored.IpcMode = "shareable";
  // 0 and -1 mean "without a limit", which a new container is anyway.
  if (typeof host.PidsLimit === "number" && host.PidsLimit <= 0) ignored.PidsLimit = null;
  const mounts = host.Mounts?.map((mount) => mountIn(mount, version));
  return { ...host, ...ignored, ...(mounts === undefined ? {} : { Mounts: mounts }) };
}

function mountIn(mount: MountBody, version: ApiVersion): MountBody {
  const { BindOptions: bind, VolumeOptions: volume, Type: type } = mount;
  if (bind?.["ReadOnlyForceRecursive"] === true && !holds(quirks.readOnlyForceRecursive, version)) {
    throw tooOld("BindOptions.ReadOnlyForceRecursive needs API v1.44 or newer");
  }
  if (volume?.Subpath && !holds(quirks.volumeSubpath, version)) {
    throw tooOld("VolumeOptions.Subpath needs API v1.45 or newer");
  }
  if (type === "image" && !holds(quirks.imageMounts, version)) {
    throw tooOld('Mount type "Image" needs API v1.48 or newer');
  }
  const others = (["bind", "volume", "tmpfs"] as const).filter((one) => one !== type);
  const checked = holds(quirks.mountOptionsChecked, version);
  for (const other of others) {
    const field = optionsOf[other];
    if (checked && mount[field] !== undefined && mount[field] !== null) {
      throw tooOld(`${field} must not be specified on mount type "${type}"`);
    }
  }
  return {
    ...mount,
    ...(checked ? {} : Object.fromEntries(others.map((other) => [optionsOf[other], null]))),
    ...(type === "bind" && bind ? { BindOptions: bindIn(bind, version) } : {}),
  };
}

const optionsOf = { bind: "BindOptions", volume: "VolumeOptions", tmpfs: "TmpfsOptions" } as const;

function bindIn(bind: NonNullable<MountBody["BindOptions"]>, version: ApiVersion): MountBody["BindOptions"] {
  return {
    ...bind,
    ...(holds(quirks.nonRecursiveBinds, version) ? {} : { NonRecursive: false }),
    ...(holds(quirks.mountOptionsChecked, version) ? {} : { CreateMountpoint: false }),
  };
}

/** Undefined when there is nothing to change. */
function endpointsIn(body: CreateBody, version: ApiVersion, warnings: string[]) {
  const given = Object.entries(body.NetworkingConfig?.EndpointsConfig ?? {});
  if (given.length > 1 && holds(quirks.oneNetworkAtCreation, version)) {
    const names = given.map(([name]) => name).join(", ");
    throw tooOld(`Container cannot be created with multiple network endpoints: ${names}`);
  }
  const own = Boolean(body.MacAddress);
  if (own && !holds(quirks.containerMacAddress, version)) {
    warnings.push(
      "The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead.",
    );
  }
  if (given.length === 0) return undefined;
  return Object.fromEntries(given.map(([name, one]) => [name, one && endpointIn(one, version)] as const));
}

function endpointIn(endpoint: EndpointBody, version: ApiVersion): EndpointBody {
  return {
    ...endpoint,
    ...(holds(quirks.gatewayPriority, version) ? {} : { GwPriority: 0 }),
    ...(holds(quirks.containerMacAddress, version) ? { MacAddress: "" } : {}),
  };
}

function volumeDriverWarning(host: HostConfigBody, version: ApiVersion): string[] {
  if (!host["VolumeDriver"] || !holds(quirks.volumeDriverWarning, version)) return [];
  const ambiguous = host.Mounts?.some(
    (mount) => mount.Type === "volume" && !mount.VolumeOptions?.DriverConfig?.Name,
  );
  return ambiguous === true
    ? [
        "WARNING: the container-wide volume-driver configuration is ignored for volumes specified via 'mount'. Use '--mount type=volume,volume-driver=...' instead",
      ]
    : [];
}

function tooOld(message: string): Error {
  return fail("invalid", "api.version-too-old", message);
}

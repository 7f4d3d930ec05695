import { posix } from "node:path";
import { fail } from "../../../../base/index.ts";
import type { MountSpec } from "../../../../containers/index.ts";
import { defined, filled, nonZero, whenTrue } from "../../http/defined.ts";
import { checkFields, isUnset } from "../../http/fields.ts";
import { checkTarget, decodeBind, propagations, withoutSlash, type Propagation } from "./binds.ts";
import type { CreateBody, HostConfigBody, MountBody } from "./body.ts";
import { bindOptionFields, imageOptionFields, mountFields, volumeOptionFields } from "./fields.ts";

/** All mounts that a request asks for, in Docker's order of precedence. Throws `invalid`, `unimplemented`. */
export function decodeMounts(config: CreateBody, host: HostConfigBody): MountSpec[] {
  const driver = filled(host.VolumeDriver);
  const mounts = [
    ...(host.Binds ?? []).map((text) => decodeBind(text, driver)),
    ...(host.Mounts ?? []).map(decodeMount),
    ...Object.entries(host.Tmpfs ?? {}).map(decodeTmpfs),
  ];
  const targets = new Set<string>();
  for (const { target } of mounts) {
    if (targets.has(target)) throw fail("invalid", "mount.duplicate", `Duplicate mount point: ${target}`);
    targets.add(target);
  }
  const anonymous = Object.keys(config.Volumes ?? {}).map((path) =>
    checkTarget(path, (why) =>
      fail(
        "invalid",
        "mount.invalid",
        `invalid volume specification: '${path}': invalid mount config for type "volume": ${why}`,
      ),
    ),
  );
  return [
    ...mounts,
    ...anonymous
      .filter((target) => !targets.has(target))
      .map((target) => defined({ type: "volume" as const, target, driver })),
  ];
}

type Wrong = (why: string) => Error;

function decodeMount(mount: MountBody): MountSpec {
  checkFields(mount, mountFields, "HostConfig.Mounts.");
  const wrong: Wrong = (why) =>
    fail("invalid", "mount.invalid", `invalid mount config for type "${mount.Type}": ${why}`);
  refuseForeignOptions(mount, wrong);
  const target = checkTarget(mount.Target ?? "", wrong);
  const readOnly = whenTrue(mount.ReadOnly);
  switch (mount.Type) {
    case "bind":
      return decodeBindMount(mount, target, readOnly, wrong);
    case "volume":
      return decodeVolumeMount(mount, target, readOnly, wrong);
    case "tmpfs":
      return decodeTmpfsMount(mount, target, readOnly, wrong);
    case "image":
      return decodeImageMount(mount, target, wrong);
    default:
      throw wrong("mount type unknown");
  }
}

/** Options of one type on a mount of another. */
function refuseForeignOptions(mount: MountBody, wrong: Wrong): void {
  const options = {
    BindOptions: "bind",
    VolumeOptions: "volume",
    ImageOptions: "image",
    TmpfsOptions: "tmpfs",
  } as const;
  for (const [field, type] of Object.entries(options)) {
    const given = mount[field as keyof typeof options];
    if (mount.Type !== type && !isUnset(given)) throw wrong(`field ${field} must not be specified`);
  }
}

function decodeBindMount(
  mount: MountBody,
  target: string,
  readOnly: true | undefined,
  wrong: Wrong,
): MountSpec {
  const source = mount.Source ?? "";
  if (source === "") throw wrong("field Source must not be empty");
  const options = mount.BindOptions ?? {};
  checkFields(options, bindOptionFields, "HostConfig.Mounts.BindOptions.");
  const propagation = filled(options.Propagation);
  if (propagation !== undefined && !propagations.includes(propagation)) {
    throw wrong(`invalid propagation mode: ${propagation}`);
  }
  if (!source.startsWith("/")) throw wrong(`invalid mount path: '${source}' mount path must be absolute`);
  const { ReadOnlyNonRecursive: writableBelow, ReadOnlyForceRecursive: force } = options;
  if (writableBelow && force) {
    throw wrong("mount options conflict: ReadOnlyNonRecursive && ReadOnlyForceRecursive");
  }
  return defined({
    type: "bind" as const,
    source: withoutSlash(posix.normalize(source)),
    target,
    readOnly,
    propagation: propagation as Propagation | undefined,
    nonRecursive: whenTrue(options.NonRecursive),
    readOnlyBelow: writableBelow ? ("no" as const) : force ? ("force" as const) : undefined,
    createSource: whenTrue(options.CreateMountpoint),
  });
}

function decodeVolumeMount(
  mount: MountBody,
  target: string,
  readOnly: true | undefined,
  wrong: Wrong,
): MountSpec {
  const options = mount.VolumeOptions;
  checkFields(options ?? {}, volumeOptionFields, "HostConfig.Mounts.VolumeOptions.");
  const [name, subpath] = [filled(mount.Source), filled(options?.Subpath)];
  if (subpath !== undefined && name === undefined) {
    throw wrong("must not set Subpath when using anonymous volumes");
  }
  checkSubpath(subpath, wrong);
  return defined({
    type: "volume" as const,
    name,
    target,
    readOnly,
    noCopy: whenTrue(options?.NoCopy),
    declared: whenTrue(name === undefined),
    subpath,
    driver: filled(options?.DriverConfig?.Name),
    driverOptions: filled(options?.DriverConfig?.Options),
    labels: filled(options?.Labels),
  });
}

function decodeImageMount(mount: MountBody, target: string, wrong: Wrong): MountSpec {
  const source = mount.Source ?? "";
  if (source === "") throw wrong("field Source must not be empty");
  checkFields(mount.ImageOptions ?? {}, imageOptionFields, "HostConfig.Mounts.ImageOptions.");
  const subpath = filled(mount.ImageOptions?.Subpath);
  checkSubpath(subpath, wrong);
  return defined({ type: "image" as const, source, target, subpath });
}

function checkSubpath(subpath: string | undefined, wrong: Wrong): void {
  const clean = posix.normalize(subpath ?? ".");
  if (!clean.startsWith("/") && clean !== ".." && !clean.startsWith("../")) return;
  throw wrong("subpath must be a relative path within the volume");
}

function decodeTmpfsMount(
  mount: MountBody,
  target: string,
  readOnly: true | undefined,
  wrong: Wrong,
): MountSpec {
  if (filled(mount.Source) !== undefined) throw wrong("field Source must not be specified");
  const options = (mount.TmpfsOptions?.Options ?? []).map((pair) => {
    if (pair.length < 1 || pair.length > 2) throw wrong("invalid option array length");
    if (pair[0] !== "exec" && pair[0] !== "noexec") throw wrong(`invalid option: ${pair[0]}`);
    return pair.join("=");
  });
  return defined({
    type: "tmpfs" as const,
    target,
    size: nonZero(mount.TmpfsOptions?.SizeBytes),
    mode: nonZero(mount.TmpfsOptions?.Mode),
    options: filled(readOnly ? [...options, "ro"] : options),
  });
}

function decodeTmpfs([path, options]: [string, string]): MountSpec {
  const target = checkTarget(path, (why) => fail("invalid", "mount.invalid", why));
  return defined({
    type: "tmpfs" as const,
    target,
    short: true,
    options: filled(options.split(",").filter(Boolean)),
  });
}

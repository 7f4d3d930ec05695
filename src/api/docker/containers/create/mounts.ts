import { posix } from "node:path";
import { fail } from "../../../../base/index.ts";
import type { MountSpec } from "../../../../containers/index.ts";
import { defined, filled, nonZero, whenTrue } from "../../http/defined.ts";
import { checkFields, isUnset } from "../../http/fields.ts";
import type { CreateBody, HostConfigBody, MountBody } from "./body.ts";
import { bindOptionFields, mountFields, volumeOptionFields } from "./fields.ts";

type BindMount = Extract<MountSpec, { type: "bind" }>;
type Propagation = NonNullable<BindMount["propagation"]>;

const propagations: readonly string[] = ["private", "rprivate", "shared", "rshared", "slave", "rslave"];

/** Options of `-v` that say how a shared folder is cached on a Mac, or relabel for SELinux: no effect here. */
const harmlessOptions: readonly string[] = ["rw", "z", "Z", "cached", "delegated", "consistent", "default"];

/** All mounts that a request asks for, in Docker's order of precedence. Throws `invalid`, `unimplemented`. */
export function decodeMounts(config: CreateBody, host: HostConfigBody): MountSpec[] {
  const mounts = [
    ...(host.Binds ?? []).map(decodeBind),
    ...(host.Mounts ?? []).map(decodeMount),
    ...Object.entries(host.Tmpfs ?? {}).map(decodeTmpfs),
  ];
  const targets = new Set<string>();
  for (const { target } of mounts) {
    if (targets.has(target)) throw fail("invalid", "mount.duplicate", `Duplicate mount point: ${target}`);
    targets.add(target);
  }
  const anonymous = Object.keys(config.Volumes ?? {}).map((path) => checkTarget(path, path));
  return [
    ...mounts,
    ...anonymous
      .filter((target) => !targets.has(target))
      .map((target) => ({ type: "volume" as const, target })),
  ];
}

/** `SOURCE:TARGET[:OPTIONS]`; a source that is no absolute path is a volume's name. */
function decodeBind(text: string): MountSpec {
  const [source = "", target, options, ...rest] = text.split(":");
  if (target === undefined && source !== "") return { type: "volume", target: checkTarget(source, text) };
  if (source === "" || target === undefined || rest.length > 0) throw badVolume(text);
  const at = checkTarget(target, text);
  const { readOnly, noCopy, propagation } = decodeBindOptions(options, text);
  if (source.startsWith("/")) {
    const path = posix.normalize(source);
    return defined({
      type: "bind" as const,
      source: path,
      target: at,
      readOnly,
      propagation,
      createSource: true,
    });
  }
  if (source.includes("/")) {
    throw fail(
      "invalid",
      "mount.invalid",
      `create ${source}: "${source}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
    );
  }
  return defined({ type: "volume" as const, name: source, target: at, readOnly, noCopy });
}

function decodeBindOptions(options: string | undefined, text: string) {
  let readOnly: true | undefined;
  let noCopy: true | undefined;
  let propagation: Propagation | undefined;
  for (const option of (options ?? "").split(",").filter((one) => one !== "")) {
    if (option === "ro") readOnly = true;
    else if (option === "nocopy") noCopy = true;
    else if (propagations.includes(option)) propagation = option as Propagation;
    else if (!harmlessOptions.includes(option)) throw badMode(option, text);
  }
  return { readOnly, noCopy, propagation };
}

function decodeMount(mount: MountBody): MountSpec {
  checkFields(mount, mountFields, "HostConfig.Mounts.");
  const target = checkTarget(mount.Target ?? "", mount.Target ?? "");
  const readOnly = whenTrue(mount.ReadOnly);
  switch (mount.Type) {
    case "bind":
      return decodeBindMount(mount, target, readOnly);
    case "volume":
      return decodeVolumeMount(mount, target, readOnly);
    case "tmpfs":
      return decodeTmpfsMount(mount, target, readOnly);
    case "image":
    case "npipe":
    case "cluster":
      throw fail("unimplemented", "mount.type", `mounts of type '${mount.Type}' are not supported`);
    default:
      throw badMount(`mount type unknown: "${mount.Type}"`);
  }
}

function decodeBindMount(mount: MountBody, target: string, readOnly: true | undefined): MountSpec {
  if (!isUnset(mount.VolumeOptions)) throw badMount("field VolumeOptions must not be specified");
  if (!isUnset(mount.TmpfsOptions)) throw badMount("field TmpfsOptions must not be specified");
  const source = mount.Source ?? "";
  if (source === "") throw badMount("field Source must not be empty");
  if (!source.startsWith("/")) throw badMount(`invalid mount path: '${source}' mount path must be absolute`);
  const options = mount.BindOptions ?? {};
  checkFields(options, bindOptionFields, "HostConfig.Mounts.BindOptions.");
  const propagation = filled(options.Propagation as string | undefined);
  if (propagation !== undefined && !propagations.includes(propagation)) {
    throw badMount(`invalid propagation mode: ${propagation}`);
  }
  return defined({
    type: "bind" as const,
    source: posix.normalize(source),
    target,
    readOnly,
    propagation: propagation as Propagation | undefined,
    nonRecursive: whenTrue(options.NonRecursive as boolean | undefined),
    createSource: whenTrue(options.CreateMountpoint as boolean | undefined),
  });
}

function decodeVolumeMount(mount: MountBody, target: string, readOnly: true | undefined): MountSpec {
  if (!isUnset(mount.BindOptions)) throw badMount("field BindOptions must not be specified");
  if (!isUnset(mount.TmpfsOptions)) throw badMount("field TmpfsOptions must not be specified");
  const options = mount.VolumeOptions;
  checkFields(options ?? {}, volumeOptionFields, "HostConfig.Mounts.VolumeOptions.");
  const driver = options?.DriverConfig?.Name ?? "";
  if (driver !== "" && driver !== "local") {
    throw fail("unimplemented", "mount.driver", `volume driver '${driver}' is not supported`);
  }
  return defined({
    type: "volume" as const,
    name: filled(mount.Source),
    target,
    readOnly,
    noCopy: whenTrue(options?.NoCopy),
    subpath: filled(options?.Subpath),
    driverOptions: filled(options?.DriverConfig?.Options),
    labels: filled(options?.Labels),
  });
}

function decodeTmpfsMount(mount: MountBody, target: string, readOnly: true | undefined): MountSpec {
  if (filled(mount.Source) !== undefined) throw badMount("field Source must not be specified");
  if (!isUnset(mount.BindOptions)) throw badMount("field BindOptions must not be specified");
  if (!isUnset(mount.VolumeOptions)) throw badMount("field VolumeOptions must not be specified");
  const options = (mount.TmpfsOptions?.Options ?? []).map((pair) => pair.join("="));
  return defined({
    type: "tmpfs" as const,
    target,
    size: nonZero(mount.TmpfsOptions?.SizeBytes),
    mode: nonZero(mount.TmpfsOptions?.Mode),
    options: filled(readOnly ? [...options, "ro"] : options),
  });
}

function decodeTmpfs([path, options]: [string, string]): MountSpec {
  const target = checkTarget(path, path);
  return defined({ type: "tmpfs" as const, target, options: filled(options.split(",").filter(Boolean)) });
}

function checkTarget(target: string, text: string): string {
  if (target === "") throw badMount("field Target must not be empty");
  if (!target.startsWith("/")) {
    throw badMount(`invalid mount path: '${target}' mount path must be absolute`);
  }
  const path = posix.normalize(target);
  if (path === "/") {
    throw fail(
      "invalid",
      "mount.invalid",
      `invalid volume specification: '${text}': invalid mount config for type "volume": invalid specification: destination can't be '/'`,
    );
  }
  return path.replace(/\/$/, "");
}

function badMount(why: string): Error {
  return fail("invalid", "mount.invalid", `invalid mount config: ${why}`);
}

function badVolume(text: string): Error {
  return fail("invalid", "mount.invalid", `invalid volume specification: '${text}'`);
}

function badMode(option: string, text: string): Error {
  return fail("invalid", "mount.invalid", `invalid volume specification: '${text}': invalid mode: ${option}`);
}

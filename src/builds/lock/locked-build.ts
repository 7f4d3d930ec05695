import { fail } from "../../base/index.ts";
import type { DiffId } from "../../layers/index.ts";
import { systemTypes, type Inventories, type Package } from "../../inventory/index.ts";
import type { Material } from "../attestations/materials.ts";
import type { LockedStep, LockFile } from "./lock-file.ts";

/** The packages of distributions that a step's layer has and what lies below it has not, or in another version. */
export async function installedBy(
  inventories: Inventories,
  { below, layer }: { readonly below: readonly DiffId[]; readonly layer: DiffId | undefined },
  signal?: AbortSignal,
): Promise<LockedStep["packages"]> {
  if (layer === undefined) return {};
  const now = (await inventories.ofLayer(layer, signal)).findings.flatMap((one) => one.packages);
  const system = now.filter((one) => systemTypes.has(one.type));
  if (system.length === 0) return {};
  const before = new Set((await inventories.ofLayers(below, signal)).packages.map(keyOf));
  const packages: Record<string, Record<string, string>> = {};
  for (const one of system.filter((found) => !before.has(keyOf(found)))) {
    const versions = (packages[one.type] ??= {});
    const name = one.name in versions ? `${one.name}:${one.architecture ?? ""}` : one.name;
    versions[name] = one.version;
  }
  for (const [type, versions] of Object.entries(packages)) packages[type] = sorted(versions);
  return packages;
}

/** The first package that is another one than the lock says, in words. */
export function packageDifference(
  wanted: LockedStep["packages"],
  got: LockedStep["packages"],
): string | undefined {
  for (const type of [...new Set([...Object.keys(wanted), ...Object.keys(got)])].toSorted()) {
    const [old, now] = [wanted[type] ?? {}, got[type] ?? {}];
    for (const name of [...new Set([...Object.keys(old), ...Object.keys(now)])].toSorted()) {
      if (old[name] === now[name]) continue;
      if (now[name] === undefined) return `${type} package ${name} ${old[name]} is not installed`;
      if (old[name] === undefined) return `${type} package ${name} ${now[name]} is installed, which the lock does not know`; // prettier-ignore
      return `${type} package ${name} is ${now[name]}, and the lock says ${old[name]}`;
    }
  }
  return undefined;
}

/** Throws `conflict` / `build.lock-differs` when something from outside is not what the lock says. */
export function checkMaterial(lock: LockFile, material: Material): void {
  if (material.kind === "image") {
    const { reference, platform, image, digest } = material;
    const known = lock.images.find((one) => one.reference === reference && one.platform === platform);
    if (!known) throw differs(`the image ${reference} for ${platform} is not in the lock`);
    if (known.image === image) return;
    throw differs(`the image ${reference} is ${digest}, and the lock says ${known.digest}`);
  }
  if (material.kind === "git") {
    const known = lock.repositories.find((one) => one.url === material.url);
    if (known?.commit === material.commit) return;
    throw differs(
      known
        ? `${material.url} is at commit ${material.commit}, and the lock says ${known.commit}`
        : `the repository ${material.url} is not in the lock`,
    );
  }
  const known = lock.downloads.find((one) => one.url === material.url);
  if (known?.checksum === material.checksum) return;
  throw differs(
    known
      ? `${material.url} has the checksum ${material.checksum}, and the lock says ${known.checksum}`
      : `the download ${material.url} is not in the lock`,
  );
}

export function differs(what: string) {
  return fail("conflict", "build.lock-differs", what, {
    hint: "when that is right: virga build --lock FOLDER writes the lock file again",
  });
}

/** apt_preferences(5): the versions of the lock, as long as a mirror has them. */
export function aptPreferences(packages: LockedStep["packages"]): string | undefined {
  const versions = Object.entries(packages["deb"] ?? {});
  if (versions.length === 0) return undefined;
  return versions
    .map(([name, version]) => `Package: ${name}\nPin: version ${version}\nPin-Priority: 1001\n`)
    .join("\n");
}

function keyOf({ type, name, version, architecture = "" }: Package): string {
  return [type, name, version, architecture].join("\0");
}

function sorted(versions: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(versions).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

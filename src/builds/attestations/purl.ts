import { PackageURL } from "packageurl-js";
import type { Distribution, Package } from "../../inventory/index.ts";

/** The package URL (purl-spec) of a package in an image of `distribution`. */
export function purlOf(one: Package, distribution: Distribution | undefined): string {
  const { type, name, version, architecture, source, sourceVersion } = one;
  const upstream = sourceVersion === undefined ? source : `${source}@${sourceVersion}`;
  if (type === "deb" || type === "apk" || type === "rpm") {
    const epoch = type === "rpm" ? /^(\d+):/.exec(version)?.[1] : undefined;
    const plain = epoch === undefined ? version : version.slice(epoch.length + 1);
    const qualifiers = {
      ...(architecture === undefined ? {} : { arch: architecture }),
      ...(distribution === undefined ? {} : { distro: distroOf(distribution) }),
      ...(epoch === undefined ? {} : { epoch }),
      ...(upstream === undefined ? {} : { upstream }),
    };
    return new PackageURL(type, distribution?.id, name, plain, qualifiers, undefined).toString();
  }
  const slash = name.lastIndexOf("/");
  const parted = slash > 0 && (type === "npm" || type === "golang");
  const [namespace, last] = parted ? [name.slice(0, slash), name.slice(slash + 1)] : [undefined, name];
  return new PackageURL(type, namespace, last, version, undefined, undefined).toString();
}

/** The package URL of an image by its name, as BuildKit's provenance has it. */
export function imagePurl(reference: string, platform: string): string {
  const [, path = reference, tag] = /^(.*?)(?::([^:/@]+))?(?:@.*)?$/.exec(reference) ?? [];
  const slash = path.lastIndexOf("/");
  const [namespace, name] = slash < 0 ? [undefined, path] : [path.slice(0, slash), path.slice(slash + 1)];
  return new PackageURL("docker", namespace, name, tag, { platform }, undefined).toString();
}

function distroOf({ id, version }: Distribution): string {
  return version === undefined ? id : `${id}-${version}`;
}

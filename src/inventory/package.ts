/** A piece of software that is in a file tree, as the data of its package manager or of its own binary tell. */
export interface Package {
  readonly type: PackageType;
  readonly name: string;
  /** As the package manager writes it: `1:2.3-4` for deb and rpm. */
  readonly version: string;
  readonly architecture?: string;
  /** The source package that it was built from, where it has another name. */
  readonly source?: string;
  /** Of the source package, where it is another one than the package's. */
  readonly sourceVersion?: string;
  /** As it is declared; often, and not always, an SPDX expression. */
  readonly license?: string;
}

export const packageTypes = ["deb", "apk", "rpm", "npm", "pypi", "golang", "cargo"] as const;
export type PackageType = (typeof packageTypes)[number];

/** Types whose packages a distribution makes, and installs with one program. */
export const systemTypes: ReadonlySet<PackageType> = new Set(["deb", "apk", "rpm"]);

/** A file that says what is installed. */
export interface Finding {
  /** In the tree, without a slash at the beginning. */
  readonly path: string;
  readonly packages: readonly Package[];
  /** Why it could not be read. */
  readonly problem?: string;
}

/** os-release(5). */
export interface Distribution {
  /** `debian` */
  readonly id: string;
  /** `12` */
  readonly version?: string;
  readonly name?: string;
}

/** What one tree, such as a layer, has. */
export interface TreeInventory {
  readonly findings: readonly Finding[];
  readonly distribution?: Distribution;
}

export interface ImageInventory extends TreeInventory {
  /** Of all findings, without repetitions, by type, name and version. */
  readonly packages: readonly Package[];
}

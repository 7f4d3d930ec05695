import { lstatSync, readdirSync, readFileSync, type Dirent } from "node:fs";
import { join } from "node:path";
import { errnoOf, messageOf } from "../base/index.ts";
import { readBinary } from "./readers/binary.ts";
import { readCargoLock, readNpm, readPython } from "./readers/language.ts";
import { readBerkeley, readNdb } from "./readers/rpm-databases.ts";
import { readApk, readDpkg, readOsRelease, readRpm, rpmPackages } from "./readers/system.ts";
import type { Distribution, Finding, Package, TreeInventory } from "./package.ts";

/** So many files are looked at before others get their turn. */
const filesPerTurn = 200;
/** A description of a package is never this large. */
const largestText = 64 << 20;
/** No Go or Rust program is smaller. */
const smallestBinary = 64 << 10;

type Reader = (path: string) => Package[];

const text =
  (read: (text: string) => Package[]): Reader =>
  (path) =>
    read(readFileSync(path, "utf8"));

/** Files that are known by their whole path. */
const byPath: ReadonlyMap<string, Reader> = new Map([
  ["var/lib/dpkg/status", text(readDpkg)],
  ["lib/apk/db/installed", text(readApk)],
  ["usr/lib/apk/db/installed", text(readApk)],
  ...["var/lib/rpm", "usr/lib/sysimage/rpm"].flatMap((folder): [string, Reader][] => [
    [`${folder}/rpmdb.sqlite`, (path) => readRpm(readFileSync(path))],
    [`${folder}/Packages`, (path) => rpmPackages(readBerkeley(readFileSync(path)))],
    [`${folder}/Packages.db`, (path) => rpmPackages(readNdb(readFileSync(path)))],
  ]),
]);

/** Files that are known by the end of their path. */
const byPattern: readonly (readonly [RegExp, Reader])[] = [
  [/^var\/lib\/dpkg\/status\.d\/[^.]+$/, text(readDpkg)],
  [/(^|\/)node_modules\/(@[^/]+\/)?[^/]+\/package\.json$/, text(readNpm)],
  [/\.dist-info\/METADATA$|\.egg-info(\/PKG-INFO)?$/, text(readPython)],
  [/(^|\/)Cargo\.lock$/, text(readCargoLock)],
];

/** In the order in which they count. */
export const osReleaseFiles: readonly string[] = ["etc/os-release", "usr/lib/os-release"];

/** Looks for packages in all files below `root`; symlinks are not followed. */
export async function scanTree(root: string, signal?: AbortSignal): Promise<TreeInventory> {
  const findings: Finding[] = [];
  let seen = 0;
  const visit = async (folder: string): Promise<void> => {
    for (const entry of entriesOf(join(root, folder))) {
      if (++seen % filesPerTurn === 0) await new Promise((resolve) => setImmediate(resolve));
      signal?.throwIfAborted();
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) await visit(path);
      else if (entry.isFile()) findings.push(...look(root, path));
    }
  };
  await visit("");
  const distribution = distributionOf(root);
  return { findings, ...(distribution ? { distribution } : {}) };
}

function entriesOf(path: string): Dirent[] {
  try {
    const entries = readdirSync(path, { withFileTypes: true });
    return entries.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    // A name that is not UTF-8, or gone.
    if (errnoOf(error) === "ENOENT") return [];
    throw error;
  }
}

function look(root: string, path: string): Finding[] {
  const absolute = join(root, path);
  try {
    const known = byPath.get(path) ?? byPattern.find(([pattern]) => pattern.test(path))?.[1];
    const stat = lstatSync(absolute, { throwIfNoEntry: false });
    if (!stat) return [];
    const isProgram = (stat.mode & 0o111) !== 0 && stat.size >= smallestBinary;
    const reader = known ?? (isProgram ? readBinary : undefined);
    if (!reader || (known && stat.size > largestText)) return [];
    const packages = reader(absolute);
    // An empty database hides the one below it, so it is a finding; an ordinary file is none.
    return packages.length > 0 || byPath.has(path) ? [{ path, packages }] : [];
  } catch (error) {
    // A file with such a name that is something else, or a broken one.
    return [{ path, packages: [], problem: messageOf(error) }];
  }
}

function distributionOf(root: string): Distribution | undefined {
  for (const path of osReleaseFiles) {
    const absolute = join(root, path);
    if (!lstatSync(absolute, { throwIfNoEntry: false })?.isFile()) continue;
    const found = readOsRelease(readFileSync(absolute, "utf8"));
    if (found) return found;
  }
  return undefined;
}

import type { DiffId } from "../../layers/index.ts";
import type { Inventories } from "../../inventory/index.ts";
import type { Material } from "../attestations/materials.ts";
import type { BuildStep } from "../build-event.ts";
import { aptPreferences, checkMaterial, installedBy, packageDifference } from "./locked-build.ts";
import type { LockedStep, LockFile } from "./lock-file.ts";

/** What the steps of one build install, to be written into a lock file or compared with one. */
export interface Installs {
  /**
   * Looks at the layer of a RUN step, undefined for one that changed no file. Returns how it differs from the lock, in words,
   * and notes it otherwise.
   */
  look(step: BuildStep, below: readonly DiffId[], layer: DiffId | undefined): Promise<string | undefined>;
  /** The lock's image of that name; another one is no use. */
  image(reference: string, platform: string): LockFile["images"][number] | undefined;
  /** Throws `conflict` / `build.lock-differs`. */
  check(material: Material): void;
  /** apt_preferences(5) for a step. */
  preferences(step: BuildStep): string | undefined;
  lock(materials: readonly Material[]): LockFile;
}

export interface InstallsOptions {
  readonly locked: LockFile | undefined;
  /** Packages may be others than the lock says. */
  readonly anyPackages: boolean;
}

export function createInstalls(
  inventories: Inventories,
  { locked, anyPackages }: InstallsOptions,
  signal: AbortSignal,
): Installs {
  const noted = new Map<string, LockedStep>();
  const names = createNames();
  const lockedPackages = (step: BuildStep): LockedStep["packages"] | undefined => {
    if (!locked || anyPackages) return undefined;
    const [stage, name] = names(step);
    return locked.steps.find((one) => one.stage === stage && one.step === name)?.packages ?? {};
  };
  return {
    async look(step, below, layer) {
      if (anyPackages) return undefined;
      const packages = await installedBy(inventories, { below, layer }, signal);
      const wanted = lockedPackages(step);
      const difference = wanted && packageDifference(wanted, packages);
      if (difference !== undefined) return difference;
      const [stage, name] = names(step);
      if (Object.keys(packages).length > 0) noted.set(step.id, { stage, step: name, packages });
      return undefined;
    },
    image: (reference, platform) =>
      locked?.images.find((one) => one.reference === reference && one.platform === platform),
    check(material) {
      if (locked) checkMaterial(locked, material);
    },
    preferences(step) {
      const wanted = lockedPackages(step);
      return wanted && aptPreferences(wanted);
    },
    lock: (materials) => ({
      version: 1,
      images: materials.flatMap((one) => {
        if (one.kind !== "image") return [];
        const { reference, platform, digest, image } = one;
        return [{ reference, platform, digest, image }];
      }),
      downloads: materials.flatMap((one) =>
        one.kind === "download" ? [{ url: one.url, checksum: one.checksum }] : [],
      ),
      repositories: materials.flatMap((one) =>
        one.kind === "git" ? [{ url: one.url, commit: one.commit }] : [],
      ),
      steps: [...noted.values()].toSorted((a, b) =>
        `${a.stage}\0${a.step}` < `${b.stage}\0${b.step}` ? -1 : 1,
      ),
    }),
  };
}

/** The stage of a step and its text, which is numbered where it stands several times: lines may move. */
function createNames(): (step: BuildStep) => readonly [string, string] {
  const known = new Map<string, readonly [string, string]>();
  const counts = new Map<string, number>();
  return ({ id, stage = "", text }) => {
    const found = known.get(id);
    if (found) return found;
    const key = JSON.stringify([stage, text]);
    const count = (counts.get(key) ?? 0) + 1;
    counts.set(key, count);
    const name = [stage, count === 1 ? text : `${text} (${count})`] as const;
    known.set(id, name);
    return name;
  };
}

import { readFileSync } from "node:fs";
import type { Reference } from "../reference.ts";

export type Distribution = "debian" | "ubuntu";

/** A release of a distribution. */
export interface Release {
  readonly distribution: Distribution;
  readonly codename: string;
  /** `12`, `24.04`; none for Debian's unstable. */
  readonly version?: string;
  /** The day it came out, `YYYY-MM-DD`; none while it is being made. */
  readonly released?: string;
  /** Ubuntu's long term support. */
  readonly lts?: boolean;
}

/** What is known without the package distro-info-data; that package's newer knowledge goes first. */
const built: readonly Release[] = [
  { distribution: "debian", codename: "bullseye", version: "11", released: "2021-08-14" },
  { distribution: "debian", codename: "bookworm", version: "12", released: "2023-06-10" },
  { distribution: "debian", codename: "trixie", version: "13", released: "2025-08-09" },
  { distribution: "debian", codename: "forky", version: "14" },
  { distribution: "debian", codename: "sid" },
  { distribution: "ubuntu", codename: "focal", version: "20.04", released: "2020-04-23", lts: true },
  { distribution: "ubuntu", codename: "jammy", version: "22.04", released: "2022-04-21", lts: true },
  { distribution: "ubuntu", codename: "noble", version: "24.04", released: "2024-04-25", lts: true },
  { distribution: "ubuntu", codename: "plucky", version: "25.04", released: "2025-04-17" },
  { distribution: "ubuntu", codename: "questing", version: "25.10", released: "2025-10-09" },
];

/**
 * The releases known on this machine. `directory` holds distro-info-data's `debian.csv` and `ubuntu.csv`
 * (/usr/share/distro-info); a missing file is not an error. Debian before 11 and Ubuntu before 20.04 are left out:
 * their archives have moved and their keys have expired.
 */
export function readReleases(directory: string): Release[] {
  const distributions: Distribution[] = ["debian", "ubuntu"];
  const read = distributions.flatMap((distribution) => {
    try {
      return parseDistroInfo(distribution, readFileSync(`${directory}/${distribution}.csv`, "utf8"));
    } catch {
      return [];
    }
  });
  const known = new Map(built.map((release) => [release.codename, release]));
  for (const release of read) known.set(release.codename, release);
  return [...known.values()];
}

/** Lines of `version,codename,series,created,release,…`, with a header line. */
export function parseDistroInfo(distribution: Distribution, csv: string): Release[] {
  const oldest = distribution === "debian" ? 11 : 20;
  return csv
    .split("\n")
    .slice(1)
    .flatMap((line): Release[] => {
      const [version = "", , series = "", , released = ""] = line.trim().split(",");
      const number = version.replace(/ LTS$/, "");
      if (!/^[a-z]+$/.test(series) || series === "experimental") return [];
      if (number !== "" && Number.parseInt(number, 10) < oldest) return [];
      return [
        {
          distribution,
          codename: series,
          ...(number === "" ? {} : { version: number }),
          ...(released === "" ? {} : { released }),
          ...(version.endsWith(" LTS") ? { lts: true } : {}),
        },
      ];
    });
}

/** What a tag of an official image asks for. */
export interface Wanted {
  readonly release: Release;
  readonly slim: boolean;
}

/** Which distribution's official image a reference means, whatever the tag: `debian` and `ubuntu` on Docker Hub. */
export function distributionOf(reference: Reference): Distribution | undefined {
  if (reference.domain !== "docker.io") return undefined;
  if (reference.path === "library/debian") return "debian";
  return reference.path === "library/ubuntu" ? "ubuntu" : undefined;
}

/**
 * `latest`, a codename, a number, Debian's `stable` and the like, Ubuntu's `rolling` and `devel`; for Debian also with
 * `-slim`. Undefined for anything else: a dated tag or a point release can't be made from a mirror's present state.
 */
export function wantedRelease(
  distribution: Distribution,
  tag: string,
  releases: readonly Release[],
  today: string,
): Wanted | undefined {
  const slim = distribution === "debian" && tag.endsWith("-slim");
  const name = slim ? tag.slice(0, -"-slim".length) : tag;
  const mine = releases.filter((release) => release.distribution === distribution);
  const release =
    byAlias(distribution, name, mine, today) ??
    mine.find((one) => one.codename === name || one.version === name);
  return release && { release, slim };
}

function byAlias(
  distribution: Distribution,
  name: string,
  releases: readonly Release[],
  today: string,
): Release | undefined {
  const inOrder = releases
    .filter((one) => one.released !== undefined && one.released <= today)
    .toSorted((a, b) => b.released!.localeCompare(a.released!));
  const coming = releases
    .filter((one) => one.version !== undefined && (one.released === undefined || one.released > today))
    .toSorted((a, b) => Number(a.version) - Number(b.version));
  if (distribution === "ubuntu") {
    if (name === "latest") return inOrder.find((one) => one.lts);
    if (name === "rolling") return inOrder[0];
    return name === "devel" ? coming[0] : undefined;
  }
  if (name === "latest" || name === "stable") return inOrder[0];
  if (name === "oldstable") return inOrder[1];
  if (name === "oldoldstable") return inOrder[2];
  if (name === "testing") return coming[0];
  return name === "unstable" ? releases.find((one) => one.codename === "sid") : undefined;
}

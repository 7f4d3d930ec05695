import { existsSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { fail, type Clock } from "../../base/index.ts";
import { run } from "../../host/index.ts";
import type { ImageProcess } from "../image.ts";
import { familiar, formatReference, type Reference } from "../reference.ts";
import type { FetchOptions, ImageSource } from "../source.ts";
import { hostPlatform } from "../formats.ts";
import { readAptSources } from "./apt-sources.ts";
import { bootstrap, sourceDateEpoch, type BootstrapPlan } from "./bootstrap.ts";
import { chooseMirrors, withoutCredentials, type Mirrors } from "./mirrors.ts";
import { distributionOf, readReleases, wantedRelease, type Release, type Wanted } from "./releases.ts";

export interface BaseImageDependencies {
  readonly clock: Clock;
  /** For work in progress; swept by `sweepBaseImages`. */
  readonly directory: string;
  /** The daemon's environment; proxies are taken from it. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The host's apt configuration; default /etc/apt. */
  readonly aptDirectory?: string;
}

const image: ImageProcess = {
  Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
  Cmd: ["bash"],
};

const distroInfo = "/usr/share/distro-info";

/**
 * Makes `debian:*` and `ubuntu:*` from the distribution's package mirror, as their official images are made: the
 * minimal package set with updates and security fixes. The mirror is the one that the host's apt uses.
 */
export function createBaseImages(dependencies: BaseImageDependencies): ImageSource {
  const lookUp = (reference: Reference): { wanted: Wanted; releases: Release[] } => {
    const distribution = distributionOf(reference)!;
    const releases = readReleases(distroInfo);
    const today = dependencies.clock.now().toISOString().slice(0, 10);
    const wanted = wantedRelease(distribution, reference.tag!, releases, today);
    if (wanted) return { wanted, releases };
    throw fail("not-found", "image.not-found", `No such image: ${familiar(formatReference(reference))}`, {
      hint: `Virga makes ${distribution}:latest and ${distribution}:RELEASE (a name like ${distribution === "debian" ? "bookworm" : "noble"} or a number), no dated tags`,
    });
  };
  let swept: Promise<void> | undefined;
  return {
    name: "distribution mirrors",
    canProvide: (reference, platform) =>
      reference.tag !== undefined &&
      reference.digest === undefined &&
      distributionOf(reference) !== undefined &&
      platform.os === "linux" &&
      platform.architecture === hostPlatform().architecture,
    async fetch(reference, options) {
      swept ??= sweepBaseImages(dependencies.directory);
      await swept.catch((error: unknown) => {
        swept = undefined;
        throw error;
      });
      const { wanted, releases } = lookUp(reference);
      const plan = await planFor(dependencies, wanted, releases, options.signal);
      return await make(dependencies, reference, plan, options);
    },
  };
}

/** Removes what a daemon that was killed left of its work; `fetch` does so before its first. */
export async function sweepBaseImages(directory: string): Promise<void> {
  const names = existsSync(directory) ? await readdir(directory) : [];
  for (const name of names.filter((one) => one.startsWith("bootstrap-"))) {
    await rm(join(directory, name), { recursive: true, force: true });
  }
}

async function planFor(
  { environment, aptDirectory = "/etc/apt" }: BaseImageDependencies,
  wanted: Wanted,
  releases: readonly Release[],
  signal: AbortSignal,
): Promise<BootstrapPlan> {
  if (Bun.which("mmdebstrap") === null) {
    throw fail("precondition", "image.no-mmdebstrap", "mmdebstrap is not installed", {
      hint: "apt-get install mmdebstrap",
    });
  }
  const architecture = debianArchitecture(hostPlatform().architecture);
  const mirrors = chooseMirrors(wanted.release, architecture, readAptSources(aptDirectory), releases);
  requireKeyring(wanted, mirrors);
  const settings = await run(["apt-config", "dump"], { signal });
  return {
    wanted,
    mirrors,
    architecture,
    ...aptSettings(settings.exitCode === 0 ? settings.stdout : "", aptDirectory),
    environment: proxies(environment),
  };
}

async function make(
  { directory }: BaseImageDependencies,
  reference: Reference,
  plan: BootstrapPlan,
  { report, signal, importRootfs, instead }: FetchOptions,
): ReturnType<ImageSource["fetch"]> {
  const why = instead ?? "no registry is asked";
  const name = familiar(formatReference(reference));
  const task = `image ${name}`;
  const { distribution, codename } = plan.wanted.release;
  const title = distribution === "debian" ? "Debian" : "Ubuntu";
  const mirror = withoutCredentials(plan.mirrors.archives[0]!.uri);
  report({
    task,
    message: `Making it from the ${title} mirror: ${why}`,
  });
  const created = new Date(sourceDateEpoch * 1000).toISOString();
  const made = await bootstrap(plan, directory, { report, task, signal }, (tar) =>
    importRootfs(tar, {
      reference: formatReference(reference),
      process: image,
      created,
      history: { created_by: `mmdebstrap --variant=minbase ${codename} ${mirror}`, comment: "virga" },
      signal,
    }),
  );
  const message = `Made from the ${title} mirror ${mirror} by mmdebstrap: ${why}`;
  report({ task, message, outcome: "done" });
  return { image: made, digest: made.manifest.digest };
}

function requireKeyring({ release }: Wanted, { keyring, keyringPackage }: Mirrors): void {
  if (existsSync(keyring)) return;
  throw fail(
    "unavailable",
    "image.no-keyring",
    `${release.codename} can't be made here: ${keyring}, which its packages are checked with, is missing`,
    { hint: `apt-get install ${keyringPackage}, or load the image: virga load FILE` },
  );
}

/** Settings for reaching the mirror stay on the host; whether its dates mean anything is also for the image to know. */
export function aptSettings(
  dump: string,
  aptDirectory: string,
): Pick<BootstrapPlan, "hostSettings" | "mirrorSettings"> {
  const lines = dump.split("\n").filter((line) => /^[A-Za-z0-9:_./-]+ ".*";$/.test(line));
  return {
    hostSettings: [
      ...lines.filter((line) => /^Acquire::(https?|Retries|ForceIPv[46])(::| )/i.test(line)),
      `Dir::Etc::netrc "${aptDirectory}/auth.conf";`,
      `Dir::Etc::netrcparts "${aptDirectory}/auth.conf.d";`,
    ],
    mirrorSettings: lines.filter((line) => /^Acquire::Check-(Valid-Until|Date) "(false|no|0)";$/i.test(line)),
  };
}

function proxies(environment: BaseImageDependencies["environment"]): Record<string, string> {
  const names = ["http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy"];
  const all = names.flatMap((name) => [name, name.toUpperCase()]);
  return Object.fromEntries(all.flatMap((name) => (environment[name] ? [[name, environment[name]]] : [])));
}

function debianArchitecture(architecture: string): string {
  const names: Record<string, string> = { "386": "i386", arm: "armhf", ppc64le: "ppc64el", ppc64: "ppc64el" };
  return names[architecture] ?? architecture;
}

import type { AptSource } from "./apt-sources.ts";
import type { Distribution, Release } from "./releases.ts";

/** A line of apt sources: one archive with the suites taken from it. */
export interface Archive {
  readonly uri: string;
  readonly suites: readonly string[];
}

/** Where a release's packages come from. */
export interface Mirrors {
  readonly archives: readonly Archive[];
  readonly components: readonly string[];
  /** On the host and, once its package is installed, in the image. */
  readonly keyring: string;
  readonly keyringPackage: string;
}

interface Facts {
  readonly archive: string;
  readonly security: string;
  readonly hosts: RegExp;
  /** The last part of an archive's path. */
  readonly path: string;
  readonly keyring: string;
  readonly keyringPackage: string;
  readonly components: readonly string[];
}

const facts: Record<Distribution, Facts> = {
  debian: {
    archive: "http://deb.debian.org/debian",
    security: "http://deb.debian.org/debian-security",
    hosts: /(^|\.)debian\.org$/,
    path: "debian",
    keyring: "/usr/share/keyrings/debian-archive-keyring.gpg",
    keyringPackage: "debian-archive-keyring",
    components: ["main"],
  },
  ubuntu: {
    archive: "http://archive.ubuntu.com/ubuntu",
    security: "http://security.ubuntu.com/ubuntu",
    hosts: /(^|\.)ubuntu\.com$/,
    path: "ubuntu",
    keyring: "/usr/share/keyrings/ubuntu-archive-keyring.gpg",
    keyringPackage: "ubuntu-keyring",
    components: ["main", "universe", "restricted", "multiverse"],
  },
};

/** Ubuntu's archive for other processors than amd64 and i386. */
const portsArchive = "http://ports.ubuntu.com/ubuntu-ports";

/**
 * Takes the mirror that the host itself uses for the distribution, whatever release that entry is for, and else the
 * public one. An entry counts as the distribution's when its host is, or when it is signed by the distribution's keyring or by no
 * special key and its path ends as an archive's does: a vendor's own repository never counts.
 */
export function chooseMirrors(
  release: Release,
  architecture: string,
  host: readonly AptSource[],
  known: readonly Release[],
): Mirrors {
  const fact = facts[release.distribution];
  const mine = host.filter((source) => isOfDistribution(source, release.distribution, known));
  const uriFor = (security: boolean) =>
    mine.find((source) => source.suites.some((suite) => isSecurity(suite)) === security)?.uris[0];
  const ports = release.distribution === "ubuntu" && !["amd64", "i386"].includes(architecture);
  const archive = trimmed(uriFor(false) ?? (ports ? portsArchive : fact.archive));
  const security = trimmed(uriFor(true) ?? (ports ? archive : fact.security));
  const { codename } = release;
  const rolling = release.distribution === "debian" && release.version === undefined;
  const archives: Archive[] = rolling
    ? [{ uri: archive, suites: [codename] }]
    : [
        { uri: archive, suites: [codename, `${codename}-updates`] },
        { uri: security, suites: [`${codename}-security`] },
      ];
  const { components, keyring, keyringPackage } = fact;
  return { archives, components, keyring, keyringPackage };
}

/** The URI without a user and a password: those stay on the host. */
export function withoutCredentials(uri: string): string {
  return uri.replace(/^([a-z+]+:\/\/)[^/@]*@/, "$1");
}

function isOfDistribution(source: AptSource, distribution: Distribution, known: readonly Release[]): boolean {
  const fact = facts[distribution];
  const uri = source.uris[0];
  if (uri === undefined || !source.components.includes("main")) return false;
  const names = known.filter((one) => one.distribution === distribution).map((one) => one.codename);
  const generic = distribution === "debian" ? ["stable", "oldstable", "testing", "unstable"] : ["devel"];
  const suites = new Set([...names, ...generic]);
  if (!source.suites.some((suite) => suites.has(suite.replace(/-(updates|security)$/, "")))) return false;
  // Schemes such as file: and cdrom: lead to nothing that a container reaches.
  const match = /^https?:\/\/(?:[^/@]*@)?([^/:]+)(?::\d+)?(\/.*)?$/.exec(uri);
  if (!match) return false;
  const [, host, path = ""] = match;
  if (fact.hosts.test(host!)) return true;
  const signed = source.signedBy;
  if (signed !== undefined) return signed.split(/\s+/).includes(fact.keyring);
  return new RegExp(`/${fact.path}(-security|-ports)?/?$`).test(path);
}

function isSecurity(suite: string): boolean {
  return suite.endsWith("-security") || suite.endsWith("/updates");
}

function trimmed(uri: string): string {
  return uri.replace(/\/+$/, "");
}

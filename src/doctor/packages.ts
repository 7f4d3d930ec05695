import { existsSync } from "node:fs";
import { fail } from "../base/index.ts";
import { run } from "../host/index.ts";

/** A Debian package that Virga needs, how to see that it is there, and what it is for. */
export interface RequiredPackage {
  readonly name: string;
  /** One of these (a program in PATH, or an absolute path) shows that it is installed. */
  readonly programs: readonly string[];
  readonly purpose: string;
}

export const requiredPackages: readonly RequiredPackage[] = [
  { name: "crun", programs: ["crun"], purpose: "starts containers (the OCI runtime)" },
  {
    name: "conmon",
    programs: ["conmon"],
    purpose: "keeps a container's output and exit code while the daemon is down",
  },
  { name: "catatonit", programs: ["catatonit"], purpose: "the init process of containers that ask for one" },
  { name: "iproute2", programs: ["ip"], purpose: "makes network interfaces" },
  { name: "nftables", programs: ["nft"], purpose: "publishes ports and keeps networks apart" },
  {
    name: "conntrack",
    programs: ["conntrack"],
    purpose: "leads datagrams to a container that was given their port just now",
  },
  {
    name: "aardvark-dns",
    programs: ["/usr/lib/podman/aardvark-dns", "/usr/libexec/podman/aardvark-dns", "aardvark-dns"],
    purpose: "lets containers find each other by name",
  },
  {
    name: "mmdebstrap",
    programs: ["mmdebstrap"],
    purpose: "makes Debian and Ubuntu base images from a package mirror",
  },
  {
    name: "distro-info-data",
    programs: ["/usr/share/distro-info/debian.csv"],
    purpose: "knows the releases of Debian and Ubuntu",
  },
  { name: "procps", programs: ["ps"], purpose: "lists a container's processes" },
];

const searchPath = `${process.env["PATH"] ?? ""}:/usr/local/sbin:/usr/sbin:/sbin`;

export function findProgram(names: readonly string[]): string | undefined {
  for (const name of names) {
    if (!name.startsWith("/")) {
      const found = Bun.which(name, { PATH: searchPath });
      if (found) return found;
    } else if (existsSync(name)) return name;
  }
  return undefined;
}

export function missingPackages(): RequiredPackage[] {
  return requiredPackages.filter((one) => findProgram(one.programs) === undefined);
}

/**
 * A shell script that installs the packages named in its arguments without letting apt start a service: Debian's own
 * hook for that (policy-rc.d, see invoke-rc.d(8)) is in place while it runs. An administrator's hook is left alone.
 */
const installScript = `
set -u
policy=/usr/sbin/policy-rc.d
mark='# made by virga while it installs packages'
if ! [ -e "$policy" ] || grep -qsF "$mark" "$policy"; then
  printf '#!/bin/sh\\n%s\\nexit 101\\n' "$mark" >"$policy" && chmod 755 "$policy"
  trap 'rm -f "$policy"' EXIT
  trap 'exit 130' INT TERM HUP
fi
export DEBIAN_FRONTEND=noninteractive
apt-get install -y -qq --no-install-recommends "$@" && exit 0
apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@"
`;

/** Installs Debian packages; throws `permission`, `precondition` (no apt) or `unavailable` with apt's last words. */
export async function installPackages(names: readonly string[], signal?: AbortSignal): Promise<void> {
  const command = `apt-get install ${names.join(" ")}`;
  if (process.getuid?.() !== 0) {
    throw fail("permission", "doctor.not-root", "installing packages needs root", {
      hint: `sudo ${command}`,
    });
  }
  if (!Bun.which("apt-get")) {
    throw fail("precondition", "doctor.no-apt", `this system has no apt; missing: ${names.join(", ")}`, {
      hint: "install these programs with your distribution's package manager",
    });
  }
  const result = await run(["sh", "-c", installScript, "sh", ...names], signal ? { signal } : {});
  if (result.exitCode === 0) return;
  const words = (result.stderr + result.stdout).trim().split("\n").slice(-5).join("\n");
  throw fail("unavailable", "doctor.install-failed", `apt could not install ${names.join(", ")}:\n${words}`, {
    hint: `${command}, and see what it says`,
  });
}

import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { errnoOf, type Clock } from "../base/index.ts";
import { listInterfaces, listRoutes, lockFile, type DaemonIdentity } from "../host/index.ts";
import { parseCidr, type Cidr } from "./address.ts";

/** What a new network must not overlap, by who has it. */
export type Taken = ReadonlyMap<string, Cidr>;

/**
 * Keeps daemons on one machine from choosing the same addresses. A network that no container uses has no interface, so each
 * daemon writes down what it has; a claim counts as long as the daemon's root exists.
 *
 * ```text
 * DIRECTORY/
 *   lock                      held (flock) while a daemon chooses
 *   TAG                       a daemon's root, then its subnets, a line each
 * ```
 */
export interface Pools {
  /**
   * Runs `choose` while no other daemon can; it gets what is taken on the host and by other daemons. `all` also has the
   * routes that lead elsewhere, which a subnet chosen by us must avoid; one that a user asks for need not.
   */
  choose<T>(choose: (taken: { readonly connected: Taken; readonly all: Taken }) => T): Promise<T>;
  /** Writes down this daemon's subnets; call it inside `choose` or when subnets went. */
  claim(subnets: readonly string[]): void;
  /** Takes the claim back. */
  forget(): void;
}

export function createPools(identity: DaemonIdentity, directory: string, clock: Clock): Pools {
  const claimFile = join(directory, identity.tag);
  return {
    async choose(choose) {
      using _lock = await lockFile(join(directory, "lock"), clock);
      const [interfaces, routes] = await Promise.all([listInterfaces(), listRoutes()]);
      const own = (name: string | undefined) => name?.startsWith(identity.interfacePrefix) ?? false;
      const connected = new Map(otherClaims(directory, identity));
      for (const one of interfaces.filter(({ name }) => !own(name))) {
        one.addresses.forEach((text) => connected.set(`address ${text} of ${one.name}`, parseCidr(text)!));
      }
      const all = new Map(connected);
      for (const route of routes.filter(({ device }) => !own(device))) {
        const cidr = parseCidr(route.destination);
        if (!cidr) continue;
        const owner = `route to ${route.destination} on ${route.device ?? "?"}`;
        all.set(owner, cidr);
        if (route.connected) connected.set(owner, cidr);
      }
      return choose({ connected, all });
    },
    claim(subnets) {
      mkdirSync(directory, { recursive: true });
      writeFileSync(claimFile, `${[identity.root, ...subnets].join("\n")}\n`);
    },
    forget: () => rmSync(claimFile, { force: true }),
  };
}

function otherClaims(directory: string, identity: DaemonIdentity): [string, Cidr][] {
  const files = readdirSync(directory).filter((name) => name !== "lock" && name !== identity.tag);
  return files.flatMap((name) => {
    const [root = "", ...subnets] = readLines(join(directory, name));
    if (!existsSync(root)) {
      rmSync(join(directory, name), { force: true });
      return [];
    }
    return subnets.flatMap((text) => {
      const cidr = parseCidr(text);
      return cidr ? [[`${text} of the daemon in ${root}`, cidr] as [string, Cidr]] : [];
    });
  });
}

function readLines(path: string): string[] {
  try {
    return readFileSync(path, "utf8").split("\n").filter(Boolean);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw error;
  }
}

import { KeyedLock, type Clock, type Logger } from "../base/index.ts";
import { refuse } from "./errors.ts";

/** Slows down who guesses passwords: after some wrong ones the next may be tried only after a while, and a longer one each time. */
export interface Attempts {
  /**
   * Runs `check` (whether the password is right), one at a time for each address and user, and counts what it says.
   * Throws `permission` / `registry.too-many-attempts` without asking it while nothing may be tried.
   */
  guard(address: string, user: string, check: () => Promise<boolean>): Promise<boolean>;
}

/** Wrong passwords that are nothing special: for one user from one address, and for all users from one. */
const free = { user: 5, address: 50 };
const firstPauseMs = 2_000;
const longestPauseMs = 15 * 60_000;
/** After so long without a wrong password all is forgotten. */
const memoryMs = 60 * 60_000;
/** Who fills this table is held up by the limit of the address. */
const mostEntries = 10_000;

interface Entry {
  failures: number;
  until: number;
  last: number;
}

export function createAttempts(clock: Clock, logger: Logger): Attempts {
  const entries = new Map<string, Entry>();
  const turns = new KeyedLock();
  const now = () => clock.now().getTime();

  const refuseBlocked = (keys: readonly string[]) => {
    const until = Math.max(...keys.map((key) => entries.get(key)?.until ?? 0));
    if (until > now()) throw tooMany(Math.ceil((until - now()) / 1000));
  };
  const fail = (key: string, allowed: number) => {
    const known = entries.get(key);
    const failures = known && now() - known.last < memoryMs ? known.failures + 1 : 1;
    const over = failures - allowed;
    const pause = over < 0 ? 0 : Math.min(firstPauseMs * 2 ** Math.min(over, 20), longestPauseMs);
    entries.delete(key); // the newest is the last
    entries.set(key, { failures, until: now() + pause, last: now() });
    const [oldest] = entries.keys();
    if (entries.size > mostEntries && oldest !== undefined) entries.delete(oldest);
    if (over === 0) logger.warn("passwords of the registry are being guessed", { key });
  };

  return {
    async guard(address, user, check) {
      const from = networkOf(address);
      const key = `${user} from ${from}`;
      // A proxy on this machine stands for everybody.
      const shared = isLoopback(from) ? [] : [from];
      using _turn = await turns.acquire(key);
      refuseBlocked([key, ...shared]);
      if (await check()) {
        entries.delete(key);
        return true;
      }
      fail(key, free.user);
      for (const one of shared) fail(one, free.address);
      return false;
    },
  };
}

/** Who has one address of IPv6 has 2^64. */
function networkOf(address: string): string {
  const mapped = /^::ffff:([\d.]+)$/i.exec(address)?.[1];
  if (mapped !== undefined || !address.includes(":")) return mapped ?? address;
  const [head = "", tail] = address.split("::");
  const groups = head === "" ? [] : head.split(":");
  const rest = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = Array.from({ length: Math.max(0, 8 - groups.length - rest.length) }, () => "0");
  const all = tail === undefined ? groups : [...groups, ...zeros, ...rest];
  return all.length === 8 && all.slice(0, 7).every((one) => one === "0") ? "::1" : all.slice(0, 4).join(":");
}

function isLoopback(network: string): boolean {
  return network === "" || network === "::1" || network.startsWith("127.");
}

function tooMany(seconds: number): Error {
  return refuse("permission", "registry.too-many-attempts", "too many wrong passwords", {
    detail: { retryAfter: seconds },
    hint: `try again in ${seconds} s`,
  });
}

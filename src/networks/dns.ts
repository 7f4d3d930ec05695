import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { errnoOf, fail, newId, type Clock, type Logger } from "../base/index.ts";
import { holdPort, readProcess, run, signalProcess } from "../host/index.ts";
import { coalesce } from "./coalesce.ts";
import { listensOn, zoneFile, type Zone } from "./dns-config.ts";

/**
 * Name resolution on user networks, by aardvark-dns.
 *
 * The server reads its files once, and answers nothing for some milliseconds while it reads them again; a query that comes
 * then is lost, and the program that sent it waits for seconds or gives up. So each change starts a new server on a
 * port of its own, the packet filter sends queries for port 53 there once it listens, and the old one is ended when
 * the queries that it passed on to other servers must have been answered. It also means that a DNS server on the host that took
 * port 53 of every address is not in the way.
 *
 * ```text
 * DIRECTORY/
 *   SERVER/                   one running server; a random name
 *     NETWORK                 a zone, see `zoneFile`
 *     aardvark.pid
 * ```
 */
export interface NameServer {
  /** Serves these zones; none stops the server. Returns when queries reach a server that knows them. */
  serve(zones: readonly Zone[]): Promise<void>;
  /** Whether queries on that network reach a server, if one with names of a moment ago. */
  answers(networkId: string): boolean;
  /** The same as `serve` a little later, in the background: names that went need not go at once, and then go together. */
  serveSoon(zones: () => readonly Zone[]): void;
  /** Ends every server of this directory, also those of an earlier daemon; with `keep` all but the current one. */
  stop(options: { readonly keep: boolean }): Promise<void>;
}

export interface NameServerDependencies {
  readonly directory: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Path of aardvark-dns; found among the usual places when absent. */
  readonly program?: string | undefined;
  /** Sends queries to that port of the bridges' addresses. */
  readonly redirect: (port: number | undefined) => Promise<void>;
}

const places = ["/usr/lib/podman/aardvark-dns", "/usr/libexec/podman/aardvark-dns"];
/** aardvark-dns gives a server outside five seconds. */
const drainMs = 5000;
const drainingServers = 4;
const soonMs = 100;
const startMs = 1500;

export function createNameServer(dependencies: NameServerDependencies): NameServer {
  const { directory, redirect, clock, logger } = dependencies;
  const draining = createDraining(dependencies);
  let current: string | undefined;
  let wanted: readonly Zone[] = [];
  let served = "";
  let answered: ReadonlySet<string> = new Set();
  const stopped = new AbortController();
  const start = async () => {
    const server = findServer(directory, wanted) ?? (await startServer(dependencies, wanted));
    try {
      await redirect(server.port);
    } catch (error) {
      endServer(directory, server.name);
      throw error;
    }
    return server.name;
  };
  const changes = coalesce(async () => {
    const zones = JSON.stringify(wanted);
    const answering = wanted.map(({ networkId }) => networkId);
    if (zones === served && current !== undefined && serverProcess(join(directory, current))) return;
    // Those of the daemon before this one still get queries: the kernel's table is theirs until it is replaced.
    const previous = current === undefined ? serversIn(directory) : [current];
    answered = answered.intersection(new Set(answering));
    if (wanted.length === 0) await redirect(undefined);
    current = wanted.length === 0 ? undefined : await start();
    served = zones;
    answered = new Set(answering);
    if (current !== undefined) for (const name of previous) if (name !== current) draining.add(name);
    endServersBut(directory, current === undefined ? [] : [...draining.all(), current]);
  });

  return {
    serve(zones) {
      wanted = zones;
      return changes.run();
    },
    answers: (networkId) => answered.has(networkId),
    serveSoon(zones) {
      clock.sleep(soonMs, stopped.signal).then(
        async () => {
          wanted = zones();
          await changes.run().catch((error: unknown) => logger.warn("names could not be removed", { error }));
        },
        () => {},
      );
    },
    async stop({ keep }) {
      stopped.abort();
      await changes.idle();
      draining.stop();
      if (!keep) current = undefined;
      endServersBut(directory, current === undefined ? [] : [current]);
    },
  };
}

/** Servers that get no new queries any more and are ended a little later; the oldest at once when there are many. */
function createDraining({ directory, clock }: NameServerDependencies) {
  const servers: string[] = [];
  const stopped = new AbortController();
  const end = (name: string) => {
    const at = servers.indexOf(name);
    if (at < 0) return;
    servers.splice(at, 1);
    endServer(directory, name);
  };
  return {
    all: (): readonly string[] => servers,
    add(name: string): void {
      if (servers.includes(name)) return;
      servers.push(name);
      while (servers.length > drainingServers) end(servers[0]!);
      clock.sleep(drainMs, stopped.signal).then(
        () => end(name),
        () => {},
      );
    },
    stop(): void {
      stopped.abort();
      servers.length = 0;
    },
  };
}

async function startServer(
  { directory, clock, program }: NameServerDependencies,
  zones: readonly Zone[],
): Promise<{ name: string; port: number }> {
  const path = findProgram(program);
  const listen = zones.flatMap((zone) => zone.listen);
  for (let attempt = 1; ; attempt++) {
    const name = newId().slice(0, 12);
    const folder = join(directory, name);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (const zone of zones) {
      const file = zoneFile(zone);
      writeFileSync(join(folder, file.name), file.text, { mode: 0o600 });
    }
    const port = freePort();
    const { exitCode, stderr } = await run([path, "--config", folder, "--port", String(port), "run"], {
      cwd: "/",
    });
    if (exitCode === 0 && (await listening(folder, listen, port, clock))) return { name, port };
    endServer(directory, name);
    if (attempt < 3) continue;
    throw fail(
      "precondition",
      "network.dns-failed",
      `the DNS server does not listen on ${listen.join(", ")}`,
      {
        hint: `try it by hand: ${path} --config DIRECTORY --port ${port} run (it said: ${stderr.trim() || "nothing"})`,
      },
    );
  }
}

/**
 * A running server with just these zones: that of the daemon before this one, when no name has changed meanwhile. Taking it
 * up costs nothing, and works on a full disk too.
 */
function findServer(
  directory: string,
  zones: readonly Zone[],
): { readonly name: string; readonly port: number } | undefined {
  const files = zones.map(zoneFile);
  for (const name of serversIn(directory)) {
    const folder = join(directory, name);
    const server = serverProcess(folder);
    const others = readdirSync(folder).length - files.length;
    if (!server || others !== 1 || files.some((file) => readIfThere(join(folder, file.name)) !== file.text))
      continue;
    const table = readIfThere(`/proc/${server.pid}/net/udp`) ?? "";
    const command = readIfThere(`/proc/${server.pid}/cmdline`)?.split("\0") ?? [];
    const port = Number(command[command.indexOf("--port") + 1]);
    if (
      listensOn(
        table,
        zones.flatMap((zone) => zone.listen),
        port,
      )
    )
      return { name, port };
  }
  return undefined;
}

/** The server says that it is ready before it listens, so the kernel's table of sockets is asked. */
async function listening(folder: string, addresses: readonly string[], port: number, clock: Clock) {
  const process = serverProcess(folder);
  if (!process) return false;
  const until = clock.now().getTime() + startMs;
  while (clock.now().getTime() < until) {
    const table = readIfThere(`/proc/${process.pid}/net/udp`);
    if (table === undefined) return false;
    if (listensOn(table, addresses, port)) return true;
    await clock.sleep(1);
  }
  return false;
}

function freePort(): number {
  const hold = holdPort("udp", "0.0.0.0", 0);
  if (typeof hold === "string") throw fail("exhausted", "network.dns-port", `no free UDP port (${hold})`);
  using held = hold;
  return held.port;
}

function endServersBut(directory: string, kept: readonly string[]): void {
  for (const name of serversIn(directory)) if (!kept.includes(name)) endServer(directory, name);
}

function serversIn(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory) : [];
}

function endServer(directory: string, name: string): void {
  const folder = join(directory, name);
  const process = serverProcess(folder);
  if (process) signalProcess(process, 15);
  rmSync(folder, { recursive: true, force: true });
}

/** The process that serves `folder`, and no other that has its pid now. */
function serverProcess(folder: string) {
  const pid = Number(readIfThere(join(folder, "aardvark.pid")) ?? "0");
  if (!Number.isSafeInteger(pid) || pid <= 1) return undefined;
  const command = readIfThere(`/proc/${pid}/cmdline`)?.split("\0") ?? [];
  return command.includes(folder) ? readProcess(pid) : undefined;
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (["ENOENT", "ESRCH"].includes(errnoOf(error) ?? "")) return undefined;
    throw error;
  }
}

function findProgram(program: string | undefined): string {
  const found = [program ?? places].flat().find((place) => existsSync(place));
  const path = found ?? (program === undefined ? Bun.which("aardvark-dns") : undefined);
  if (path) return path;
  throw fail("precondition", "network.dns-missing", "aardvark-dns is not installed", {
    hint: "install it: apt-get install aardvark-dns",
  });
}

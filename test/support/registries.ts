import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../src/host/index.ts";
import { eventually } from "./daemon.ts";

/** A TCP port of loopback that nobody listens at. */
export function freePort(): number {
  using server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  return server.port;
}

export interface Peer extends AsyncDisposable {
  /** `localhost:PORT` of a registry, `unix://…` of a daemon. */
  readonly address: string;
}

/** Debian's docker-registry, with a folder of its own; with `htpasswd` (a line of such a file) only for who logs in. */
export async function startDockerRegistry(
  options: {
    readonly htpasswd?: string;
    readonly http?: object;
    /** What the registry wants to see of its clients. */
    readonly client?: { readonly cert: string; readonly key: string };
  } = {},
): Promise<Peer> {
  const folder = mkdtempSync("/tmp/virga-peer-registry-");
  const port = freePort();
  const config = join(folder, "config.yml");
  const { htpasswd, http = {} } = options;
  const passwords = { htpasswd: { realm: "test", path: `${folder}/htpasswd` } };
  const settings = {
    version: 0.1,
    log: { level: "error" },
    storage: { filesystem: { rootdirectory: `${folder}/data` }, delete: { enabled: true } },
    http: { addr: `127.0.0.1:${port}`, ...http },
    ...(htpasswd === undefined ? {} : { auth: passwords }),
  };
  await Bun.write(config, JSON.stringify(settings)); // JSON is YAML, too
  if (htpasswd !== undefined)
    await Bun.write(
      join(folder, "htpasswd"),
      `${htpasswd}
`,
    );
  const child = Bun.spawn(["docker-registry", "serve", config], { stdio: ["ignore", "ignore", "ignore"] });
  await eventually("docker-registry answers", () =>
    answers(`${"tls" in http ? "https" : "http"}://127.0.0.1:${port}/v2/`, options.client),
  );
  return {
    address: `localhost:${port}`,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/**
 * Debian's dockerd without networks, to pull and push only: it sees the host's loopback, has files and processes of its
 * own, and ends with the first of them.
 */
export async function startDockerd(options: readonly string[] = []): Promise<Peer> {
  const folder = mkdtempSync("/tmp/virga-peer-dockerd-");
  const socket = join(folder, "docker.sock");
  const script = `set -e
    for place in /run /var/lib; do mount -t tmpfs tmpfs "$place"; done
    place=$1; shift
    exec dockerd --data-root "$place/data" --exec-root "$place/exec" --pidfile "$place/pid" -H "unix://$place/docker.sock" \\
      --bridge none --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false "$@"`;
  const child = Bun.spawn(
    [
      "unshare",
      "--mount",
      "--pid",
      "--fork",
      "--kill-child",
      "--mount-proc",
      "sh",
      "-c",
      script,
      "sh",
      folder,
      ...options,
    ],
    { stdio: ["ignore", Bun.file(join(folder, "log")), Bun.file(join(folder, "log"))] },
  );
  const address = `unix://${socket}`;
  await eventually(
    "dockerd answers",
    async () => (await run(["docker", "-H", address, "info"])).exitCode === 0,
  );
  return {
    address,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
      await eventually("dockerd's files can be removed", () => {
        try {
          rmSync(folder, { recursive: true, force: true });
          return true;
        } catch {
          return false;
        }
      });
    },
  };
}

async function answers(url: string, client: object = {}): Promise<boolean> {
  try {
    return (await fetch(url, { tls: { rejectUnauthorized: false, ...client } })).status < 500;
  } catch {
    return false;
  }
}

import { existsSync, chmodSync, chownSync, lstatSync, readFileSync, rmSync, unlinkSync } from "node:fs";
import { fail, isVirgaError, messageOf } from "../../base/index.ts";
import { lengthenListenQueue } from "../../host/index.ts";
import { createApp } from "./app.ts";
import type { DockerApiDependencies } from "./dependencies.ts";
import { encodeError } from "./errors.ts";
import { serveHttp, type HttpServer } from "./http1/server.ts";
import { createUpgradeHandler } from "./upgrade.ts";

/** The Docker Engine API, versions 1.24 to 1.51, on a unix socket. */
export interface DockerApi {
  /**
   * Listens on a socket at `path`, mode 0660, of the group `docker` where there is one. A socket that an earlier
   * process left there is replaced; anything else there is `conflict` / `api.path-taken`.
   */
  listen(path: string): Promise<void>;
  /** Stops listening and ends every connection; containers do not notice. */
  close(): Promise<void>;
}

export function createDockerApi(dependencies: DockerApiDependencies): DockerApi {
  const app = createApp(dependencies);
  const service = {
    answer: (request: Request) => app.fetch(request),
    upgrade: createUpgradeHandler(dependencies, (request) => app.fetch(request)),
    refusal,
  };
  let server: HttpServer | undefined;
  let listeningAt: string | undefined;

  return {
    async listen(path) {
      removeStaleSocket(path);
      const { clock, logger } = dependencies;
      server = serveHttp({ path, service, clock, logger });
      lengthenListenQueue(path);
      listeningAt = path;
      giveToDockerGroup(path);
    },
    async close() {
      server?.close();
      server = undefined;
      if (listeningAt !== undefined) rmSync(listeningAt, { force: true });
    },
  };
}

/** What is no request at all, or has an address that cannot be read. */
function refusal(error: unknown): Response {
  const told = isVirgaError(error) ? error : fail("invalid", "api.bad-request", messageOf(error));
  const { status, body } = encodeError(told);
  return Response.json(body, { status });
}

function removeStaleSocket(path: string): void {
  if (!existsSync(path)) return;
  if (!lstatSync(path).isSocket()) {
    throw fail("conflict", "api.path-taken", `${path} is in the way of the Docker API's socket`, {
      hint: `move it away: mv ${path} ${path}.old`,
    });
  }
  unlinkSync(path);
}

/** Whoever is in the group is root in effect, as with Docker; everybody else is kept out. */
function giveToDockerGroup(path: string): void {
  chmodSync(path, 0o660);
  const group = /^docker:[^:]*:(\d+):/m.exec(readFileSync("/etc/group", "utf8"))?.[1];
  if (group !== undefined) chownSync(path, 0, Number(group));
}

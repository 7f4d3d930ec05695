import { readFile } from "node:fs/promises";
import { fail } from "../../base/index.ts";
import type { OciConfig } from "../../runtimes/index.ts";
import type { ExecRequest } from "../container.ts";
import type { Engine } from "../engine.ts";
import { buildExecProcess, resolveUser } from "../oci/index.ts";
import type { Entry } from "../registry.ts";
import { rootOf } from "../files/rootfs.ts";

/** The OCI `process` of a command to be run in a running container. */
export async function execProcess(
  engine: Engine,
  entry: Entry,
  request: ExecRequest,
  tty: boolean,
): Promise<OciConfig> {
  const { container } = entry.record;
  const config = (entry.config ??= await readConfig(`${container.folder}/bundle/config.json`));
  const user = resolveUser(
    rootOf(entry.record),
    request.user || (container.process.User ?? ""),
    container.spec.security?.groupAdd ?? [],
  );
  return buildExecProcess({ config, request, user, tty, host: engine.host });
}

/** Throws Docker's reason why nothing can be done in it; `paused: true` is content with a paused one. */
export function needRunning(entry: Entry, allow: { readonly paused?: boolean } = {}): void {
  const { id, name, state } = entry.record.container;
  if (state.status === "restarting") {
    throw fail(
      "conflict",
      "container.restarting",
      `Container ${id} is restarting, wait until the container is running`,
      {
        hint: `virga logs ${name} tells why it ended`,
      },
    );
  }
  if (state.status !== "running") {
    throw fail("conflict", "container.not-running", `Container ${id} is not running`, {
      hint: `virga start ${name}`,
    });
  }
  if (state.paused && !allow.paused) {
    throw fail(
      "conflict",
      "container.paused",
      `Container ${id} is paused, unpause the container before exec`,
      {
        hint: `virga unpause ${name}`,
      },
    );
  }
}

/** What the bundle says: after a daemon restart the container still runs with that. */
async function readConfig(path: string): Promise<OciConfig> {
  return JSON.parse(await readFile(path, "utf8")) as OciConfig;
}

import { fail, parseDetachKeys } from "../../../base/index.ts";
import type { Container } from "../../../containers/index.ts";
import { hijackWithoutUpgrade, type Hijack } from "../hijack/hijack.ts";
import { runSession } from "../hijack/session.ts";
import { byteBody } from "../http/body.ts";
import { createRouter, pathParameter, type ApiContext, type ApiRouter } from "../http/context.ts";
import { flag, text } from "../http/query.ts";
import type { ContainersBackend } from "./backend.ts";
import { holds, quirks } from "../quirks.ts";
import { streamType } from "./logs.ts";

/** POST /containers/{id}/attach by clients that do not ask for an upgrade: their stdin is the request's body. */
export function attachRoutes(backend: ContainersBackend): ApiRouter {
  const routes = createRouter();
  routes.post("/containers/:id/attach", async (c) =>
    hijackWithoutUpgrade(c, byteBody(c), await attachHijack(backend, c)),
  );
  routes.get("/containers/:id/attach/ws", (c) => {
    backend.containers.get(pathParameter(c, "id"));
    throw fail("invalid", "attach.websocket", "not a websocket request: there is no 'Upgrade: websocket'");
  });
  return routes;
}

/** As `attachHijack`, of GET /containers/{id}/attach/ws: the messages are the bytes of both outputs. */
export async function websocketHijack(backend: ContainersBackend, c: ApiContext): Promise<Hijack> {
  const chosen = holds(quirks.websocketStreams, c.get("version"));
  const hijack = await attachHijack(backend, c, { raw: true, all: !chosen });
  return { ...hijack, websocket: { text: holds(quirks.websocketText, c.get("version")) } };
}

/**
 * Checks an attach request and attaches. Throws what the client is to be told with a status. `all`: to each stream,
 * whatever the request says.
 */
export async function attachHijack(
  backend: ContainersBackend,
  c: ApiContext,
  { raw = false, all = false }: { readonly raw?: boolean; readonly all?: boolean } = {},
): Promise<Hijack> {
  const detachKeys = parseDetachKeys(text(c, "detachKeys"));
  const container = backend.containers.get(pathParameter(c, "id"));
  refuseUnattachable(container);
  const tty = container.spec.tty ?? false;
  const [stream, stdout, stderr] = [flag(c, "stream"), all || flag(c, "stdout"), all || flag(c, "stderr")];
  const stdin = (all || flag(c, "stdin")) && container.spec.openStdin === true;
  const logs = flag(c, "logs");
  const contentType = streamType(tty, c.get("version"));
  if (!stream) {
    backend.events.emit("container", "attach", container.id, attributes(container));
    const streams = { stdout: stdout && logs, stderr: stderr && logs, raw };
    return { contentType, run: (connection) => replay(backend, container, streams, connection) };
  }
  const attachment = await backend.containers.attach(container.id, {
    stdin,
    stdout,
    stderr,
    logs,
  });
  return {
    contentType,
    async run(connection) {
      // As dockerd: the end of a client's input closes stdin where StdinOnce says so, and else lets the client go.
      const onInputEnd = container.spec.stdinOnce === true && !tty ? "close-stdin" : "let-go";
      const outcome = await runSession(attachment, connection, {
        stdin,
        raw: raw || tty,
        detachKeys,
        onInputEnd,
      });
      if (outcome === "detached")
        backend.events.emit("container", "detach", container.id, attributes(container));
    },
  };
}

function refuseUnattachable({ id, state }: Container): void {
  if (state.status === "running" && state.paused) {
    throw fail(
      "conflict",
      "container.paused",
      `container ${id} is paused, unpause the container before attach`,
    );
  }
  if (state.status === "restarting") {
    throw fail(
      "conflict",
      "container.restarting",
      `container ${id} is restarting, wait until the container is running`,
    );
  }
}

/** `stream=0&logs=1`: what was logged, and the end. */
async function replay(
  backend: ContainersBackend,
  container: Container,
  { raw, ...streams }: { readonly stdout: boolean; readonly stderr: boolean; readonly raw: boolean },
  connection: Parameters<Hijack["run"]>[0],
): Promise<void> {
  const output = (async function* () {
    // Docker answers a request for nothing with nothing.
    if ((!streams.stdout && !streams.stderr) || container.logPath === undefined) return;
    const lines = backend.containers.logs(container.id, { ...streams, follow: false }, connection.gone);
    for await (const line of lines) yield { stream: line.stream, data: line.data };
  })();
  const nothing = { write: async () => {}, closeStdin: async () => {}, close: () => {} };
  const tty = container.spec.tty ?? false;
  await runSession({ tty, output, ...nothing }, connection, {
    stdin: false,
    raw: raw || tty,
    detachKeys: [],
    onInputEnd: "let-go",
  });
}

function attributes(container: Container): Record<string, string> {
  return { ...container.process.Labels, image: container.spec.image, name: container.name };
}

import { fail, isVirgaError, parseDetachKeys, type VirgaError } from "../../../base/index.ts";
import type { Exec } from "../../../containers/index.ts";
import { decodeSize } from "../containers/create/decode.ts";
import { streamType } from "../containers/logs.ts";
import { errorText, execErrorText } from "../errors.ts";
import { hijackWithoutUpgrade, type Hijack } from "../hijack/hijack.ts";
import { runSession, type SessionStreams } from "../hijack/session.ts";
import { jsonBody } from "../http/body.ts";
import { createRouter, pathParameter, type ApiContext, type ApiRouter } from "../http/context.ts";
import { checkFields } from "../http/fields.ts";
import { defined } from "../http/defined.ts";
import { terminalSide } from "../http/query.ts";
import { holds, quirks } from "../quirks.ts";
import type { ExecBackend } from "./backend.ts";
import { decodeExec, encodeExec, execCreateBody, execStartBody, execStartFields } from "./wire.ts";

export function execRoutes(backend: ExecBackend): ApiRouter {
  const routes = createRouter();
  const { containers } = backend;

  routes.post("/containers/:id/exec", async (c) => {
    const request = decodeExec(await jsonBody(c, execCreateBody), c.get("version"));
    const container = containers.get(pathParameter(c, "id"));
    if (request.detachKeys !== undefined) parseDetachKeys(request.detachKeys);
    return c.json({ Id: containers.createExec(container.id, request).id }, 201);
  });
  routes.get("/exec/:id/json", (c) => {
    const exec = containers.getExec(pathParameter(c, "id"));
    return c.json(encodeExec(exec, containers.get(exec.containerId)));
  });
  routes.post("/exec/:id/start", async (c) => {
    const hijack = await startHijack(backend, c);
    return hijack === undefined ? c.body(null, 200) : hijackWithoutUpgrade(c, nothing(), hijack);
  });
  routes.post("/exec/:id/resize", async (c) => {
    const [height, width] = [terminalSide(c, "h", "height"), terminalSide(c, "w", "width")];
    await containers.resizeExec(pathParameter(c, "id"), width, height);
    return c.body(null, 200);
  });
  return routes;
}

/**
 * What serves the connection and starts the exec; undefined when it was started detached. Throws what the client is to
 * be told with a status. A command that cannot be run is told in the stream, as Docker does: the exec then has an exit
 * code (126, 127) that the client asks for. Nothing runs before the answer's head is out: docker-py loses what comes
 * together with that.
 */
export async function startHijack(backend: ExecBackend, c: ApiContext): Promise<Hijack | undefined> {
  const { containers } = backend;
  const body = await jsonBody(c, execStartBody, {});
  const exec = containers.getExec(pathParameter(c, "id"));
  checkFields(body, execStartFields, "");
  const { request } = exec;
  const detached = body.Detach === true;
  const attaches = request.attachStdin || request.attachStdout || request.attachStderr;
  const tty = request.tty ?? false;
  // As Docker: the start says how the output is framed, whatever the exec was created with.
  const raw = body.Tty === true;
  const contentType = streamType(raw, c.get("version"));
  const detachKeys = parseDetachKeys(request.detachKeys);
  if (detached) {
    await containers.startExec(exec.id, { detach: true, tty }).catch((error: unknown) => {
      throw isCommandError(error)
        ? fail("invalid", "exec.command-failed", execErrorText(error), { cause: error })
        : error;
    });
    return undefined;
  }
  containers.checkExec(exec.id);
  const sized = holds(quirks.consoleSize, c.get("version"));
  const start = async (): Promise<SessionStreams | undefined> => {
    try {
      const size = tty && sized ? decodeSize(body.ConsoleSize) : undefined;
      const options = { detach: !attaches, tty, ...defined({ consoleSize: size }) };
      return await containers.startExec(exec.id, options);
    } catch (error) {
      return told(tty, `${isCommandError(error) ? execErrorText(error) : errorText(error)}\r\n`);
    }
  };
  return {
    contentType,
    async run(connection) {
      const streams = await start();
      if (streams === undefined) return connection.end();
      const outcome = await runSession(streams, connection, {
        stdin: request.attachStdin ?? false,
        raw,
        detachKeys,
        onInputEnd: tty ? "let-go" : "close-stdin",
        // The client asks for the exit code when the stream has ended: it must be there by then.
        settled: () => containers.waitExec(exec.id),
      });
      if (outcome === "detached") backend.events.emit("container", "exec_detach", ...actor(backend, exec));
    },
  };
}

function isCommandError(error: unknown): error is VirgaError {
  return isVirgaError(error) && error.code.startsWith("task.command-");
}

/** Id and attributes of an event of the exec's container. */
function actor({ containers }: ExecBackend, { id, containerId }: Exec) {
  const { name, spec, process } = containers.get(containerId);
  return [containerId, { ...process.Labels, image: spec.image, name, execID: id }] as const;
}

/** Streams that say `text` and end. */
function told(tty: boolean, text: string): SessionStreams {
  const output = (async function* () {
    // As dockerd: it is no output of the command's, and yet not told apart.
    yield { stream: "stdout" as const, data: Buffer.from(text) };
  })();
  return { tty, output, write: async () => {}, closeStdin: async () => {}, close: () => {} };
}

/** The body of the old way's request is the start's JSON: no input can come after it. */
async function* nothing(): AsyncIterableIterator<Uint8Array> {}

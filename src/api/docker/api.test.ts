import { afterEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger, systemClock } from "../../base/index.ts";
import type { Attachment, Container } from "../../containers/index.ts";
import { createDockerApi } from "./api.ts";
import type { DockerApiDependencies } from "./dependencies.ts";
import { testFacts } from "./system/testing.ts";

const directories: string[] = [];
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

/** A container whose process is a program on the host; `seen` tells what the API did to it. */
function programContainer(command: readonly string[], options: { readonly tty?: boolean } = {}) {
  const seen: string[] = [];
  const events: string[] = [];
  const spec = { openStdin: true, stdinOnce: true, tty: options.tty ?? false };
  const state = { status: "running", pid: 1, startedAt: new Date(0), paused: false };
  const container = { id: "c".repeat(64), name: "x", spec, state, process: {} } as unknown as Container;
  const attach = async (): Promise<Attachment> => {
    const child = Bun.spawn([...command], { stdin: "pipe", stdout: "pipe", stderr: "ignore" });
    const stop = new AbortController();
    const ended = new Promise<{ done: true; value: undefined }>((resolve) =>
      stop.signal.addEventListener("abort", () => resolve({ done: true, value: undefined })),
    );
    return {
      tty: spec.tty,
      output: (async function* () {
        const reader = child.stdout.getReader();
        for (;;) {
          const next = await Promise.race([reader.read(), ended]);
          if (next.done) break;
          yield { stream: "stdout" as const, data: next.value };
        }
        seen.push("output over");
      })(),
      async write(data) {
        await child.stdin.write(data);
        await child.stdin.flush();
      },
      async closeStdin() {
        seen.push("stdin closed");
        await child.stdin.end();
      },
      close() {
        if (!stop.signal.aborted) seen.push("let go");
        stop.abort();
        child.unref();
        void Promise.resolve(child.stdin.end()).catch(() => {});
      },
    };
  };
  return { seen, events, containers: { get: () => container, attach } };
}

/** A container that gives back what it gets, and takes more only when that was taken. */
function echoContainer() {
  const spec = { openStdin: true, stdinOnce: true, tty: false };
  const state = { status: "running", pid: 1, startedAt: new Date(0), paused: false };
  const container = { id: "e".repeat(64), name: "x", spec, state, process: {} } as unknown as Container;
  const attach = async (): Promise<Attachment> => {
    const held: Uint8Array[] = [];
    let [wake, room] = [() => {}, () => {}];
    const end = new AbortController();
    return {
      tty: false,
      output: (async function* () {
        for (;;) {
          for (let data = held.shift(); data; data = held.shift()) {
            yield { stream: "stdout" as const, data };
            room();
          }
          if (end.signal.aborted) return;
          await new Promise<void>((resolve) => (wake = resolve));
        }
      })(),
      async write(data) {
        held.push(data);
        wake();
        while (held.length > 0 && !end.signal.aborted) await new Promise<void>((resolve) => (room = resolve));
      },
      async closeStdin() {
        end.abort();
        wake();
      },
      close() {
        end.abort();
        wake();
        room();
      },
    };
  };
  return { seen: [], events: [], containers: { get: () => container, attach } };
}

async function listening(fake: Pick<ReturnType<typeof programContainer>, "containers" | "events">) {
  const directory = mkdtempSync(join(tmpdir(), "virga-api-"));
  directories.push(directory);
  const path = join(directory, "docker.sock");
  const api = createDockerApi({
    containers: fake.containers,
    events: { emit: (_type: string, action: string) => fake.events.push(action) },
    clock: systemClock,
    logger: silentLogger,
    facts: testFacts,
    warmUp: () => Promise.resolve(),
  } as unknown as DockerApiDependencies);
  await api.listen(path);
  return { path, api, [Symbol.asyncDispose]: () => api.close() };
}

/** Sends an attach request with an upgrade; gives the socket, and a promise of all that came back. */
function attach(path: string, query = "stream=1&stdin=1&stdout=1&stderr=1", version = "v1.50") {
  const socket = connect({ path, allowHalfOpen: true });
  const chunks: Buffer[] = [];
  let size = 0;
  const first = Promise.withResolvers<string>();
  const all = new Promise<Buffer>((resolve) => {
    socket.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size < 1e6) chunks.push(chunk);
      first.resolve(chunk.toString("latin1"));
    });
    socket.on("end", () => resolve(Buffer.concat(chunks)));
    socket.on("close", () => resolve(Buffer.concat(chunks)));
  });
  socket.write(
    `POST /${version}/containers/x/attach?${query} HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n`,
  );
  return { socket, first: first.promise, all, received: () => size };
}

const untilDrained = (socket: Socket) =>
  new Promise<void>((resolve) => socket.once("drain", () => resolve()));

describe("the socket", () => {
  test("is for root and the docker group, replaces a stale one, and goes with the API", async () => {
    const fake = programContainer(["true"]);
    let path = "";
    {
      await using server = await listening(fake);
      path = server.path;
      expect(statSync(path).mode & 0o777).toBe(0o660);
      const answer = await fetch("http://docker/_ping", { unix: path });
      expect(await answer.text()).toBe("OK");
    }
    expect(existsSync(path)).toBe(false);
    writeFileSync(path, "precious");
    const api = createDockerApi({
      facts: testFacts,
      warmUp: () => Promise.resolve(),
      logger: silentLogger,
    } as unknown as DockerApiDependencies);
    expect(api.listen(path)).rejects.toThrow("in the way");
  });
});

describe("attach with an upgrade", () => {
  test("input reaches the process, its end too, and all output comes back framed", async () => {
    const fake = programContainer(["cat"]);
    await using server = await listening(fake);
    const { socket, all, first } = attach(server.path);
    expect(await first).toMatch(/^HTTP\/1\.1 101 UPGRADED\r\n/);
    socket.end("hello");
    const answer = (await all).toString("latin1");
    expect(answer).toContain("Content-Type: application/vnd.docker.multiplexed-stream\r\n");
    expect(answer).toContain("Upgrade: tcp\r\n");
    expect(answer).toEndWith("\r\n\r\n\x01\0\0\0\0\0\0\x05hello");
    expect(fake.seen).toContain("stdin closed");
  });

  test("an old client gets the old content type", async () => {
    await using server = await listening(programContainer(["true"]));
    const { all } = attach(server.path, "stream=1&stdout=1", "v1.41");
    expect((await all).toString()).toContain("Content-Type: application/vnd.docker.raw-stream\r\n");
  });

  test("the detach keys let go, and are told as an event", async () => {
    const fake = programContainer(["cat"], { tty: true });
    await using server = await listening(fake);
    const { socket, first, all } = attach(server.path);
    await first;
    socket.write("typed\x10");
    socket.write("\x11never");
    expect((await all).toString()).not.toContain("never");
    await Bun.sleep(10);
    expect(fake.events).toEqual(["detach"]);
    expect(fake.seen).not.toContain("stdin closed");
  });

  test("a client that goes away lets the process go", async () => {
    const fake = programContainer(["sh", "-c", "while echo line; do sleep 0.01; done"]);
    await using server = await listening(fake);
    const { socket, first } = attach(server.path);
    await first;
    socket.destroy();
    for (let turn = 0; turn < 200 && !fake.seen.includes("let go"); turn++) await Bun.sleep(10);
    expect(fake.seen).toContain("let go");
  });

  test("a wrong request gets a status, not a stream", async () => {
    await using server = await listening(programContainer(["true"]));
    const { all } = attach(server.path, "stream=1&detachKeys=shift-x");
    const answer = (await all).toString();
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toContain("Invalid detach keys");
  });

  test("400 MB go both ways, whole and in order, with flat memory", async () => {
    await using server = await listening(echoContainer());
    const { socket, first, received } = attach(server.path);
    const head = (await first).length;
    const before = process.memoryUsage.rss();
    const piece = Buffer.alloc(65536, "x");
    const pieces = Math.ceil(400e6 / piece.length);
    for (let sent = 0; sent < pieces; sent++) if (!socket.write(piece)) await untilDrained(socket);
    socket.end();
    await new Promise<void>((resolve) => socket.once("close", () => resolve()));
    expect(received() - head).toBeGreaterThanOrEqual(pieces * piece.length);
    expect(process.memoryUsage.rss() - before).toBeLessThan(200e6);
  }, 30_000);
});

describe("attach without an upgrade", () => {
  test("the request's body is the input, the response's body the output", async () => {
    await using server = await listening(programContainer(["cat"]));
    const answer = await fetch("http://docker/v1.44/containers/x/attach?stream=1&stdin=1&stdout=1", {
      unix: server.path,
      method: "POST",
      body: "over the old way",
    });
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toBe("application/vnd.docker.raw-stream");
    expect(await answer.text()).toBe("\x01\0\0\0\0\0\0\x10over the old way");
  });
});

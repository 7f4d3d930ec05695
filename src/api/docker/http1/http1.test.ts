import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { messageOf, silentLogger, systemClock } from "../../../base/index.ts";
import { streamed } from "../http/streams.ts";
import { createRouter } from "../http/context.ts";
import { serveHttp } from "./server.ts";

const directories: string[] = [];
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

/** A server with a few pages; `seen` tells what they noticed. */
function testServer() {
  const directory = mkdtempSync(join(tmpdir(), "virga-http-"));
  directories.push(directory);
  const path = join(directory, "http.sock");
  const seen: string[] = [];
  const app = createRouter();
  app.get("/text", (c) => c.text(`${c.req.query("say") ?? "text"}\n`));
  app.get("/nothing", (c) => c.body(null, 204));
  app.post("/echo", async (c) => c.text(await c.req.text()));
  app.post("/size", async (c) => {
    let size = 0;
    for await (const piece of c.req.raw.body ?? []) size += (piece as Uint8Array).length;
    return c.text(String(size));
  });
  app.post("/unread", (c) => c.text("not read", 400));
  app.get("/endless", (c) =>
    streamed(c, "text/plain", async function* () {
      try {
        for (let pieces = 1; ; pieces++) {
          seen.push(`piece ${pieces}`);
          yield Buffer.alloc(100_000, "x");
        }
      } finally {
        seen.push("let go");
      }
    }),
  );
  app.get("/broken", (c) =>
    streamed(c, "text/plain", async function* () {
      yield "begun";
      throw new Error("broken");
    }),
  );
  app.get("/wait", async (c) => {
    await new Promise<void>((resolve) => c.req.raw.signal.addEventListener("abort", () => resolve()));
    seen.push("gone");
    return c.body(null);
  });
  const service = {
    answer: (request: Request) => app.fetch(request),
    upgrade: async () => new Response("no other protocol", { status: 400 }),
    refusal: (error: unknown) => new Response(messageOf(error), { status: 400 }),
  };
  const server = serveHttp({ path, service, clock: systemClock, logger: silentLogger });
  const open = () => connect({ path, allowHalfOpen: true });
  return { seen, open, [Symbol.dispose]: () => server.close() };
}

/** All that comes until the server ends its half or cuts the connection. */
async function all(socket: Socket): Promise<string> {
  const pieces: Buffer[] = [];
  socket.on("data", (piece: Buffer) => pieces.push(piece));
  await new Promise<void>((resolve) => socket.once("end", resolve).once("close", () => resolve()));
  socket.destroy();
  return Buffer.concat(pieces).toString("latin1");
}

const request = (line: string, headers = "", body = "") =>
  `${line} HTTP/1.1\r\nHost: x\r\n${headers}\r\n${body}`;
const last = (line: string, headers = "", body = "") =>
  request(line, `Connection: close\r\n${headers}`, body);
const bodyOf = (answer: string) => answer.slice(answer.indexOf("\r\n\r\n") + 4);
const until = async (condition: () => boolean) => {
  for (let turn = 0; turn < 500 && !condition(); turn++) await Bun.sleep(10);
};

async function ask(server: ReturnType<typeof testServer>, ...pieces: string[]): Promise<string> {
  const socket = server.open();
  const answer = all(socket);
  for (const piece of pieces) {
    socket.write(Buffer.from(piece, "latin1"));
    await Bun.sleep(1);
  }
  return await answer;
}

describe("answers", () => {
  test("one after the other on one connection, however the requests arrive", async () => {
    using server = testServer();
    const both = request("GET /text?say=one") + last("GET /text?say=two");
    for (const pieces of [[both], [both.slice(0, 20), both.slice(20, 60), both.slice(60)]]) {
      const answer = await ask(server, ...pieces);
      expect(answer.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(2);
      expect(answer).toContain("content-length: 4\r\n");
      expect(answer).toContain("connection: keep-alive\r\n");
      expect(answer.indexOf("\r\n\r\none\n")).toBeLessThan(answer.indexOf("\r\n\r\ntwo\n"));
    }
  });

  test("without a body where HTTP knows none", async () => {
    using server = testServer();
    expect(bodyOf(await ask(server, last("HEAD /text")))).toBe("");
    const nothing = await ask(server, last("GET /nothing"));
    expect(nothing).toStartWith("HTTP/1.1 204 No Content\r\n");
    expect(nothing).not.toContain("content-length");
  });

  test("a client that has ended its half, and one of HTTP/1.0, get theirs", async () => {
    using server = testServer();
    const socket = server.open();
    socket.end(request("GET /text"));
    expect(bodyOf(await all(socket))).toBe("text\n");
    expect(bodyOf(await ask(server, "GET /text HTTP/1.0\r\n\r\n"))).toBe("text\n");
  });

  test("a stream that fails is cut off, without the end that chunks have", async () => {
    using server = testServer();
    expect(bodyOf(await ask(server, request("GET /broken")))).toBe("5\r\nbegun\r\n");
  });

  test("a client that does not read holds the stream back, and one that goes ends it", async () => {
    using server = testServer();
    const socket = server.open();
    socket.pause();
    socket.write(request("GET /endless"));
    await until(() => server.seen.length > 0);
    await Bun.sleep(50);
    expect(server.seen.length).toBeLessThan(100);
    socket.destroy();
    await until(() => server.seen.includes("let go"));
    expect(server.seen).toContain("let go");
  });

  test("a request is told that its client has gone", async () => {
    using server = testServer();
    const socket = server.open();
    socket.write(request("GET /wait"));
    await Bun.sleep(20);
    socket.destroy();
    await until(() => server.seen.includes("gone"));
    expect(server.seen).toEqual(["gone"]);
  });
});

describe("bodies", () => {
  test("by length and in chunks, in pieces of any size", async () => {
    using server = testServer();
    const sized = last("POST /echo", "Content-Length: 11\r\n", "hello world");
    expect(bodyOf(await ask(server, sized))).toBe("hello world");
    expect(bodyOf(await ask(server, sized.slice(0, -6), sized.slice(-6)))).toBe("hello world");
    const chunks = "5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nTrailer: x\r\n\r\n";
    const chunked = last("POST /echo", "Transfer-Encoding: chunked\r\n", chunks);
    expect(bodyOf(await ask(server, chunked))).toBe("hello world");
    expect(bodyOf(await ask(server, chunked.replace("6\r\n world", "7\r\n world")))).toContain("Error");
    const cuts = Array.from({ length: chunked.length }, (_, at) => chunked[at]!);
    expect(bodyOf(await ask(server, ...cuts))).toBe("hello world");
  });

  test("a large one is a stream, and the connection is kept", async () => {
    using server = testServer();
    const body = "x".repeat(3_000_000);
    const answer = await ask(
      server,
      request("POST /size", `Content-Length: ${body.length}\r\n`, body) + last("GET /text"),
    );
    expect(answer).toContain("\r\n\r\n3000000HTTP/1.1 200 OK");
  });

  test("what nobody reads is skipped", async () => {
    using server = testServer();
    const body = "x".repeat(1_000_000);
    const answer = await ask(
      server,
      request("POST /unread", `Content-Length: ${body.length}\r\n`, body) + last("GET /text"),
    );
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toEndWith("\r\n\r\ntext\n");
  });

  test("a client that waits is told to go on", async () => {
    using server = testServer();
    const answer = await ask(
      server,
      last("POST /echo", "Expect: 100-continue\r\nContent-Length: 2\r\n", "ok"),
    );
    expect(answer).toStartWith("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n");
  });
});

test("a method that nobody knows is no GET", async () => {
  using server = testServer();
  for (const method of ["FOO", "get"])
    expect(await ask(server, last(`${method} /text`))).toContain("page not found");
});

test("what is no request gets a 400, and the connection ends", async () => {
  using server = testServer();
  const wrong = [
    "nonsense\r\n\r\n",
    "GET /text HTTP/2.0\r\n\r\n",
    "GET text HTTP/1.1\r\n\r\n",
    "GET /te xt HTTP/1.1\r\n\r\n",
    "\x16\x03\x01",
    "GET /text HTTP/1.1\nHost: x\n\n",
    request("GET /text", "no colon\r\n"),
    request("GET /text", " folded: x\r\n"),
    request("GET /text", "a b: x\r\n"),
    request("GET /text", "a: x\x00y\r\n"),
    request("POST /echo", "Content-Length: -1\r\n"),
    request("POST /echo", "Content-Length: 1\r\nContent-Length: 2\r\n", "xx"),
    request("POST /echo", "Content-Length: 99999999999999999999\r\n"),
    request("POST /echo", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
    request("POST /echo", "Transfer-Encoding: gzip\r\n"),
  ];
  for (const text of wrong) {
    const answer = await ask(server, text);
    expect([text.slice(0, 80), answer.slice(0, 16)]).toEqual([text.slice(0, 80), "HTTP/1.1 400 Bad"]);
    expect(answer).toContain("connection: close\r\n");
  }
  expect(await ask(server, last("GET /text", "Upgrade: x\r\nConnection: upgrade\r\n"))).toContain(
    "no other protocol",
  );
  // Whoever goes on to send is not waited for.
  const large = server.open();
  large.on("error", () => {}).write(`GET /text HTTP/1.1\r\nX: ${"x".repeat(5_000_000)}`);
  expect(await all(large)).toMatch(/^(HTTP\/1\.1 400 .*)?$/s);
  // Cut in the middle: nobody is left to be told, or nothing can be told any more.
  const socket = server.open();
  socket.end(request("POST /size", "Transfer-Encoding: chunked\r\n", "5\r\nhel"));
  expect(await all(socket)).toMatch(/^(HTTP\/1\.1 [45]\d\d .*)?/s);
  expect(bodyOf(await ask(server, last("GET /text")))).toBe("text\n");
});

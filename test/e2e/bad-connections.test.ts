import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, readdirSync } from "node:fs";
import { silentLogger } from "../../src/base/index.ts";
import { createApp } from "../../src/api/docker/app.ts";
import type { DockerApiDependencies } from "../../src/api/docker/dependencies.ts";
import { ask, unfair } from "../support/asking.ts";
import { hostileTexts } from "../support/bodies.ts";
import { eventually, importBusybox, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { holdings } from "../support/holdings.ts";
import { rawClient, rawRequest, type RawClient } from "../support/raw-client.ts";

/** Connections that say what is no HTTP, say nothing, never end, or break: the daemon answers others meanwhile. */
const minute = 60_000;
let daemon: TestDaemon;
let [docker, own] = ["", ""];
let box: string;
let image: string;
let before: { readonly holdings: string[]; readonly files: number; readonly children: number };

const openFiles = () => readdirSync(`/proc/${daemon.pid}/fd`).length;
const children = () =>
  readFileSync(`/proc/${daemon.pid}/task/${daemon.pid}/children`, "utf8").trim().split(" ").length;
const residentMb = () =>
  Number(/^Rss: +(\d+)/m.exec(readFileSync(`/proc/${daemon.pid}/smaps_rollup`, "utf8"))![1]) / 1024;

beforeAll(async () => {
  daemon = await startDaemon();
  docker = daemon.identity.path("run", "docker.sock");
  own = daemon.identity.path("run", "virga.sock");
  image = await importBusybox(daemon);
  box = await daemon.dockerOk(["run", "-d", "-i", "--stop-signal", "KILL", image, "cat"]);
  await daemon.dockerOk(["exec", box, "true"]);
  before = { holdings: await holdings(daemon), files: openFiles(), children: children() };
}, minute);

/** Nothing was left in the daemon, its folder or the host, and it is there for others. */
afterEach(async () => {
  const added = async () => (await holdings(daemon)).filter((one) => !before.holdings.includes(one));
  await eventually("nothing is left over", async () => (await added()).length === 0).catch(async () =>
    expect(await added()).toEqual([]),
  );
  // The workers that unpack archives stay for a while, and so do connections that fetch keeps between requests.
  await eventually(`no file stays open (${before.files} before)`, () => openFiles() <= before.files + 12);
  await eventually(`no program goes on (${before.children} before)`, () => children() <= before.children + 2);
  expect((await ask(docker, "GET", "/_ping")).text).toBe("OK");
}, minute);

afterAll(async () => {
  await daemon.destroy();
}, minute);

const get = "GET /_ping HTTP/1.1\r\nHost: x\r\n";
const post = "POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
const upgrade = "Connection: Upgrade\r\nUpgrade: tcp\r\n";

const malformed: readonly (readonly [string, string])[] = [
  ["no HTTP at all", "\0\0\0\r\n\r\n"],
  ["a greeting of TLS", "\x16\x03\x01\x02\0\x01\0\x01\xFC\x03\x03"],
  ["a greeting of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
  ["a version that is none", "GET /_ping HTTP/9.9\r\nHost: x\r\n\r\n"],
  ["a path without a slash", "GET _ping HTTP/1.1\r\nHost: x\r\n\r\n"],
  ["two lengths", `${post}Content-Length: 5\r\nContent-Length: 6\r\n\r\n{}   \n`],
  [
    "a length and chunks",
    `${post}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${get}\r\n`,
  ],
  ["a negative length", `${post}Content-Length: -5\r\n\r\n{}   `],
  ["a length beyond numbers", `${post}Content-Length: 99999999999999999999999\r\n\r\n{}`],
  ["an unknown encoding", `${post}Transfer-Encoding: xchunked\r\n\r\n{}`],
  ["a chunk without a size", `${post}Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n`],
  ["a negative chunk", `${post}Transfer-Encoding: chunked\r\n\r\n-1\r\n{}\r\n`],
  ["a zero byte in a header", `${get}X: a\0b\r\n\r\n`],
  ["a header without a colon", `${get}Xab\r\n\r\n`],
  ["a space before the colon", `${get}Content-Length : 5\r\n\r\n`],
  ["a header of two lines", `${get}X: a\r\n b\r\n\r\n`],
  ["bare line feeds", "GET /_ping HTTP/1.1\nHost: x\n\n"],
];

describe("no HTTP", () => {
  test.each(malformed)("%s", async (_what, data) => {
    for (const socket of [docker, own]) {
      expect(await rawRequest(socket, Buffer.from(data, "latin1"))).toMatch(/^HTTP\/1\.1 (4\d\d|505) /);
    }
  });

  test("headers of 2 MB", async () => {
    for (const socket of [docker, own]) {
      const answer = await rawRequest(socket, `${get}X: ${"a".repeat(2 * 1024 * 1024)}\r\n\r\n`);
      // The rest of the headers may break the connection before the answer is read.
      expect(answer).toMatch(/^(HTTP\/1\.1 431 |$)/);
    }
  });

  test("any name of the host, and none", async () => {
    for (const host of ["/var/run/docker.sock", "%2Fvar%2Frun", "", "[::", "a b"]) {
      const answer = await rawRequest(
        docker,
        `GET /_ping HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
      );
      expect(answer).toStartWith("HTTP/1.1 200 OK");
    }
    expect(await rawRequest(docker, "GET /_ping HTTP/1.0\r\n\r\n")).toStartWith("HTTP/1.1 200 OK");
  });

  test("upgrades that lead nowhere", async () => {
    const refusals: [string, number][] = [
      [`POST /containers/none/attach HTTP/1.1\r\nHost: x\r\n${upgrade}\r\n`, 404],
      [`POST //[::/containers/none/attach HTTP/1.1\r\nHost: x\r\n${upgrade}\r\n`, 404],
      [`POST /exec/none/start HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n${upgrade}\r\n{}{}`, 400],
      [`POST /containers/${box}/attach?detachKeys=none HTTP/1.1\r\nHost: x\r\n${upgrade}\r\n`, 400],
      [`TRACE /containers/none/attach HTTP/1.1\r\nHost: x\r\n${upgrade}\r\n`, 404],
      [`POST /containers/a%00b/attach HTTP/1.1\r\nHost: x\r\n${upgrade}\r\n`, 400],
    ];
    for (const [request, status] of refusals) {
      const answer = await rawRequest(docker, request);
      expect(answer).toStartWith(`HTTP/1.1 ${status} `);
      expect(JSON.parse(answer.slice(answer.indexOf("\r\n\r\n")))).toHaveProperty("message");
    }
  });
});

describe("addresses", () => {
  /** Every path that the API has, as its routes say, with hostile names for the parameters. */
  function addresses(): [string, string][] {
    const facts = { version: "0" } as DockerApiDependencies["facts"];
    const app = createApp({ facts, logger: silentLogger } as DockerApiDependencies);
    const known = app.routes.filter(({ method, path }) => method !== "ALL" && path.includes(":"));
    return [...new Set(known.map(({ method, path }) => `${method} ${path}`))].map(
      (one) => one.split(" ") as [string, string],
    );
  }
  const names = [
    ...hostileTexts.filter((text) => text.length < 1000 && text.isWellFormed()).map(encodeURIComponent),
    "%ff%fe",
    "%zz",
    "%252e%252e%252f",
    "a%00b",
    "..%2f..%2fetc%2fpasswd",
    "a".repeat(100_000),
  ];

  test(
    "hostile names in each path",
    async () => {
      expect(addresses().length).toBeGreaterThan(30);
      const complaints: string[] = [];
      for (const [method, path] of addresses()) {
        for (const name of names) {
          const address = path.replaceAll(/:[a-z]+(\{[^}]+\})?/g, name);
          // What would be waited for without end is asked for in a way that ends.
          const answer = await ask(docker, method, `${address}?path=/&name=x&t=0`);
          const complaint = unfair(answer);
          if (complaint !== undefined)
            complaints.push(`${method} ${path} of ${name.slice(0, 40)}: ${complaint}`);
        }
      }
      expect(complaints).toEqual([]);
    },
    minute,
  );

  test(
    "hostile values of each parameter",
    async () => {
      const asked: [string, string, string[]][] = [
        ["GET", "/containers/json", ["limit", "filters", "before", "since"]],
        ["GET", `/containers/${box}/logs?stdout=1`, ["since", "until", "tail"]],
        ["GET", `/containers/${box}/top`, ["ps_args"]],
        ["GET", `/containers/${box}/archive`, ["path"]],
        ["PUT", `/containers/${box}/archive`, ["path"]],
        ["POST", `/containers/${box}/resize`, ["h", "w"]],
        ["POST", `/containers/${box}/rename`, ["name"]],
        ["POST", `/containers/${box}/attach?logs=1`, ["detachKeys"]],
        ["POST", "/containers/none/wait", ["condition"]],
        ["POST", "/containers/create", ["name", "platform"]],
        ["GET", "/images/json", ["filters"]],
        ["POST", "/images/create", ["fromImage", "fromSrc", "repo", "tag", "platform", "changes"]],
        ["POST", `/images/${image}/tag`, ["repo", "tag"]],
        ["GET", "/images/get", ["names"]],
        ["GET", "/networks", ["filters"]],
        ["GET", "/volumes", ["filters"]],
        ["GET", "/events?until=1", ["since", "filters"]],
        [
          "POST",
          `/build?remote=`,
          ["buildargs", "labels", "dockerfile", "t", "memory", "ulimits", "networkmode"],
        ],
        ["POST", `/commit?container=none`, ["changes", "repo", "tag", "comment"]],
      ];
      const values = [
        ...names,
        "-1",
        "1e300",
        "99999999999999999999",
        "NaN",
        "[[[[",
        '{"a":1}',
        '{"a":[1]}',
        "null",
      ];
      const complaints: string[] = [];
      for (const [method, path, parameters] of asked) {
        for (const parameter of parameters) {
          for (const value of values) {
            const joined = path.includes("?") ? "&" : "?";
            const answer = await ask(docker, method, `${path}${joined}${parameter}=${value}`);
            const complaint = unfair(answer);
            if (complaint !== undefined)
              complaints.push(`${method} ${path} ${parameter}=${value.slice(0, 40)}: ${complaint}`);
          }
        }
      }
      expect(complaints).toEqual([]);
      for (const name of JSON.parse((await ask(docker, "GET", "/images/json")).text) as {
        RepoTags: string[];
      }[]) {
        for (const tag of name.RepoTags.filter((one) => one !== image))
          await ask(docker, "DELETE", `/images/${tag}`);
      }
      await ask(docker, "POST", `/containers/${box}/rename?name=box`);
      expect(complaints).toEqual([]);
    },
    2 * minute,
  );
});

/** Sends `total` bytes and more, as long as the other side takes them; how many it had taken when it answered, and what. */
async function pour(socket: string, head: string, total: number, chunked: boolean) {
  const client = await rawClient(socket);
  const piece = Buffer.alloc(64 * 1024, 0x20);
  const framed = chunked ? Buffer.concat([Buffer.from("10000\r\n"), piece, Buffer.from("\r\n")]) : piece;
  const over = new AbortController();
  void client.closed().then(() => over.abort());
  let [sent, peak, answeredAt] = [0, 0, Infinity];
  client.send(head);
  while (sent < total && !over.signal.aborted) {
    // A turn of the loop, in which an answer can come: a client that only writes would not see it.
    await Bun.sleep(0);
    if (answeredAt === Infinity && client.received() !== "") answeredAt = sent;
    sent += piece.length;
    if (sent % (32 * piece.length) === 0) peak = Math.max(peak, residentMb());
    if (client.socket.write(framed)) continue;
    await Promise.race([client.closed(), new Promise((resolve) => client.socket.once("drain", resolve))]);
  }
  // The answer and the end can come in one turn.
  if (answeredAt === Infinity && over.signal.aborted && client.received() !== "") answeredAt = sent;
  const said = await Promise.race([client.until(/^HTTP\/1\.1 \d+/), Bun.sleep(5000).then(() => "nothing")]);
  client.destroy();
  return { answeredAt, peak, said };
}

describe("bodies of 100 MB", () => {
  const head = (path: string) => `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n`;
  test.each([
    ["the Docker API", () => docker, "/containers/create"],
    ["Virga's own", () => own, "/v1/stacks/plan"],
  ] as const)(
    "%s: refused early, and never held",
    async (_name, socket, path) => {
      const start = residentMb();
      for (const chunked of [false, true]) {
        const framing = chunked ? "Transfer-Encoding: chunked" : "Content-Length: 100000000";
        const { answeredAt, peak, said } = await pour(
          socket(),
          `${head(path)}${framing}\r\n\r\n`,
          100_000_000,
          chunked,
        );
        expect(said).toMatch(/^HTTP\/1\.1 (400|413) /);
        expect(answeredAt).toBeLessThan(40_000_000);
        expect(peak).toBeLessThan(start + 100);
      }
    },
    minute,
  );
});

describe("a thousand clients", () => {
  const count = 1000;
  const stream = (method: string, path: string, more = "") =>
    `${method} ${path} HTTP/1.1\r\nHost: x\r\n${more}\r\n`;
  const kinds: readonly (readonly [string, () => string, () => string, string])[] = [
    ["that say nothing to the Docker API", () => docker, () => "", ""],
    ["that say nothing to Virga's own", () => own, () => "", ""],
    ["that never finish their headers", () => docker, () => "GET /_ping HTTP/1.1\r\nX-A: ", ""],
    ["that never finish their body", () => docker, () => `${post}Content-Length: 100\r\n\r\n{`, ""],
    ["that never finish their body, of Virga's own", () => own, () => stream("POST", "/v1/stacks/plan", "Content-Length: 100\r\n"), ""],
    ["that attach and go silent", () => docker, () => stream("POST", `/containers/${box}/attach?stream=1&stdin=1&stdout=1`, upgrade), "101 UPGRADED"],
    ["that follow a log", () => docker, () => stream("GET", `/containers/${box}/logs?follow=1&stdout=1`), "200 OK"],
    ["that listen to events", () => docker, () => stream("GET", "/events"), "200 OK"],
    ["that wait for an exit", () => docker, () => stream("POST", `/containers/${box}/wait`, "Content-Length: 0\r\n"), "200 OK"],
    ["that look at statistics", () => docker, () => stream("GET", `/containers/${box}/stats`), "200 OK"],
  ]; // prettier-ignore

  test.each(kinds)(
    "%s",
    async (_what, socket, says, answer) => {
      const clients: RawClient[] = [];
      while (clients.length < count) {
        clients.push(...(await Promise.all(Array.from({ length: 100 }, () => rawClient(socket())))));
      }
      for (const client of clients) if (says() !== "") client.send(says());
      if (answer !== "") await Promise.all(clients.map((client) => client.until(answer)));
      await eventually("the daemon has them all", () => openFiles() > before.files + count - 50);
      const began = performance.now();
      expect((await ask(docker, "GET", "/_ping")).text).toBe("OK");
      expect(performance.now() - began).toBeLessThan(5000);
      for (const client of clients) client.destroy();
      // `afterEach` sees the descriptors go.
    },
    minute,
  );
});

describe("streams that break in the middle", () => {
  const chunk = (bytes: string | Uint8Array) =>
    Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), Buffer.from(bytes), Buffer.from("\r\n")]);
  /** The begin of an archive whose one file says that it is 64 MB, and 1 MB of it. */
  async function begun(name: string): Promise<Buffer> {
    const { tarOf } = await import("../../src/layers/testing.ts");
    const whole = Buffer.from(tarOf({ path: name, content: Buffer.alloc(2 * 1024 * 1024, 0x61) }));
    return whole.subarray(0, 1024 * 1024);
  }
  const uploads: readonly (readonly [string, () => string, string])[] = [
    ["a build context", () => "POST /build?t=cut", "Dockerfile"],
    ["an image to load", () => "POST /images/load", "manifest.json"],
    ["an image to import", () => "POST /images/create?fromSrc=-&repo=cut", "file"],
    ["files for a container", () => `PUT /containers/${box}/archive?path=/tmp`, "file"],
  ];

  test.each(uploads)(
    "%s",
    async (_what, request, name) => {
      for (let turn = 0; turn < 5; turn++) {
        const client = await rawClient(docker);
        client.send(
          `${request()} HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-tar\r\nTransfer-Encoding: chunked\r\n\r\n`,
        );
        client.send(chunk(await begun(name)));
        await Bun.sleep(turn * 20);
        client.destroy();
      }
      await daemon.docker(["exec", box, "rm", "-f", "/tmp/file"]);
    },
    minute,
  );

  test(
    "what a command writes, and what is copied out",
    async () => {
      const endless = await daemon.dockerOk(["run", "-d", "--stop-signal", "KILL", image, "sh", "-c", "yes"]);
      const exec = async () => {
        const made = await ask(docker, "POST", `/containers/${box}/exec`, {
          AttachStdout: true,
          Cmd: ["sh", "-c", "yes; :"],
        });
        return `POST /exec/${(JSON.parse(made.text) as { Id: string }).Id}/start`;
      };
      const whole = { "Content-Type": "application/json" };
      const requests: [string, string, string][] = [
        [`POST /containers/${endless}/attach?stream=1&stdout=1`, upgrade, ""],
        [`POST /containers/${endless}/attach?stream=1&stdout=1`, "Content-Length: 0\r\n", ""],
        [`GET /containers/${endless}/logs?follow=1&stdout=1`, "", ""],
        [`GET /containers/${endless}/logs?stdout=1`, "", ""],
        [`GET /containers/${box}/export`, "", ""],
        [`GET /containers/${box}/archive?path=/bin`, "", ""],
        [`GET /images/${image}/get`, "", ""],
        [await exec(), `${upgrade}Content-Type: ${whole["Content-Type"]}\r\nContent-Length: 2\r\n`, "{}"],
        [await exec(), `Content-Type: ${whole["Content-Type"]}\r\nContent-Length: 2\r\n`, "{}"],
      ];
      for (const [request, headers, body] of requests) {
        const client = await rawClient(docker);
        client.send(`${request} HTTP/1.1\r\nHost: x\r\n${headers}\r\n${body}`);
        await client.until(/^HTTP\/1\.1 (101|200)[^]*\r\n\r\n[^]/);
        // Reads no more for a moment, so that the daemon has to wait, and goes.
        client.socket.pause();
        await Bun.sleep(100);
        client.destroy();
      }
      // The commands themselves go on, as with Docker; they are the container's.
      await daemon.dockerOk(["rm", "-f", endless]);
      await daemon.docker(["exec", box, "sh", "-c", "pkill yes"]);
    },
    minute,
  );
});

import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync, linkSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs"; // prettier-ignore
import { join } from "node:path";
import { silentLogger } from "../../../base/index.ts";
import { sendTree } from "../exporters/send-tree.ts";
import { connectPeer, type RpcCall } from "../rpc/client.ts";
import { createRpcServer, type Method } from "../rpc/server.ts";
import { connectionPair, failure } from "../testing.ts";
import { packet, packetTypes } from "../wire/files.ts";
import { syncFolder } from "./file-sync.ts";
import type { Session } from "./sessions.ts";

const method = "/moby.filesync.v1.FileSync/DiffCopy";
const never = new AbortController().signal;
let place = "";
const opened: { close(): void }[] = [];
beforeEach(() => (place = mkdtempSync("/tmp/virga-sync-")));
afterEach(() => {
  for (const one of opened.splice(0)) one.close();
  rmSync(place, { recursive: true });
});

const namesIn = (folder: string) => readdirSync(folder, { recursive: true }).map(String).toSorted();

/** A session whose client answers DiffCopy by `serve`. */
async function sessionOf(serve: Method): Promise<Session> {
  const [near, far] = await connectionPair();
  const server = createRpcServer({ [method]: serve }, silentLogger);
  void server.serve(far);
  const peer = connectPeer(near);
  opened.push(peer, server);
  return { id: "s", sharedKey: "", peer, supports: (name) => name === method };
}

/** A client that sends the files below `root` by our own sender; its answers go through a queue. */
async function sending(
  root: string,
): Promise<{ readonly session: Session; readonly metadata: () => unknown }> {
  let seen: unknown;
  const session = await sessionOf(async function* (requests, { metadata }) {
    seen = metadata;
    const queue: Uint8Array[] = [];
    let wake = () => {};
    const state = { over: false };
    const call: RpcCall = {
      messages: requests,
      send(message) {
        queue.push(message);
        wake();
        return Promise.resolve(true);
      },
      end: () => {},
      cancel: () => {},
    };
    const work = sendTree(call, root).finally(() => {
      state.over = true;
      wake();
    });
    work.catch(() => {});
    while (!state.over || queue.length > 0) {
      const next = queue.shift();
      if (next) yield next;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
    await work;
  });
  return { session, metadata: () => seen };
}

test("a folder arrives as it is, then only what has changed", async () => {
  const [from, to] = [join(place, "from"), join(place, "to")];
  for (const folder of [from, to, join(from, "sub"), join(from, "empty")]) mkdirSync(folder);
  const large = Buffer.alloc(700_000, "large");
  writeFileSync(join(from, "large"), large);
  writeFileSync(join(from, "sub/a"), "a");
  writeFileSync(join(from, "sub.txt"), "beside");
  linkSync(join(from, "sub/a"), join(from, "sub/b"));
  symlinkSync("a", join(from, "sub/link"));
  chmodSync(join(from, "sub/a"), 0o4750);
  for (let n = 0; n < 300; n++) writeFileSync(join(from, "empty", `${n}`), "");

  const { session, metadata } = await sending(from);
  const request = { name: "ctx", follow: ["ü", "b"], exclude: ["*.log"] };
  expect(await syncFolder(session, request, to, { signal: never })).toEqual({ entries: 307, bytes: 700_007 });
  expect(metadata()).toMatchObject({
    "dir-name": "ctx",
    "followpaths-encoded": "1",
    "exclude-patterns": "*.log",
  });
  expect(namesIn(to)).toEqual(namesIn(from));
  expect(readFileSync(join(to, "large")).equals(large)).toBe(true);
  expect(statSync(join(to, "sub/b"))).toMatchObject({ nlink: 2, mode: 0o104750 });

  writeFileSync(join(from, "sub.txt"), "changed");
  const again = await syncFolder(session, request, to, { signal: never });
  // The two names of one file are told as one anew; its content is not sent.
  expect(again).toEqual({ entries: 307, bytes: 7 });
});

test("what the client says goes wrong, goes wrong here", async () => {
  const session = await sessionOf(async function* () {
    yield await Promise.resolve(
      packet.encode({ type: packetTypes.error, data: Buffer.from("no such folder") }),
    );
  });
  expect(await failure(syncFolder(session, { name: "x" }, place, { signal: never }))).toMatchObject({
    message: "no such folder",
  });
});

test("a client that ends in the middle leaves no half file", async () => {
  const session = await sessionOf(async function* (requests) {
    const stat = { path: "a", mode: 0o644, size: 500_000, modTime: 1n };
    yield packet.encode({ type: packetTypes.stat, stat });
    for await (const _ of requests) break;
    yield packet.encode({ type: packetTypes.data, id: 0, data: Buffer.alloc(300_000) });
  });
  expect(await failure(syncFolder(session, { name: "x" }, place, { signal: never }))).toMatchObject({
    message: expect.stringContaining("before all files were sent"),
  });
  expect(readdirSync(place)).toEqual([]);
});

test("data that nobody asked for is refused", async () => {
  const session = await sessionOf(async function* () {
    yield await Promise.resolve(packet.encode({ type: packetTypes.data, id: 7, data: Buffer.from("x") }));
  });
  expect(await failure(syncFolder(session, { name: "x" }, place, { signal: never }))).toMatchObject({
    message: expect.stringContaining("not asked for"),
  });
});

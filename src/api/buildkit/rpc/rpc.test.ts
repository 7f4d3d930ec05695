import { afterEach, expect, test } from "bun:test";
import { fail, silentLogger } from "../../../base/index.ts";
import { connectionPair, failure } from "../testing.ts";
import { integer, message, one, text } from "../wire/message.ts";
import { callOnce, connectPeer, type RpcPeer } from "./client.ts";
import { createRpcServer, streaming, unary, type Methods } from "./server.ts";
import { codes } from "./status.ts";
import { openTunnel } from "./tunnel.ts";
import { bytesMessage } from "../wire/session.ts";

const question = message({ text: one(1, text), times: one(2, integer) });
const shape = [question, question] as const;
const opened: { close(): void }[] = [];
afterEach(() => opened.splice(0).forEach((one) => one.close()));

async function connected(methods: Methods): Promise<RpcPeer> {
  const [near, far] = await connectionPair();
  const server = createRpcServer(methods, silentLogger);
  void server.serve(far);
  const peer = connectPeer(near);
  opened.push(peer, server);
  return peer;
}

test("one message each way, and the caller's metadata", async () => {
  const peer = await connected({
    "/s/Echo": unary(question, question, ({ text: said }, { metadata }) => ({
      text: `${said} ${String(metadata.who)}`,
    })),
  });
  expect(await callOnce(peer, "/s/Echo", shape, { text: "hello" }, { metadata: { who: "you" } })).toEqual({
    text: "hello you",
    times: 0,
  });
});

test("an error arrives with its code and its words", async () => {
  const peer = await connected({
    "/s/Fail": unary(question, question, () => {
      throw fail("unimplemented", "x", "größer than 100 %");
    }),
  });
  expect(await failure(callOnce(peer, "/s/Fail", shape, {}))).toMatchObject({
    code: codes.unimplemented,
    message: "größer than 100 %",
  });
  expect(await failure(callOnce(peer, "/s/None", shape, {}))).toMatchObject({
    code: codes.unimplemented,
    message: "/s/None is not supported",
  });
});

test("many megabytes, in many messages", async () => {
  const large = "x".repeat(300_000);
  const peer = await connected({
    "/s/Many": streaming(question, question, async function* ({ times }) {
      for (let n = 0; n < times; n++) yield await Promise.resolve({ text: large, times: n });
    }),
  });
  const call = peer.call("/s/Many");
  await call.send(question.encode({ times: 40 }));
  call.end();
  let count = 0;
  for await (const bytes of call.messages)
    expect(question.decode(bytes)).toEqual({ text: large, times: count++ });
  expect(count).toBe(40);
});

test("messages that are sent at once arrive whole, one after the other, before the end", async () => {
  const sizes: number[] = [];
  const peer = await connected({
    "/s/Take": async function* (requests) {
      for await (const bytes of requests) {
        const { text: said, times } = question.decode(bytes);
        expect(said).toBe(String(times).repeat(200_000));
        sizes.push(said.length);
      }
      yield await Promise.resolve(question.encode({ text: "all" }));
    },
  });
  const call = peer.call("/s/Take");
  for (let times = 0; times < 10; times++)
    void call.send(question.encode({ text: String(times).repeat(200_000), times }));
  call.end();
  for await (const bytes of call.messages) expect(question.decode(bytes).text).toBe("all");
  expect(sizes).toHaveLength(10);
});

test("a caller that gives up stops the handler", async () => {
  const stopped = Promise.withResolvers<void>();
  const peer = await connected({
    "/s/Wait": streaming(question, question, async function* (_, { signal }) {
      yield { text: "begun" };
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      stopped.resolve();
    }),
  });
  const stop = new AbortController();
  const call = peer.call("/s/Wait", { signal: stop.signal });
  await call.send(question.encode({}));
  call.end();
  const reading = (async () => {
    for await (const bytes of call.messages)
      if (question.decode(bytes).text === "begun") stop.abort(new Error("enough"));
  })();
  expect(await failure(reading)).toMatchObject({ message: expect.stringContaining("enough") });
  await stopped.promise;
});

test("a connection that is gone ends its calls", async () => {
  const [near, far] = await connectionPair();
  const begun = Promise.withResolvers<void>();
  const server = createRpcServer(
    {
      "/s/Hang": unary(question, question, async () => {
        begun.resolve();
        return await new Promise<never>(() => {});
      }),
    },
    silentLogger,
  );
  void server.serve(far);
  const peer = connectPeer(near);
  const call = callOnce(peer, "/s/Hang", shape, {});
  call.catch(() => {});
  await begun.promise;
  far.destroy();
  expect(await failure(call)).toMatchObject({ code: codes.unavailable });
  expect(peer.gone.aborted).toBe(true);
});

test("a connection inside a call", async () => {
  const inner = createRpcServer({ "/s/Echo": unary(question, question, (asked) => asked) }, silentLogger);
  opened.push(inner);
  // The caller serves, as a client of BuildKit does with its session; the one called asks.
  const outer = await connected({
    "/s/Tunnel": (requests) => {
      const { connection, answers } = openTunnel(requests);
      const peer = connectPeer(connection);
      void callOnce(peer, "/s/Echo", shape, { text: "through" }).then(got.resolve, got.reject);
      return answers;
    },
  });
  const got = Promise.withResolvers<unknown>();
  const call = outer.call("/s/Tunnel");
  const [near, far] = await connectionPair();
  void inner.serve(far);
  const up = (async () => {
    for await (const data of near) await call.send(bytesMessage.encode({ data: data as Uint8Array }));
  })();
  const down = (async () => {
    for await (const bytes of call.messages) near.write(bytesMessage.decode(bytes).data);
  })();
  for (const one of [up, down]) one.catch(() => {});
  expect(await got.promise).toMatchObject({ text: "through" });
  call.end();
  await down;
});

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { appendFileSync } from "node:fs";
import { appendFile, rename } from "node:fs/promises";
import type { Attachment, LogLine, LogOptions } from "./container.ts";
import type { ContainerSpec } from "./spec.ts";
import { testContainers, type TestContainers } from "./testing.ts";
import { fail } from "../base/index.ts";

let on: TestContainers;
beforeEach(async () => void (on = await testContainers()));
afterEach(() => on[Symbol.asyncDispose]());

async function make(spec: Partial<ContainerSpec> = {}): Promise<string> {
  return (await on.containers.create({ image: "busybox", name: "web", ...spec })).container.id;
}
async function run(spec: Partial<ContainerSpec> = {}): Promise<string> {
  const id = await make(spec);
  await on.containers.start(id);
  return id;
}
const logOf = (id: string) => on.containers.get(id).logPath!;
const line = (second: number, text: string, stream = "stdout", tag = "F") =>
  `2026-01-01T00:00:${String(second).padStart(2, "0")}.000000000+00:00 ${stream} ${tag} ${text}\n`;
const write = (id: string, ...lines: string[]) => appendFile(logOf(id), lines.join(""));
const all: LogOptions = { stdout: true, stderr: true, follow: false };

/** Reads in the background; `texts` grows. */
function reading(lines: AsyncIterable<LogLine>) {
  const texts: string[] = [];
  const ended = (async () => {
    for await (const one of lines) texts.push(Buffer.from(one.data).toString());
  })();
  return { texts, ended };
}
async function read(id: string, options: Partial<LogOptions> = {}): Promise<string[]> {
  const { texts, ended } = reading(
    on.containers.logs(id, { ...all, ...options }, new AbortController().signal),
  );
  await ended;
  return texts;
}

describe("logs", () => {
  test("pieces are put together per stream, and streams chosen", async () => {
    const id = await run();
    await write(
      id,
      line(1, "a", "stdout", "P"),
      line(1, "err", "stderr"),
      line(1, "b"),
      line(2, "prompt", "stdout", "P"),
    );
    expect(await read(id)).toEqual(["err\n", "ab\n", "prompt"]);
    expect(await read(id, { stdout: false })).toEqual(["err\n"]);
    expect(await read(id, { stderr: false, tail: 1 })).toEqual(["prompt"]);
  });

  test("since and until, over rotated files", async () => {
    const id = await run();
    await write(id, line(1, "a"), line(2, "b"));
    await rename(logOf(id), `${logOf(id)}.1`);
    await write(id, line(3, "c"), line(4, "d"));
    const ns = (second: number) => BigInt(Date.UTC(2026, 0, 1, 0, 0, second)) * 1_000_000n;
    expect(await read(id, { sinceNs: ns(2), untilNs: ns(3) })).toEqual(["b\n", "c\n"]);
    expect(await read(id, { tail: 3 })).toEqual(["b\n", "c\n", "d\n"]);
  });

  test("what is written while it is read is not part of it", async () => {
    const id = await run();
    await write(id, line(1, "a"), line(2, "b"));
    const onOpen = () => appendFileSync(logOf(id), line(3, "c"));
    expect(await read(id, { tail: 1, onOpen })).toEqual(["b\n"]);
    expect(await read(id, { onOpen })).toEqual(["a\n", "b\n", "c\n"]);
  });

  test("follow goes over a rotation and ends with the container", async () => {
    const id = await run();
    await write(id, line(1, "a"));
    const following = on.containers.logs(id, { ...all, follow: true }, new AbortController().signal);
    const { texts, ended } = reading(following);
    await on.until(() => texts.length === 1);
    await rename(logOf(id), `${logOf(id)}.1`);
    await appendFile(`${logOf(id)}.1`, line(2, "late in the old file"));
    await write(id, line(3, "new file"));
    await on.clock.advance(1000);
    await on.until(() => texts.length === 3);
    await write(id, line(4, "last"));
    on.runtime.exit(id, 0);
    await ended;
    expect(texts).toEqual(["a\n", "late in the old file\n", "new file\n", "last\n"]);
  });

  test("follow ends when the reader goes, or until has passed", async () => {
    const id = await run();
    await write(id, line(1, "a"));
    const stop = new AbortController();
    const first = reading(on.containers.logs(id, { ...all, follow: true }, stop.signal));
    const untilNs = BigInt(on.clock.now().getTime() + 2000) * 1_000_000n;
    const second = reading(
      on.containers.logs(id, { ...all, follow: true, untilNs }, new AbortController().signal),
    );
    await on.until(() => first.texts.length === 1 && second.texts.length === 1);
    stop.abort();
    await first.ended;
    await on.clock.advance(2001);
    await second.ended;
  });

  test("of a stopped container follow changes nothing, and without a log driver there is nothing to read", async () => {
    const id = await make();
    expect(await read(id, { follow: true })).toEqual([]);
    const none = await make({ name: "none", log: { driver: "none" } });
    expect(read(none)).rejects.toThrow("configured logging driver does not support reading");
  });

  test("a log that has grown too large is rotated, the oldest goes", async () => {
    const id = await run({ log: { driver: "json-file", maxBytes: 4096, maxFiles: 2 } });
    for (const text of ["a", "b", "c"]) {
      await write(id, line(1, text.repeat(5000)));
      await on.clock.advance(2000);
      await on.until(() => on.runtime.calls.at(-1) === `reopenLog ${id.slice(0, 4)}`);
      on.runtime.calls.push("-");
    }
    await write(id, line(2, "d"));
    expect((await read(id)).map((text) => text[0])).toEqual(["c", "d"]);
  });
});

describe("attach", () => {
  const everything = { stdin: true, stdout: true, stderr: true, logs: false };
  const collect = async (attachment: Attachment) => {
    let text = "";
    for await (const { data } of attachment.output) text += Buffer.from(data).toString();
    return text;
  };
  const streamsOf = (id: string) => on.runtime.tasks.get(id)!.streams;

  test("before the start misses nothing, and ends with the run", async () => {
    const id = await make({ openStdin: true });
    const attachment = await on.containers.attach(id, everything);
    const text = collect(attachment);
    const written = attachment.write(Buffer.from("hello"));
    await on.containers.start(id);
    const [streams] = streamsOf(id);
    streams!.say("first");
    await written;
    expect(streams!.written).toEqual(["hello"]);
    await attachment.closeStdin();
    expect(streams!.stdinClosed).toBe(true);
    on.runtime.exit(id, 0);
    expect(await text).toBe("first");
  });

  test("ends when the start fails or the container goes", async () => {
    const id = await make();
    const first = collect(await on.containers.attach(id, everything));
    on.runtime.failures.set("create", fail("invalid", "task.command-not-found", "no"));
    expect(on.containers.start(id)).rejects.toThrow("no");
    expect(await first).toBe("");
    const second = collect(await on.containers.attach(id, everything));
    await on.containers.remove(id);
    expect(await second).toBe("");
  });

  test("only the streams asked for, the log first when asked for", async () => {
    const id = await run();
    await write(id, line(1, "old"), line(1, "old error", "stderr"));
    const attachment = await on.containers.attach(id, { ...everything, stderr: false, logs: true });
    streamsOf(id)[0]!.say("out");
    streamsOf(id)[0]!.say("err", "stderr");
    streamsOf(id)[0]!.end();
    expect(await collect(attachment)).toBe("old\nout");
    expect(attachment.write(Buffer.from("x"))).rejects.toThrow("stdin of container");
  });

  test("the end is told when clients have all of the output, or do not read for two seconds", async () => {
    for (const reads of [true, false]) {
      const id = await run({ name: reads ? "read" : "unread" });
      const attachment = await on.containers.attach(id, everything);
      let told = false;
      void on.containers.wait(id, "not-running").then(() => (told = true));
      streamsOf(id)[0]!.say("last words");
      on.runtime.exit(id, 0);
      await on.settle();
      expect(told).toBe(false);
      if (reads) expect(await collect(attachment)).toBe("last words");
      else await on.clock.advance(2000);
      await on.until(() => told);
    }
  });

  test("a client that only writes stays until the run ends, and one that asks for nothing goes at once", async () => {
    const id = await run({ openStdin: true });
    const nothing = { stdin: false, stdout: false, stderr: false, logs: false };
    expect(await collect(await on.containers.attach(id, nothing))).toBe("");
    const attachment = await on.containers.attach(id, { ...nothing, stdin: true });
    let ended = false;
    const text = collect(attachment).finally(() => (ended = true));
    const [, streams] = streamsOf(id);
    streams!.say("unheard");
    await on.settle();
    expect(ended).toBe(false);
    await attachment.write(Buffer.from("x"));
    expect(streams!.written).toEqual(["x"]);
    on.runtime.exit(id, 0);
    expect(await text).toBe("");
  });

  test("a client that goes lets go", async () => {
    const id = await run();
    const attachment = await on.containers.attach(id, everything);
    const text = collect(attachment);
    attachment.close();
    await text;
    expect(streamsOf(id)[0]!.closed).toBe(true);
    await on.containers.pause(id);
    expect(on.containers.attach(id, everything)).rejects.toThrow("is paused");
  });
});

describe("exec", () => {
  const request = { command: ["ls", "-l"], attachStdout: true };

  test("is created, started, waited for, and remembered for five minutes", async () => {
    const id = await run();
    on.runtime.onExec = () => ({ exitCode: 7, output: "listing" });
    const exec = on.containers.createExec(id, request);
    expect(exec.state).toEqual({ status: "created" });
    const attachment = (await on.containers.startExec(exec.id, { detach: false, tty: false }))!;
    let text = "";
    for await (const { data } of attachment.output) text += Buffer.from(data).toString();
    expect(text).toBe("listing");
    expect(await on.containers.waitExec(exec.id)).toBe(7);
    expect(on.containers.getExec(exec.id).state).toEqual({
      status: "exited",
      exitCode: 7,
      pid: expect.any(Number),
    });
    expect(on.events.slice(2)).toEqual(["exec_create: ls -l", "exec_start: ls -l", "exec_die"]);
    await on.clock.advance(240_000);
    on.containers.getExec(exec.id);
    await on.clock.advance(120_000);
    expect(() => on.containers.getExec(exec.id)).toThrow(`No such exec instance: ${exec.id}`);
  });

  test("starts once only, also when asked twice at once", async () => {
    const id = await run();
    const exec = on.containers.createExec(id, request);
    const starts = [1, 2].map(() => on.containers.startExec(exec.id, { detach: true, tty: false }));
    const results = await Promise.allSettled(starts);
    expect(results.map((one) => one.status)).toEqual(["fulfilled", "rejected"]);
    expect(on.runtime.execs).toHaveLength(1);
  });

  test("needs a container that runs and is not paused", async () => {
    const id = await make();
    expect(() => on.containers.createExec(id, request)).toThrow(`Container ${id} is not running`);
    await on.containers.start(id);
    const exec = on.containers.createExec(id, request);
    await on.containers.pause(id);
    expect(() => on.containers.createExec(id, request)).toThrow(
      "is paused, unpause the container before exec",
    );
    expect(on.containers.startExec(exec.id, { detach: true, tty: false })).rejects.toThrow("is paused");
    expect(() => on.containers.checkExec(exec.id)).toThrow("is paused");
    await on.containers.resume(id);
    on.containers.checkExec(exec.id);
    await on.containers.startExec(exec.id, { detach: true, tty: false });
    expect(() => on.containers.checkExec(exec.id)).toThrow("already");
    expect(() => on.containers.createExec(id, { command: [] })).toThrow("No exec command specified");
  });

  test("a command that cannot be run ends with 127, and goes with its container", async () => {
    const id = await run();
    const exec = on.containers.createExec(id, request);
    on.runtime.failures.set("exec", fail("invalid", "task.command-not-found", "no such file"));
    expect(on.containers.startExec(exec.id, { detach: false, tty: false })).rejects.toThrow("no such file");
    expect(await on.containers.waitExec(exec.id)).toBe(127);
    const other = on.containers.createExec(id, request);
    const waited = on.containers.waitExec(other.id);
    await on.containers.remove(id, { force: true });
    expect(waited).rejects.toThrow("its container was removed");
  });
});

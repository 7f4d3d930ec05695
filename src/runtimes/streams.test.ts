import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { isVirgaError, newId } from "../base/index.ts";
import type { ExecProcess, ExecSpec, TaskSpec } from "./runtime.ts";
import { openRuntimeBench, readAll, type RuntimeBench } from "./testing.ts";

let bench: RuntimeBench;
beforeAll(async () => void (bench = await openRuntimeBench()));
afterAll(() => bench[Symbol.asyncDispose]());

const mebibyte = 1 << 20;

async function codeOf(work: Promise<unknown>): Promise<string> {
  return await work.then(
    () => "no error",
    (error: unknown) => (isVirgaError(error) ? `${error.kind} ${error.code}` : `not ours: ${String(error)}`),
  );
}

async function started(spec: TaskSpec): Promise<TaskSpec> {
  await bench.runtime.create(spec);
  await bench.runtime.start(spec.id);
  return spec;
}

function exitOf(id: string): Promise<number> {
  return new Promise((resolve) => {
    const listening = bench.runtime.onExit((ended, exit) => {
      if (ended !== id) return;
      listening[Symbol.dispose]();
      resolve(exit.exitCode);
    });
  });
}

async function count(output: AsyncIterable<{ readonly data: Uint8Array }>): Promise<number> {
  let bytes = 0;
  for await (const { data } of output) bytes += data.length;
  return bytes;
}

describe("attach", () => {
  test("stdout and stderr apart, the end of input, and the end of output", async () => {
    const spec = bench.spec(["sh", "-c", "cat; echo oops >&2"], { stdin: true, stdinOnce: true });
    await bench.runtime.create(spec);
    const streams = await bench.runtime.attach(spec.id);
    const exited = exitOf(spec.id);
    await bench.runtime.start(spec.id);
    await streams.write(Buffer.from("one "));
    await streams.write(Buffer.from("two"));
    await streams.closeStdin();
    const text = { stdout: "", stderr: "" };
    for await (const { stream, data } of streams.output) text[stream] += Buffer.from(data).toString();
    expect(text).toEqual({ stdout: "one two", stderr: "oops\n" });
    expect(await exited).toBe(0);
    expect(await codeOf(streams.write(Buffer.from("x")))).toBe("conflict task.stdin-closed");
  });

  test("several clients see the same", async () => {
    const spec = bench.spec(["sh", "-c", "read x; echo $x; read y"], { stdin: true });
    await bench.runtime.create(spec);
    const [one, two] = [await bench.runtime.attach(spec.id), await bench.runtime.attach(spec.id)];
    await bench.runtime.start(spec.id);
    await one.write(Buffer.from("hello\n"));
    await two.write(Buffer.from("end\n"));
    expect(await Promise.all([readAll(one.output), readAll(two.output)])).toEqual(["hello\n", "hello\n"]);
  });

  test("without stdinOnce a client's going leaves the input open; with it, the input ends", async () => {
    for (const stdinOnce of [false, true]) {
      const spec = await started(
        bench.spec(["sh", "-c", "read x && exit 5; exit 6"], { stdin: true, stdinOnce }),
      );
      const exited = exitOf(spec.id);
      const listener = await bench.runtime.attach(spec.id, { stdin: false });
      listener.close();
      await Bun.sleep(30);
      expect((await bench.runtime.inspect(spec.id)).status).toBe("running");
      const first = await bench.runtime.attach(spec.id);
      await first.closeStdin();
      first.close();
      if (!stdinOnce) {
        const second = await bench.runtime.attach(spec.id);
        await second.write(Buffer.from("line\n"));
      }
      expect(await exited).toBe(stdinOnce ? 6 : 5);
    }
  });

  test("a task that has ended gives no output and takes no input", async () => {
    const spec = bench.spec(["true"]);
    await bench.runtime.create(spec);
    const exited = exitOf(spec.id);
    await bench.runtime.start(spec.id);
    await exited;
    const streams = await bench.runtime.attach(spec.id);
    expect(await readAll(streams.output)).toBe("");
    expect(await codeOf(streams.write(Buffer.from("x")))).toBe("conflict task.stdin-closed");
  });

  test("much output arrives whole, in little memory, and a slow reader holds the process back", async () => {
    const size = 512 * mebibyte;
    const spec = bench.spec(["head", "-c", String(size), "/dev/zero"]);
    await bench.runtime.create(spec);
    const streams = await bench.runtime.attach(spec.id);
    await bench.runtime.start(spec.id);
    const reader = streams.output[Symbol.asyncIterator]();
    await reader.next();
    await Bun.sleep(100);
    // Held back: it would have ended long ago.
    expect((await bench.runtime.inspect(spec.id)).status).toBe("running");
    const before = process.memoryUsage().rss;
    let [bytes, peak] = [0, 0];
    for (;;) {
      const { value, done } = await reader.next();
      if (done) break;
      bytes += value.data.length;
      peak = Math.max(peak, process.memoryUsage().rss);
    }
    expect(bytes).toBeGreaterThan(size - 1.5 * mebibyte); // but for the first packet
    expect((peak - before) / mebibyte).toBeLessThan(256); // garbage that is not collected yet counts too
  }, 20_000);

  test("much input arrives whole, and is held back while nobody reads it", async () => {
    const size = 16 * mebibyte;
    const spec = await started(
      bench.spec(["sh", "-c", "sleep 0.2; wc -c"], { stdin: true, stdinOnce: true }),
    );
    const streams = await bench.runtime.attach(spec.id);
    const piece = new Uint8Array(mebibyte).fill(97);
    const output = readAll(streams.output);
    let sent = 0;
    const sending = (async () => {
      for (; sent < size; sent += piece.length) await streams.write(piece);
      await streams.closeStdin();
    })();
    await Bun.sleep(100);
    expect(sent).toBeLessThan(4 * mebibyte);
    await sending;
    expect((await output).trim()).toBe(String(size));
  }, 20_000);

  test("a client that never reads does not hide the end of a killed process", async () => {
    const spec = bench.spec(["yes"]);
    await bench.runtime.create(spec);
    const streams = await bench.runtime.attach(spec.id);
    await bench.runtime.start(spec.id);
    await Bun.sleep(100);
    const exited = exitOf(spec.id);
    await bench.runtime.kill(spec.id, 9);
    expect(await exited).toBe(137);
    expect(await count(streams.output)).toBeGreaterThan(0);
  });

  test("a terminal: one stream, its size, and a change of it", async () => {
    const spec = bench.spec(["sh", "-c", "read x; stty size; read y; stty size"], { stdin: true, tty: true });
    await bench.runtime.create(spec);
    await bench.runtime.resize(spec.id, 90, 30);
    const streams = await bench.runtime.attach(spec.id);
    await bench.runtime.start(spec.id);
    const output = readAll(streams.output);
    await Bun.sleep(50);
    await streams.write(Buffer.from("a\n"));
    await Bun.sleep(50);
    await bench.runtime.resize(spec.id, 132, 43);
    await Bun.sleep(50);
    await streams.write(Buffer.from("b\n"));
    expect((await output).replaceAll("\r", "").split("\n")).toEqual(["a", "30 90", "b", "43 132", ""]);
  });
});

describe("exec", () => {
  let spec: TaskSpec;
  beforeAll(async () => void (spec = await started(bench.spec(["sleep", "1000"]))));

  function exec(command: readonly string[], options: Partial<ExecSpec> = {}): Promise<ExecProcess> {
    const process = { user: { uid: 0, gid: 0 }, args: command, env: ["PATH=/bin"], cwd: "/" };
    return bench.runtime.exec(spec.id, {
      id: newId(), tty: false, stdin: false, detach: false, ...options,
      process: { ...process, ...options.process },
    }); // prettier-ignore
  }

  test("output, streams apart, exit codes and signals", async () => {
    const one = await exec(["sh", "-c", "echo out; echo err >&2; exit 9"]);
    const text = { stdout: "", stderr: "" };
    for await (const { stream, data } of one.streams.output) text[stream] += Buffer.from(data).toString();
    expect(text).toEqual({ stdout: "out\n", stderr: "err\n" });
    expect(await one.exited).toEqual({ exitCode: 9 });
    const two = await exec(["sleep", "1000"]);
    expect(await bench.runtime.processes(spec.id)).toContain(two.pid);
    await two.kill(15);
    expect(await two.exited).toEqual({ exitCode: 143 });
    expect(await codeOf(two.kill(15))).toBe("not-found task.not-running");
  });

  test("what cannot be run, told apart", async () => {
    writeFileSync(join(bench.rootfs, "etc/broken"), "\0\0\0", { mode: 0o755 });
    writeFileSync(join(bench.rootfs, "etc/plain"), "x", { mode: 0o644 });
    expect(await codeOf(exec(["nosuch"]))).toBe("invalid task.command-not-found");
    expect(await codeOf(exec(["/etc/plain"]))).toBe("invalid task.command-not-executable");
    const late = await exec(["/etc/broken"]);
    expect(await late.exited).toEqual({ exitCode: 126 });
    expect(
      await codeOf(
        bench.runtime.exec("nosuchtask", { id: "x", process: {}, tty: false, stdin: false, detach: true }),
      ),
    ).toBe("not-found task.not-running");
  });

  test("input with an end, and much of it, both ways", async () => {
    const size = 16 * mebibyte;
    const cat = await exec(["cat"], { stdin: true });
    const counted = count(cat.streams.output);
    const piece = new Uint8Array(mebibyte).fill(97);
    for (let sent = 0; sent < size; sent += piece.length) await cat.streams.write(piece);
    await cat.streams.closeStdin();
    expect(await counted).toBe(size);
    expect(await cat.exited).toEqual({ exitCode: 0 });
  }, 20_000);

  test("a slow reader and a slow process hold the other side back", async () => {
    const yes = await exec(["yes"]);
    await Bun.sleep(200);
    const before = process.memoryUsage().rss;
    await Bun.sleep(200);
    expect(process.memoryUsage().rss - before).toBeLessThan(8 * mebibyte);
    yes.streams.close();
    expect((await yes.exited).exitCode).toBe(141); // SIGPIPE: nobody listens any more
    const sleep = await exec(["sleep", "1000"], { stdin: true });
    let sent = 0;
    const sending = (async () => {
      for (;;) {
        await sleep.streams.write(new Uint8Array(mebibyte));
        sent++;
      }
    })();
    await Bun.sleep(100);
    expect(sent).toBeLessThan(3);
    await sleep.kill(9);
    expect(await codeOf(sending)).toBe("conflict task.stdin-closed");
  });

  test("output ends with the process, though a child of it lives on", async () => {
    const parent = await exec(["sh", "-c", "sleep 5 & echo started"]);
    const at = performance.now();
    expect(await readAll(parent.streams.output)).toBe("started\n");
    expect(performance.now() - at).toBeLessThan(2000);
  });

  test("a terminal: size, input, and an exit code", async () => {
    const shell = await exec(["sh", "-c", "read x; stty size; echo $x; exit 4"], { tty: true, stdin: true });
    const output = readAll(shell.streams.output);
    await shell.resize(101, 33);
    await Bun.sleep(50);
    await shell.streams.write(Buffer.from("hello\n"));
    expect((await output).replaceAll("\r", "").split("\n")).toEqual(["hello", "33 101", "hello", ""]);
    expect(await shell.exited).toEqual({ exitCode: 4 });
  });

  test("what is written to a terminal just before the end is not lost", async () => {
    for (let turn = 0; turn < 100; turn++) {
      const brief = await exec(["sh", "-c", "test -t 0 && echo last words"], { tty: true });
      expect(await readAll(brief.streams.output)).toBe("last words\r\n");
    }
  });

  test("a command that is not there, on a terminal", async () => {
    for (let turn = 0; turn < 10; turn++) {
      expect(await codeOf(exec(["nosuch"], { tty: true }))).toBe("invalid task.command-not-found");
    }
  });

  test("a terminal whose reader is slow holds the process back, and gives all in the end", async () => {
    const size = 4 * mebibyte;
    const flood = await exec(["sh", "-c", `stty -opost; head -c ${size} /dev/zero`], { tty: true });
    const reader = flood.streams.output[Symbol.asyncIterator]();
    let bytes = (await reader.next()).value?.data.length ?? 0;
    await Bun.sleep(200);
    expect(await bench.runtime.processes(spec.id)).toContain(flood.pid);
    for (;;) {
      const { value, done } = await reader.next();
      if (done) break;
      bytes += value.data.length;
    }
    expect(bytes).toBe(size);
    expect(await flood.exited).toEqual({ exitCode: 0 });
  }, 20_000);

  test("detached: runs, and its exit code is told", async () => {
    const away = await exec(["sh", "-c", "echo nobody hears; exit 3"], { detach: true });
    expect(await away.exited).toEqual({ exitCode: 3 });
  });

  test("a paused task takes none", async () => {
    await bench.runtime.pause(spec.id);
    expect(await codeOf(exec(["true"]))).toBe("conflict task.paused");
    await bench.runtime.resume(spec.id);
  });
});

import { afterEach, describe, expect, test } from "bun:test";
import { explainStop, readSignals, type SignalState } from "./explain-stop.ts";
import type { Container } from "../container.ts";

const term = 1n << 14n;
const container = (init = false) =>
  ({
    spec: { image: "x", init },
    state: { status: "running", pid: 1, startedAt: new Date(0), paused: false },
  }) as Container;

function reasonFor(first: Partial<SignalState>, child?: Partial<SignalState>, init = false) {
  const whole = (state: Partial<SignalState>): SignalState => ({
    command: ["sleep", "infinity"],
    state: "S",
    caught: 0n,
    ignored: 0n,
    blocked: 0n,
    isFirst: true,
    children: [],
    ...state,
  });
  const read = (pid: number) => (pid === 1 ? whole(first) : child && whole({ isFirst: false, ...child }));
  return explainStop(container(init), 15, 10, read);
}

describe("explainStop", () => {
  test("tells what process 1 does with the signal", () => {
    expect(reasonFor({})).toMatchObject({
      signal: "SIGTERM",
      waitedSeconds: 10,
      reason: "no-handler",
      message:
        "process 1 (sleep infinity) has no handler for SIGTERM, and the kernel drops such a signal for process 1",
    });
    expect(reasonFor({})!.advice[0]).toContain("--init");
    expect(reasonFor({ ignored: term })!.reason).toBe("ignored");
    expect(reasonFor({ blocked: term, caught: term })!.reason).toBe("blocked");
    expect(reasonFor({ caught: term })!.reason).toBe("slow");
    expect(reasonFor({ state: "D" })!.reason).toBe("hangs");
    expect(reasonFor({ state: "T" })!.reason).toBe("frozen");
  });

  test("a shell with a command under it is told to be one, with or without a trap", () => {
    const shell = { command: ["/bin/sh", "-c", "server; echo"], children: [7] };
    expect(reasonFor(shell)).toMatchObject({ reason: "shell" });
    expect(reasonFor(shell)!.advice[0]).toContain("exec form");
    expect(reasonFor({ ...shell, caught: term })!.reason).toBe("shell");
    expect(reasonFor({ ...shell, children: [] })!.reason).toBe("no-handler");
  });

  test("under an init the program counts, not the init", () => {
    const init = { command: ["/sbin/docker-init", "--", "server"], caught: term, children: [7] };
    expect(reasonFor(init, { command: ["server"], ignored: term }, true)).toMatchObject({
      reason: "ignored",
      message: "the program (server) ignores SIGTERM",
    });
  });

  test("a process that is gone has no explanation", () => {
    expect(explainStop(container(), 15, 10, () => undefined)).toBeUndefined();
  });
});

describe("readSignals", () => {
  const children: Bun.Subprocess[] = [];
  afterEach(() => children.splice(0).forEach((child) => child.kill("SIGKILL")));

  test("reads masks, command and children of a real process", async () => {
    const script = 'trap "" TERM; trap : HUP; echo ready; sleep 60; :';
    const child = Bun.spawn(["sh", "-c", script], { stdout: "pipe" });
    children.push(child);
    await child.stdout.getReader().read();
    let state = readSignals(child.pid);
    while (state?.children.length === 0) state = readSignals(child.pid);
    expect(state!.ignored & term).toBe(term);
    expect(state!.caught & 1n).toBe(1n);
    expect(state!.command).toEqual(["sh", "-c", script]);
    expect(state!.isFirst).toBe(false);
    process.kill(state!.children[0]!, "SIGKILL");
    expect(readSignals(2 ** 22 + 1)).toBeUndefined();
  });
});

import { readFileSync } from "node:fs";
import { constants } from "node:os";
import type { Container, StopExplanation, StopReason } from "../container.ts";
import { usesInit } from "../oci/index.ts";

/** What the kernel says of a process (proc_pid_status(5)). */
export interface SignalState {
  readonly command: readonly string[];
  readonly state: string;
  /** Signals that have a handler, are ignored, are blocked. */
  readonly caught: bigint;
  readonly ignored: bigint;
  readonly blocked: bigint;
  /** The first process of its namespace: signals without a handler do nothing to it. */
  readonly isFirst: boolean;
  readonly children: readonly number[];
}

/**
 * Looks at the first process of a container that did not end in time. Undefined when it is gone: then it has ended
 * in this very moment.
 */
export function explainStop(
  container: Container,
  signal: number,
  waitedSeconds: number,
  read: (pid: number) => SignalState | undefined = readSignals,
): StopExplanation | undefined {
  if (container.state.status !== "running") return undefined;
  const first = read(container.state.pid);
  // An init passes signals on: what counts is the program that it runs.
  const inner = first && usesInit(container.spec) ? read(first.children[0] ?? 0) : undefined;
  const process = inner ?? first;
  if (!process) return undefined;
  const name = signalName(signal);
  const reason = reasonOf(process, 1n << BigInt(signal - 1));
  const command = shown(process.command);
  const { message, advice } = texts[reason]({ name, command, seconds: waitedSeconds });
  return { signal: name, waitedSeconds, reason, message, advice };
}

function reasonOf(process: SignalState, bit: bigint): StopReason {
  if (process.state === "D") return "hangs";
  if ("Tt".includes(process.state)) return "frozen";
  if (process.blocked & bit) return "blocked";
  if (process.ignored & bit) return "ignored";
  const inShell = isShell(process.command[0] ?? "") && process.children.length > 0;
  if (process.caught & bit) return inShell ? "shell" : "slow";
  if (!process.isFirst) return "slow";
  return inShell ? "shell" : "no-handler";
}

type Texts = (about: { name: string; command: string; seconds: number }) => {
  readonly message: string;
  readonly advice: readonly string[];
};

const withInit = "run it with --init: a small init as process 1 passes signals on";
const exec =
  'write the command in exec form (CMD ["program", "argument"]), or start it with `exec` in the script';

const texts: Record<StopReason, Texts> = {
  "no-handler": ({ name, command }) => ({
    message: `process 1 (${command}) has no handler for ${name}, and the kernel drops such a signal for process 1`,
    advice: [withInit, `set STOPSIGNAL (--stop-signal) to a signal that the program handles`],
  }),
  ignored: ({ name, command }) => ({
    message: `the program (${command}) ignores ${name}`,
    advice: [`set STOPSIGNAL (--stop-signal) to a signal that the program handles`],
  }),
  blocked: ({ name, command }) => ({
    message: `the program (${command}) blocks ${name} and does not fetch it`,
    advice: [`set STOPSIGNAL (--stop-signal) to a signal that the program handles`],
  }),
  shell: ({ name, command }) => ({
    message: `process 1 is a shell (${command}), which waits for its command and does not pass ${name} on to it`,
    advice: [exec, withInit],
  }),
  frozen: ({ command }) => ({
    message: `the program (${command}) is stopped, by SIGSTOP or a debugger`,
    advice: ["let it go on with SIGCONT before the stop"],
  }),
  hangs: ({ command }) => ({
    message: `the program (${command}) waits in the kernel, mostly for a disk or a network file system`,
    advice: ["look for a mount that does not answer"],
  }),
  slow: ({ name, command, seconds }) => ({
    message: `the program (${command}) got ${name} and had not ended ${seconds} s later`,
    advice: ["give it more time with --stop-timeout, or see its log for what it waits for"],
  }),
};

function isShell(program: string): boolean {
  return /^-?(ba|da|a|z|k|mk)?sh$/.test(program.split("/").at(-1) ?? "");
}

const longestCommand = 80;

function shown(command: readonly string[]): string {
  const text = command.join(" ").replaceAll(/\s+/g, " ").trim() || "?";
  return text.length > longestCommand ? `${text.slice(0, longestCommand - 1)}…` : text;
}

function signalName(number: number): string {
  const found = Object.entries(constants.signals).find(([, one]) => one === number);
  return found?.[0] ?? `signal ${number}`;
}

/** Undefined when the process has ended. */
export function readSignals(pid: number): SignalState | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const field = (name: string) => new RegExp(`^${name}:\\s*(.*)$`, "m").exec(status)?.[1] ?? "";
    const mask = (name: string) => BigInt(`0x${field(name) || "0"}`);
    const state = field("State").slice(0, 1);
    if ("ZX".includes(state)) return undefined;
    return {
      command: readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").slice(0, -1),
      state,
      caught: mask("SigCgt"),
      ignored: mask("SigIgn"),
      blocked: mask("SigBlk"),
      isFirst: field("NSpid").split(/\s+/).at(-1) === "1",
      children: childrenOf(pid),
    };
  } catch {
    return undefined;
  }
}

function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
  return text.split(" ").filter(Boolean).map(Number);
}

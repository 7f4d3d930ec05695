import { existsSync, rmSync, writeFileSync } from "node:fs";
import { fail, type Clock } from "../base/index.ts";
import { readText, resizeTerminalsOf } from "../host/index.ts";
import { pipeStreams, ptyStreams, type PtyProcess } from "./exec-streams.ts";
import { execFailureCode, lastLoggedError, runtimeFailure, strayOutput } from "./failure.ts";
import { bundleFiles } from "./layout.ts";
import type { OciProgram } from "./programs.ts";
import type { ExecProcess, ExecSpec, ProcessStreams } from "./runtime.ts";

export interface ExecHost {
  readonly clock: Clock;
  readonly warmUp: () => Promise<void>;
}

interface Started {
  readonly child: Bun.Subprocess;
  readonly streams: ProcessStreams;
  resize(columns: number, rows: number): Promise<void>;
}

/**
 * Runs a process in a running container by the OCI runtime's `exec`, whose stdio the process gets as it is: plain
 * pipes, or a pseudo-terminal. The runtime stays as the process's parent and passes its exit code on. There is no
 * conmon: an exec lives as long as its client, and a detached one has no output.
 */
export async function execInTask(
  host: ExecHost,
  task: { readonly id: string; readonly bundle: string },
  program: OciProgram,
  exec: ExecSpec,
  signal: AbortSignal | undefined,
): Promise<ExecProcess> {
  signal?.throwIfAborted();
  void host.warmUp();
  const files = bundleFiles(task.bundle);
  const [specFile, pidFile, logFile] = ["json", "pid", "log"].map((suffix) =>
    files.exec(exec.id, suffix),
  ) as [string, string, string];
  using cleanup = new DisposableStack();
  const removeFiles = () => [specFile, pidFile].forEach((path) => rmSync(path, { force: true }));
  cleanup.defer(removeFiles);
  cleanup.defer(() => rmSync(logFile, { force: true }));
  writeFileSync(specFile, JSON.stringify({ ...exec.process, terminal: exec.tty }), { mode: 0o600 });
  const command = [program.path, ...program.arguments, `--log=${logFile}`, "--log-format=json"];
  if (program.family.execTellsDebugLog) command.push(`--debug-log=${logFile}`, "--debug-log-format=json");
  command.push("exec");
  if (exec.tty && program.family.execTty) command.push("--tty");
  command.push("--process", specFile, "--pid-file", pidFile, task.id);
  const started = program.spawn(() => ({
    value: start(command, exec, host.clock, () => strayOutput(logFile)),
  })).value;
  const { child, streams } = started;
  const onAbort = () => child.kill("SIGKILL");
  signal?.addEventListener("abort", onAbort, { once: true });
  const pid = await waitForPid(child, pidFile, host.clock).finally(() =>
    signal?.removeEventListener("abort", onAbort),
  );
  if (pid === undefined) {
    streams.close();
    signal?.throwIfAborted();
    const args = exec.process["args"] as readonly string[] | undefined;
    throw runtimeFailure(lastLoggedError(logFile) ?? "", args?.[0] ?? "", "exec");
  }
  cleanup.move(); // the log is still needed
  removeFiles();
  return {
    pid,
    streams,
    exited: exitOf(child, logFile),
    resize: (columns, rows) => started.resize(columns, rows),
    async kill(number) {
      // The runtime's exec is the parent and has not waited for it yet, so the pid cannot be another's.
      if (child.exitCode !== null || child.signalCode !== null) throw notRunning(exec.id);
      process.kill(pid, number);
    },
  };
}

function start(command: string[], exec: ExecSpec, clock: Clock, rest: () => Uint8Array): Started {
  const common = { cwd: "/", env: { PATH: process.env["PATH"] ?? "/usr/bin:/bin" } };
  const noTerminal = () => Promise.resolve();
  if (exec.detach && exec.tty) {
    // It needs a terminal all the same; nobody reads it.
    const started = startWithTerminal(command, common, exec.size, clock, rest);
    started.streams.close();
    return started;
  }
  if (exec.detach) {
    const child = Bun.spawn(command, { ...common, stdio: ["ignore", "ignore", "ignore"], detached: true });
    return { child, streams: pipeStreams(child, clock), resize: noTerminal };
  }
  if (exec.tty) return startWithTerminal(command, common, exec.size, clock, rest);
  const child = Bun.spawn(command, { ...common, stdio: [exec.stdin ? "pipe" : "ignore", "pipe", "pipe"] });
  return { child, streams: pipeStreams(child, clock), resize: noTerminal };
}

function startWithTerminal(
  command: string[],
  common: { cwd: string; env: Record<string, string> },
  size: ExecSpec["size"],
  clock: Clock,
  rest: () => Uint8Array,
): Started {
  const pty: PtyProcess = ptyStreams(clock);
  const first = size === undefined ? {} : { cols: size.columns, rows: size.rows };
  const child = Bun.spawn(command, { ...common, terminal: { ...pty.options, ...first } });
  pty.connect(child, rest);
  return {
    child,
    streams: pty.streams,
    /** crun gives the size on only when it starts, so the container's own terminal is set, too. */
    async resize(columns, rows) {
      pty.resize(columns, rows);
      for (let attempt = 0; attempt < 100 && child.exitCode === null; attempt++) {
        if (resizeTerminalsOf(child.pid, columns, rows)) return;
        await clock.sleep(2);
      }
    },
  };
}

/** The pid of the process once it runs; undefined when the runtime ended without starting one. */
async function waitForPid(child: Bun.Subprocess, pidFile: string, clock: Clock): Promise<number | undefined> {
  for (;;) {
    const ended = child.exitCode !== null || child.signalCode !== null;
    const pid = Number(readText(pidFile) || Number.NaN);
    if (Number.isInteger(pid)) return pid;
    if (ended && !existsSync(pidFile)) return undefined;
    await clock.sleep(1);
  }
}

async function exitOf(child: Bun.Subprocess, logFile: string): Promise<{ readonly exitCode: number }> {
  const exitCode = await child.exited;
  const said = exitCode === 0 ? undefined : lastLoggedError(logFile);
  rmSync(logFile, { force: true });
  // The process was there, but the kernel refused its program: a wrong architecture, a missing interpreter.
  return { exitCode: said === undefined ? exitCode : (execFailureCode(said) ?? exitCode) };
}

function notRunning(id: string): Error {
  return fail("not-found", "task.not-running", `exec ${id} has ended`);
}

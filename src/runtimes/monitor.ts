import { closeSync } from "node:fs";
import { fail, messageOf } from "../base/index.ts";
import { createSocketPair } from "../host/index.ts";
import { socketOfFd } from "./fd-socket.ts";
import { bundleFiles, type TaskLayout } from "./layout.ts";
import type { OciProgram } from "./programs.ts";
import type { TaskSpec } from "./runtime.ts";

/** What conmon reports once the OCI runtime's `create` is through: a pid, or a message. */
export type MonitorReport = { readonly pid: number } | { readonly failure: string };

export interface Monitor {
  readonly pid: number;
  readonly report: Promise<MonitorReport>;
  /** Resolves when conmon has ended, which is after the exit record is written. */
  readonly exited: Promise<unknown>;
  /** Kills conmon and the OCI runtime it started. */
  kill(): void;
}

export interface MonitorOptions {
  /** Path of conmon, or a name to be found in PATH. */
  readonly conmon: string;
  readonly layout: TaskLayout;
}

/**
 * Starts conmon for a task; conmon starts the OCI runtime's `create`. It is a child of this process as long as this
 * process lives (`--sync`), so that its end is noticed at once and leaves no zombie, but in a session of its own,
 * so that it outlives the daemon.
 */
export function startMonitor(spec: TaskSpec, program: OciProgram, options: MonitorOptions): Monitor {
  const command = [options.conmon, ...monitorArguments(spec, program, options.layout)];
  const pipe = createSocketPair();
  const child = spawnMonitor(command, pipe, program);
  child.unref();
  return {
    pid: child.pid,
    report: readReport(pipe.ours),
    exited: child.exited,
    kill() {
      for (const target of [-child.pid, child.pid]) {
        try {
          process.kill(target, "SIGKILL");
        } catch {
          // It has ended.
        }
      }
    },
  };
}

function spawnMonitor(
  command: string[],
  pipe: { readonly ours: number; readonly theirs: number },
  program: OciProgram,
): Bun.Subprocess {
  try {
    return program.spawn(() =>
      Bun.spawn(command, {
        stdio: ["ignore", "ignore", "ignore", pipe.theirs],
        env: { PATH: process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin", _OCI_SYNCPIPE: "3" },
        cwd: "/",
        detached: true,
      }),
    );
  } catch (error) {
    closeSync(pipe.ours);
    throw fail("precondition", "runtime.no-monitor", `cannot start ${command[0]}: ${messageOf(error)}`, {
      hint: "install conmon",
      cause: error,
    });
  } finally {
    closeSync(pipe.theirs);
  }
}

function monitorArguments(spec: TaskSpec, program: OciProgram, layout: TaskLayout): string[] {
  const files = bundleFiles(spec.bundle);
  const runtimeArguments = [...program.arguments, `--log=${files.runtimeLog}`, "--log-format=json"];
  return [
    "--sync", "--full-attach", "--no-sync-log",
    "--api-version", "1", "--log-level", "error",
    "-c", spec.id, "-u", spec.id, "-n", spec.id,
    "-r", program.path, "-b", spec.bundle, "-p", files.pid,
    "--exit-dir", layout.exits,
    ...logArguments(spec),
    ...(spec.tty ? ["-t"] : []),
    ...(spec.stdin ? ["-i"] : []),
    ...(spec.stdin && !spec.stdinOnce ? ["--leave-stdin-open"] : []),
    ...runtimeArguments.flatMap((one) => ["--runtime-arg", one]),
  ]; // prettier-ignore
}

function logArguments(spec: TaskSpec): string[] {
  if (spec.log.kind === "none") return ["-l", "none"];
  const size = spec.log.maxBytes > 0 ? ["--log-size-max", String(spec.log.maxBytes)] : [];
  return ["-l", `k8s-file:${spec.log.path}`, ...size];
}

/** The first line of the pipe. The pipe's end does not come while the container lives, so nobody waits for it. */
async function readReport(fd: number): Promise<MonitorReport> {
  const { promise: firstLine, resolve } = Promise.withResolvers<string>();
  let text = "";
  const socket = await socketOfFd(fd, {
    data(_socket, chunk) {
      text += chunk.toString();
      if (text.includes("\n")) resolve(text);
    },
    close: () => resolve(text),
  });
  const line = (await firstLine).split("\n")[0]!;
  socket.terminate();
  if (line === "") return { failure: "conmon ended without a word" };
  const { data, message } = JSON.parse(line) as { data: number; message?: string };
  return data > 0 ? { pid: data } : { failure: message ?? `conmon reported ${data}` };
}

import { fail, isVirgaError, newId } from "../../base/index.ts";
import type { ProcessStreams } from "../../runtimes/index.ts";
import type { Attachment, Exec, ExecRequest } from "../container.ts";
import { emit, type Engine } from "../engine.ts";
import { execProcess, needRunning } from "./process.ts";
import { rootOf } from "../files/rootfs.ts";
import { resolveUser } from "../oci/index.ts";
import type { ExecEntry } from "./table.ts";
import type { Entry } from "../registry.ts";
import type { TerminalSize } from "../spec.ts";

export function createExec(engine: Engine, entry: Entry, request: ExecRequest): Exec {
  if (request.command.length === 0 || request.command[0] === "") {
    throw fail("invalid", "exec.no-command", "No exec command specified");
  }
  needRunning(entry);
  // Here already, so that the client has it with a status; it is looked up again at the start.
  if (request.user) resolveUser(rootOf(entry.record), request.user, []);
  void engine.runtime.warmUp();
  const { exec } = engine.execs.add({
    id: newId(),
    containerId: entry.record.container.id,
    request,
    state: { status: "created" },
  });
  emit(engine, entry, "exec_create", { execID: exec.id }, eventText(request.command));
  return exec;
}

/** Throws why an exec cannot be started now, as far as that can be known before. */
export function checkExec(engine: Engine, id: string): { readonly one: ExecEntry; readonly entry: Entry } {
  const one = engine.execs.get(id);
  const { status } = one.exec.state;
  if (status !== "created") {
    const already = status === "running" ? "is already running" : "has already run";
    throw fail("conflict", "exec.already-started", `Error: Exec command ${id} ${already}`);
  }
  const entry = engine.registry.resolve(one.exec.containerId);
  needRunning(entry);
  return { one, entry };
}

/** Runs what `createExec` took down. The streams are the caller's to read; none when detached. */
export async function startExec(
  engine: Engine,
  id: string,
  options: { readonly detach: boolean; readonly tty: boolean; readonly consoleSize?: TerminalSize },
): Promise<Attachment | undefined> {
  const { one, entry } = checkExec(engine, id);
  const { exec } = one;
  const tty = options.tty || (exec.request.tty ?? false);
  // Claimed before the first wait: two starts at once must not run it twice.
  one.exec = { ...exec, state: { status: "running", pid: 0 } };
  try {
    const process = await execProcess(engine, entry, exec.request, tty);
    const size = options.consoleSize ?? exec.request.consoleSize;
    const stdin = !options.detach && (exec.request.attachStdin ?? false);
    // As dockerd: before it is known whether the command can be run.
    emit(engine, entry, "exec_start", { execID: id }, eventText(exec.request.command));
    one.process = await engine.runtime.exec(exec.containerId, {
      id,
      process,
      tty,
      ...(size === undefined ? {} : { size }),
      stdin,
      detach: options.detach,
    });
  } catch (error) {
    engine.execs.end(one, exitCodeFor(error));
    throw error;
  }
  one.exec = { ...exec, state: { status: "running", pid: one.process.pid } };
  const { streams, exited } = one.process;
  void exited.then(
    ({ exitCode }) => ended(engine, entry, one, exitCode),
    () => ended(engine, entry, one, 137), // its monitor is gone, and it with it
  );
  return options.detach ? undefined : attachment(streams, exec.request, tty);
}

/** As Docker writes a command behind the colon: the program, a space, and the arguments, if there are any. */
export function eventText([program = "", ...rest]: readonly string[]): string {
  return `${program} ${rest.join(" ")}`;
}

export async function resizeExec(engine: Engine, id: string, columns: number, rows: number): Promise<void> {
  const one = engine.execs.get(id);
  needRunning(engine.registry.resolve(one.exec.containerId));
  // A client sends the size as soon as it has asked for the start.
  while (one.exec.state.status === "running" && !one.process) await engine.clock.sleep(2);
  const { process } = one;
  if (!process) throw fail("conflict", "exec.not-running", `exec ${id} is not running`);
  await process.resize(columns, rows);
}

function ended(engine: Engine, entry: Entry, one: ExecEntry, exitCode: number): void {
  engine.execs.end(one, exitCode);
  // It may end while the daemon stops: then there is nobody left to be told.
  if (engine.background.signal.aborted) return;
  emit(engine, entry, "exec_die", { execID: one.exec.id, exitCode: String(exitCode) });
}

/** Docker's exit codes of a command that could not be run. */
function exitCodeFor(error: unknown): number {
  if (isVirgaError(error) && error.code === "task.command-not-found") return 127;
  return 126;
}

function attachment(streams: ProcessStreams, request: ExecRequest, tty: boolean): Attachment {
  const wanted = { stdout: request.attachStdout ?? true, stderr: request.attachStderr ?? true };
  const output = async function* () {
    for await (const chunk of streams.output) if (wanted[tty ? "stdout" : chunk.stream]) yield chunk;
  };
  return {
    tty,
    output: output(),
    write: (data) => streams.write(data),
    closeStdin: () => streams.closeStdin(),
    close: () => streams.close(),
  };
}

import { fail } from "../base/index.ts";

export interface RunOptions {
  readonly stdin?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly signal?: AbortSignal;
}

export interface RunResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program without a shell to its end and returns what it wrote. Never throws for an exit code. */
export async function run(command: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const child = Bun.spawn([...command], {
    stdin: options.stdin === undefined ? "ignore" : Buffer.from(options.stdin),
    stdout: "pipe",
    stderr: "pipe",
    // Not what the environment was when this program began, which is what Bun would take.
    env: options.env ?? process.env,
    ...(options.cwd ? { cwd: options.cwd } : {}),
    ...(options.signal ? { signal: options.signal } : {}),
  });
  const [stdout, stderr, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  options.signal?.throwIfAborted();
  return { exitCode, stdout, stderr };
}

/** As `run`, but an exit code other than 0 throws `internal` / `host.command-failed` with the end of stderr. */
export async function runChecked(command: readonly string[], options: RunOptions = {}): Promise<string> {
  const result = await run(command, options);
  if (result.exitCode !== 0) throw commandFailed(command, result);
  return result.stdout;
}

export function commandFailed(command: readonly string[], result: RunResult): Error {
  const said = result.stderr.trim().slice(-2000) || "(it said nothing)";
  return fail(
    "internal",
    "host.command-failed",
    `${command[0]} failed with exit code ${result.exitCode}: ${said}`,
  );
}

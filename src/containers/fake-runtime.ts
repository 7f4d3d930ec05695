import { fail, type ManualClock } from "../base/index.ts";
import type {
  ExecProcess,
  ExecSpec,
  ProcessStreams,
  Runtime,
  TaskExit,
  TaskSpec,
  TaskState,
  TaskStats,
} from "../runtimes/index.ts";

interface FakeTask {
  readonly spec: TaskSpec;
  state: Exclude<TaskState, { status: "unknown" }>;
  readonly streams: FakeStreams[];
}

/** Streams whose output a test writes. */
export class FakeStreams implements ProcessStreams {
  readonly written: string[] = [];
  stdinClosed = false;
  closed = false;
  #chunks: { stream: "stdout" | "stderr"; data: Uint8Array }[] = [];
  #ended = false;
  #wake = () => {};
  readonly output = this.#read();

  say(text: string, stream: "stdout" | "stderr" = "stdout"): void {
    this.#chunks.push({ stream, data: Buffer.from(text) });
    this.#wake();
  }
  end(): void {
    this.#ended = true;
    this.#wake();
  }
  async write(data: Uint8Array): Promise<void> {
    this.written.push(Buffer.from(data).toString());
  }
  async closeStdin(): Promise<void> {
    this.stdinClosed = true;
  }
  close(): void {
    this.closed = true;
    this.end();
  }
  async *#read() {
    for (;;) {
      for (let chunk = this.#chunks.shift(); chunk; chunk = this.#chunks.shift()) yield chunk;
      if (this.#ended) return;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

/** What a command run by `FakeRuntime.exec` does: at once, or when the promise resolves. */
export interface FakeExec {
  readonly exitCode: number | Promise<number>;
  readonly output?: string;
}

/** Tasks in memory. `exit` ends one; what a real process would do with a signal is `onSignal`'s to say. */
export class FakeRuntime implements Runtime {
  readonly tasks = new Map<string, FakeTask>();
  /** `create ID`, `kill ID 15`, … with ids cut to four digits. */
  readonly calls: string[] = [];
  /** Thrown by the next call of that name. */
  readonly failures = new Map<string, Error>();
  /** Default: every signal ends the process. */
  onSignal = (id: string, signal: number): void => this.exit(id, 128 + signal);
  onExec: (id: string, exec: ExecSpec) => FakeExec = () => ({ exitCode: 0 });
  readonly execs: { readonly id: string; readonly spec: ExecSpec; readonly streams: FakeStreams }[] = [];
  readonly #listeners = new Set<(id: string, exit: TaskExit) => void>();
  readonly #clock: ManualClock;
  #pid = 4_000_000;

  constructor(clock: ManualClock) {
    this.#clock = clock;
  }

  async warmUp(): Promise<void> {}

  require(name: string): void {
    if (name === "crun" || name === "runsc") return;
    throw fail("invalid", "runtime.unknown", `unknown or invalid runtime name: ${name}`);
  }

  abilities(name: string) {
    return { ownKernel: name === "runsc", updates: name === "crun" };
  }

  #called(name: string, id: string, ...rest: unknown[]): void {
    this.calls.push([name, id.slice(0, 4), ...rest].join(" "));
    const failure = this.failures.get(name);
    this.failures.delete(name);
    if (failure) throw failure;
  }
  #need(id: string): FakeTask {
    const task = this.tasks.get(id);
    if (!task || task.state.status === "stopped") {
      throw fail("not-found", "task.not-running", `task ${id} is not running`);
    }
    return task;
  }
  #pidOf(task: FakeTask): number {
    return task.state.status === "stopped" ? 0 : task.state.pid;
  }

  exit(id: string, exitCode: number, oomKilled = false): void {
    const task = this.#need(id);
    const exit = { exitCode, endedAt: this.#clock.now(), oomKilled };
    task.state = { status: "stopped", exit };
    for (const streams of task.streams) streams.end();
    for (const listener of this.#listeners) listener(id, exit);
  }
  async create(spec: TaskSpec) {
    this.#called("create", spec.id);
    if (this.tasks.has(spec.id)) throw fail("internal", "task.create-failed", "it exists already");
    await Bun.write(`${spec.bundle}/config.json`, JSON.stringify(spec.config));
    const pid = ++this.#pid;
    this.tasks.set(spec.id, { spec, state: { status: "created", pid }, streams: [] });
    return { pid };
  }
  async start(id: string) {
    this.#called("start", id);
    const task = this.#need(id);
    task.state = { status: "running", pid: this.#pidOf(task) };
  }
  async kill(id: string, signal: number) {
    this.#called("kill", id, signal);
    this.#need(id);
    this.onSignal(id, signal);
  }
  async delete(id: string) {
    this.#called("delete", id);
    this.tasks.delete(id);
  }
  async inspect(id: string): Promise<TaskState> {
    return this.tasks.get(id)?.state ?? { status: "unknown" };
  }
  onExit(listener: (id: string, exit: TaskExit) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }
  async attach(id: string) {
    const streams = new FakeStreams();
    this.#need(id).streams.push(streams);
    return streams;
  }
  async resize(id: string, columns: number, rows: number) {
    this.#called("resize", id, columns, rows);
  }
  async reopenLog(id: string) {
    this.#called("reopenLog", id);
  }
  async exec(id: string, spec: ExecSpec): Promise<ExecProcess> {
    this.#called("exec", id);
    this.#need(id);
    const result = this.onExec(id, spec);
    const streams = new FakeStreams();
    this.execs.push({ id, spec, streams });
    if (result.output !== undefined) streams.say(result.output);
    const killed = Promise.withResolvers<number>();
    const exited = Promise.race([Promise.resolve(result.exitCode), killed.promise]);
    void exited.then(() => streams.end());
    return {
      pid: ++this.#pid,
      streams,
      exited: exited.then((exitCode) => ({ exitCode })),
      resize: async (columns, rows) => this.#called("resizeExec", id, columns, rows),
      kill: async (signal) => {
        this.#called("killExec", id, signal);
        killed.resolve(128 + signal);
      },
    };
  }
  async pause(id: string) {
    this.#called("pause", id);
    const task = this.#need(id);
    task.state = { status: "paused", pid: this.#pidOf(task) };
  }
  async resume(id: string) {
    this.#called("resume", id);
    const task = this.#need(id);
    task.state = { status: "running", pid: this.#pidOf(task) };
  }
  async update(id: string) {
    this.#called("update", id);
  }
  async processes(id: string) {
    return [this.#pidOf(this.#need(id))];
  }
  async stats(): Promise<TaskStats> {
    throw fail("unimplemented", "fake", "no cgroups here");
  }
  async close() {}
}

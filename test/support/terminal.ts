/** A program on a terminal of its own, with a person who reads and types. */
export interface TerminalSession {
  /** All that was written so far, without colours and cursor movements. */
  readonly text: string;
  /** The same as the program wrote it. */
  readonly raw: string;
  readonly exited: Promise<number>;
  type(keys: string): void;
  resize(columns: number, rows: number): void;
  /** kill -9. */
  kill(): void;
  /** Resolves when `text` holds `wanted`, after `from` characters of it; throws with the text after 15 s. */
  see(wanted: string | RegExp, from?: number): Promise<void>;
}

export interface TerminalOptions {
  readonly environment: Readonly<Record<string, string>>;
  readonly columns?: number;
  readonly rows?: number;
}

export function onTerminal(command: readonly string[], options: TerminalOptions): TerminalSession {
  const decoder = new TextDecoder();
  let raw = "";
  const child = Bun.spawn([...command], {
    terminal: {
      cols: options.columns ?? 80,
      rows: options.rows ?? 24,
      data: (_terminal, data) => void (raw += decoder.decode(data, { stream: true })),
    },
    env: { ...options.environment, TERM: "xterm-256color" },
  });
  const session: TerminalSession = {
    get raw() {
      return raw;
    },
    get text() {
      return Bun.stripANSI(raw);
    },
    exited: child.exited,
    type: (keys) => void child.terminal!.write(keys),
    kill: () => child.kill("SIGKILL"),
    resize: (columns, rows) => child.terminal!.resize(columns, rows),
    async see(wanted, from = 0) {
      for (let turn = 0; turn < 300; turn++) {
        const text = session.text.slice(from);
        if (typeof wanted === "string" ? text.includes(wanted) : wanted.test(text)) return;
        await Bun.sleep(50);
      }
      throw new Error(`the terminal does not show ${String(wanted)}:\n${session.text}`);
    },
  };
  return session;
}

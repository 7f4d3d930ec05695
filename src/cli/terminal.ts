import { errnoOf } from "../base/index.ts";

/**
 * The terminal, if there is one. `process.stdin`, `process.stdout` and `node:tty` cost some 15 ms at the start of a
 * program, `node:fs` 3 ms, so that they are asked only when a terminal may be there.
 */
export function isTerminal(fd: 0 | 1 | 2): boolean {
  const known = terminals[fd];
  return known ?? (terminals[fd] = mayBeTerminal(fd) && isTerminalDevice(fd) && streamOf(fd).isTTY === true);
}

const terminals: [boolean?, boolean?, boolean?] = [];

/** Bun has looked at stdout and stderr already, for the colours of its own messages. */
function mayBeTerminal(fd: 0 | 1 | 2): boolean {
  const { NO_COLOR, TERM } = process.env;
  return fd === 0 || Bun.enableANSIColors || Boolean(NO_COLOR) || TERM === "dumb";
}

/** Linux's device numbers: 4 and 5 are consoles and serial lines, 136 to 143 the others. */
function isTerminalDevice(fd: number): boolean {
  try {
    const file = process.getBuiltinModule("node:fs").fstatSync(fd);
    const major = (file.rdev >> 8) & 0xfff;
    return file.isCharacterDevice() && (major === 4 || major === 5 || (major >= 136 && major <= 143));
  } catch {
    return false;
  }
}

function streamOf(fd: 0 | 1 | 2): { readonly isTTY?: boolean } {
  return fd === 0 ? process.stdin : fd === 1 ? process.stdout : process.stderr;
}

/** Columns of the terminal that stdout is; undefined when it is none. */
export function terminalColumns(): number | undefined {
  return isTerminal(1) ? process.stdout.columns : undefined;
}

export function terminalSize(): { readonly columns: number; readonly rows: number } | undefined {
  if (!isTerminal(1)) return undefined;
  const { columns, rows } = process.stdout;
  return columns > 0 && rows > 0 ? { columns, rows } : undefined;
}

let hasPrinted = false;

/**
 * Text for stdout; its last line ends with it. Ends the program when nobody reads any more (`virga stats | head`), with
 * the exit code of SIGPIPE, which Bun ignores.
 */
export function print(text: string): void {
  if (text === "") return;
  // Most commands print once: that does without node:fs, and ends anyway.
  if (!hasPrinted) {
    hasPrinted = true;
    return console.log(text.endsWith("\n") ? text.slice(0, -1) : text);
  }
  const { writeSync } = process.getBuiltinModule("node:fs");
  let rest = Buffer.from(text.endsWith("\n") ? text : `${text}\n`);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(1, rest));
    } catch (error) {
      const code = errnoOf(error);
      if (code === "EPIPE") process.exit(141);
      if (code !== "EAGAIN") throw error;
      Bun.sleepSync(5);
    }
  }
}

/** A line for a person, beside the output. */
export function tell(text: string): void {
  console.error(text.endsWith("\n") ? text.slice(0, -1) : text);
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2));
}

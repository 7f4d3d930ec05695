import { closeSync, fstatSync, openSync, renameSync, writeSync } from "node:fs";

/** So many bytes make a log file; the one before is kept as `daemon.log.1`. */
const maxBytes = 10 * 2 ** 20;

/**
 * Appends lines to `path`, starting a new file when it has grown. A line that cannot be written (a full disk) is left
 * out, and the next one that can says how many were: nothing that the daemon does fails for its log.
 */
export function openLogFile(path: string): Disposable & { write(line: string): void } {
  let fd = openSync(path, "a", 0o640);
  let { size } = fstatSync(fd);
  let lost = 0;
  const startNewFile = () => {
    renameSync(path, `${path}.1`);
    const next = openSync(path, "a", 0o640);
    closeSync(fd);
    fd = next;
    size = 0;
  };
  return {
    write(line) {
      const gap =
        lost === 0
          ? ""
          : `${JSON.stringify({ level: "warn", message: "log lines were lost", lines: lost })}\n`;
      const text = Buffer.from(gap + line);
      try {
        if (size > maxBytes) startNewFile();
        const written = writeSync(fd, text);
        size += written;
        lost = written === text.length ? 0 : lost + 1;
      } catch {
        lost++;
      }
    },
    [Symbol.dispose]: () => closeSync(fd),
  };
}

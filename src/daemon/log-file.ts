import { closeSync, fstatSync, openSync, renameSync, writeSync } from "node:fs";

/** So many bytes make a log file; the one before is kept as `daemon.log.1`. */
const maxBytes = 10 * 2 ** 20;

/** Appends lines to `path`, starting a new file when it has grown. */
export function openLogFile(path: string): Disposable & { write(line: string): void } {
  let fd = openSync(path, "a", 0o640);
  let size = fstatSync(fd).size;
  return {
    write(line) {
      if (size > maxBytes) {
        closeSync(fd);
        renameSync(path, `${path}.1`);
        fd = openSync(path, "a", 0o640);
        size = 0;
      }
      size += writeSync(fd, line);
    },
    [Symbol.dispose]: () => closeSync(fd),
  };
}

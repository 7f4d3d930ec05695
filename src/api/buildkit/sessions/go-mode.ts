/** Bits of Go's `fs.FileMode`, as fsutil's `Stat.mode` carries them. https://pkg.go.dev/io/fs#FileMode */
const go = {
  directory: 2 ** 31,
  symlink: 2 ** 27,
  device: 2 ** 26,
  fifo: 2 ** 25,
  socket: 2 ** 24,
  setuid: 2 ** 23,
  setgid: 2 ** 22,
  charDevice: 2 ** 21,
  sticky: 2 ** 20,
} as const;

export type EntryType = "file" | "directory" | "symlink" | "fifo" | "socket" | "block-device" | "char-device";

const has = (mode: number, bit: number) => Math.floor(mode / bit) % 2 === 1;

export function typeOfGoMode(mode: number): EntryType {
  if (has(mode, go.directory)) return "directory";
  if (has(mode, go.symlink)) return "symlink";
  if (has(mode, go.fifo)) return "fifo";
  if (has(mode, go.socket)) return "socket";
  if (has(mode, go.device)) return has(mode, go.charDevice) ? "char-device" : "block-device";
  return "file";
}

/** The permission bits as chmod(2) takes them. */
export function permissionsOfGoMode(mode: number): number {
  return (
    (mode & 0o777) |
    (has(mode, go.setuid) ? 0o4000 : 0) |
    (has(mode, go.setgid) ? 0o2000 : 0) |
    (has(mode, go.sticky) ? 0o1000 : 0)
  );
}

/** The other way: `mode` as stat(2) tells it. */
export function goModeOf(mode: number): number {
  const types: Readonly<Record<number, number>> = {
    0o040000: go.directory,
    0o120000: go.symlink,
    0o010000: go.fifo,
    0o140000: go.socket,
    0o060000: go.device,
    0o020000: go.device + go.charDevice,
  };
  return (
    (mode & 0o777) +
    (types[mode & 0o170000] ?? 0) +
    (mode & 0o4000 ? go.setuid : 0) +
    (mode & 0o2000 ? go.setgid : 0) +
    (mode & 0o1000 ? go.sticky : 0)
  );
}

import { bigint, bytes, integer, map, maybe, message, one, text, uint32, type Of } from "./message.ts";

/** Of fsutil's types/wire.proto and types/stat.proto (github.com/tonistiigi/fsutil), package fsutil.types. */
export const stat = message({
  path: one(1, text),
  /** Permissions and type as Go's `fs.FileMode` has them, see `go-mode.ts`. */
  mode: one(2, uint32),
  uid: one(3, uint32),
  gid: one(4, uint32),
  size: one(5, integer),
  /** Nanoseconds since 1970. */
  modTime: one(6, bigint),
  linkname: one(7, text),
  devmajor: one(8, integer),
  devminor: one(9, integer),
  xattrs: map(10, bytes),
});
export type Stat = Of<typeof stat>;

export const packetTypes = { stat: 0, request: 1, data: 2, fin: 3, error: 4 } as const;
export const packet = message({
  type: one(1, integer),
  stat: maybe(2, stat),
  id: one(3, uint32),
  data: one(4, bytes),
});

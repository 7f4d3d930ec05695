/** `node:path` is loaded only for a path that is not plain already. */
export function absolutePath(path: string): string {
  const isPlain = /^(\/[^/.][^/]*)+$/.test(path);
  return isPlain ? path : process.getBuiltinModule("node:path").resolve(path);
}

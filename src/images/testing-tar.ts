import { endOfArchive, formatEntry, fromUtf8, padded } from "../layers/index.ts";

/** An entry of `tar`: text, bytes, a link or, for `null`, a directory. */
export type TestFile =
  | string
  | Uint8Array
  | null
  | { readonly symlink: string }
  | { readonly hardlink: string }
  | { readonly device: true };

/** A tar of `files`, in their order. */
export function tar(files: Readonly<Record<string, TestFile>>): Buffer {
  const chunks: Uint8Array[] = [];
  for (const [name, file] of Object.entries(files)) {
    const base = { path: fromUtf8(name), mode: 0o644, uid: 0, gid: 0, size: 0, modifiedNs: 0n } as const;
    if (file === null) chunks.push(formatEntry({ ...base, type: "directory", mode: 0o755 }));
    else if (typeof file === "object" && "symlink" in file) {
      chunks.push(formatEntry({ ...base, type: "symlink", linkTarget: file.symlink }));
    } else if (typeof file === "object" && "hardlink" in file) {
      chunks.push(formatEntry({ ...base, type: "hardlink", linkTarget: file.hardlink }));
    } else if (typeof file === "object" && "device" in file) {
      chunks.push(formatEntry({ ...base, type: "character", major: 1, minor: 3 }));
    } else {
      const bytes = Buffer.from(file);
      const { length } = bytes;
      chunks.push(
        formatEntry({ ...base, type: "file", size: length }),
        bytes,
        new Uint8Array(padded(length) - length),
      );
    }
  }
  return Buffer.concat([...chunks, endOfArchive]);
}

import { fileTypes } from "../../host/index.ts";
import type { ByteString, TarEntry } from "../tar/entry.ts";
import { escape } from "../tar/path.ts";
import { TreeWriter } from "./tree-writer.ts";
import { opaqueXattr } from "./xattrs.ts";

export const whiteoutPrefix = ".wh.";
export const opaqueName = ".wh..wh..opq";
const opaqueValue = Buffer.from("y");

/**
 * Writes a layer: whiteout files (layer.md, "Whiteouts") become overlay's, a character device 0/0 or the opaque
 * attribute. A whiteout speaks of the layers below only, so a name that the layer itself has stays: as a
 * directory it becomes opaque, in whatever order the archive has the two.
 */
export class LayerWriter extends TreeWriter {
  readonly #whiteouts = new Set<ByteString>();

  protected override place(parent: ByteString, name: ByteString, entry: TarEntry): void {
    if (name.startsWith(whiteoutPrefix)) return this.#whiteout(parent, name, entry);
    const path = `${parent}/${name}`;
    const covers = this.#whiteouts.delete(path);
    super.place(parent, name, entry);
    if (covers && entry.type === "directory") this.#makeOpaque(path);
  }

  #whiteout(parent: ByteString, name: ByteString, entry: TarEntry): void {
    if (name === opaqueName) return this.#makeOpaque(parent === "" ? "/" : parent);
    if (name.startsWith(".wh..wh.")) return; // bookkeeping of aufs, which Docker leaves out as well
    const hidden = name.slice(whiteoutPrefix.length);
    if (hidden === "" || hidden === "." || hidden === "..") {
      throw escape("a whiteout names no file of its directory", entry.path);
    }
    const path = `${parent}/${hidden}`;
    const status = this.calls.status(path);
    if (!status) {
      this.calls.makeNode(path, fileTypes.character, 0n);
      this.#whiteouts.add(path);
    } else if ((status.mode & fileTypes.mask) === fileTypes.directory) this.#makeOpaque(path);
  }

  #makeOpaque(path: ByteString): void {
    this.calls.setXattr(path, opaqueXattr, opaqueValue);
  }
}

import { fail } from "../../base/index.ts";
import { blockSize, malformed, toUtf8, type EntryType, type TarEntry } from "./entry.ts";
import { isZeroBlock, parseHeader, type RawHeader } from "./header.ts";
import { applyPax, isSparse, pathOf } from "./apply-pax.ts";
import { parsePax, type PaxRecords } from "./pax.ts";

/** Called for each entry in order: `entry`, then `data` as often as needed, then `endEntry`. */
export interface TarSink {
  entry(entry: TarEntry): void;
  /** `bytes` is only valid during the call. */
  data(bytes: Uint8Array): void;
  endEntry(): void;
}

/**
 * Extended headers of one entry, or all global ones, that are larger than this are refused, because they are kept in
 * memory. Xattrs have at most 64 KiB each, paths 4 KiB.
 */
const maxExtendedBytes = 16 << 20;

const types: Readonly<Record<string, EntryType>> = {
  "0": "file", "\0": "file", "7": "file", "1": "hardlink", "2": "symlink", "3": "character", "4": "block",
  "5": "directory", "6": "fifo",
}; // prettier-ignore

type Part = "header" | "body" | "extended" | "padding" | "ended";

/**
 * Reads a tar archive that is pushed in, in pieces of any size: ustar, pax (also global headers), GNU long names and
 * base-256 numbers. Throws `invalid` / `layer.malformed`, and `unimplemented` / `layer.sparse` for sparse files.
 * What follows the end marker is ignored, as GNU tar does.
 */
export class TarParser {
  #part: Part = "header";
  readonly #block = Buffer.alloc(blockSize);
  #filled = 0;
  /** Bytes that the current part still needs. */
  #remaining = 0;
  #padding = 0;
  #zeroBlocks = 0;
  #globalBytes = 0;
  #entryBytes = 0;
  #extended: { readonly kind: string; readonly body: Buffer } | undefined;
  readonly #global: PaxRecords = new Map();
  #records: PaxRecords | undefined;
  #longName: string | undefined;
  #longLink: string | undefined;
  readonly #sink: TarSink;

  constructor(sink: TarSink) {
    this.#sink = sink;
  }

  push(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let position = 0;
    while (position < bytes.length && this.#part !== "ended") position = this.#step(bytes, position);
  }

  /**
   * Call once all was pushed. An archive that stops within an entry is refused, and one without an end marker when
   * `needsMarker`: when nothing else tells that the input was whole.
   */
  end(needsMarker = false): void {
    if (this.#part === "ended") return;
    if (needsMarker) throw malformed("its end is missing");
    const cut = this.#part !== "header" || this.#filled > 0;
    const dangling = this.#records ?? this.#longName ?? this.#longLink;
    if (cut || dangling !== undefined) throw malformed("it ends in the middle of an entry");
  }

  #step(bytes: Buffer, position: number): number {
    if (this.#part === "header") return this.#collectHeader(bytes, position);
    const end = Math.min(bytes.length, position + this.#remaining);
    const piece = bytes.subarray(position, end);
    this.#remaining -= piece.length;
    if (this.#part === "body") this.#sink.data(piece);
    if (this.#part === "extended") {
      const { body } = this.#extended!;
      piece.copy(body, body.length - this.#remaining - piece.length);
    }
    if (this.#remaining === 0) this.#endPart();
    return end;
  }

  #collectHeader(bytes: Buffer, position: number): number {
    if (this.#filled === 0 && bytes.length - position >= blockSize) {
      this.#header(bytes.subarray(position, position + blockSize));
      return position + blockSize;
    }
    const end = Math.min(bytes.length, position + blockSize - this.#filled);
    bytes.copy(this.#block, this.#filled, position, end);
    this.#filled += end - position;
    if (this.#filled === blockSize) {
      this.#filled = 0;
      this.#header(this.#block);
    }
    return end;
  }

  #endPart(): void {
    const before = this.#part;
    if (before === "body") this.#sink.endEntry();
    if (before === "extended") this.#endExtended();
    this.#part = before !== "padding" && this.#padding > 0 ? "padding" : "header";
    this.#remaining = this.#part === "padding" ? this.#padding : 0;
  }

  #header(block: Buffer): void {
    if (block[0] === 0 && isZeroBlock(block)) {
      if (++this.#zeroBlocks === 2) this.#part = "ended";
      return;
    }
    if (this.#zeroBlocks > 0) throw malformed("an entry follows a block of zeros");
    const header = parseHeader(block);
    if ("xgLKX".includes(header.type)) return this.#startExtended(header);
    this.#startEntry(header);
  }

  #startExtended(header: RawHeader): void {
    const before = header.type === "g" ? this.#globalBytes : this.#entryBytes;
    const total = before + header.size;
    if (header.size < 0 || total > maxExtendedBytes) {
      throw malformed(`extended headers of ${total} bytes are too large`);
    }
    if (header.type === "g") this.#globalBytes = total;
    else this.#entryBytes = total;
    this.#extended = { kind: header.type, body: Buffer.alloc(header.size) };
    this.#startPart("extended", header.size);
  }

  #endExtended(): void {
    const { kind, body } = this.#extended!;
    this.#extended = undefined;
    if (kind === "g") return parsePax(body, this.#global);
    if (kind === "L") this.#longName = cutAtNul(body);
    else if (kind === "K") this.#longLink = cutAtNul(body);
    else {
      this.#records ??= new Map();
      parsePax(body, this.#records);
    }
  }

  #startEntry(header: RawHeader): void {
    const named = {
      ...header,
      name: this.#longName ?? header.name,
      link: this.#longLink ?? header.link,
    };
    const records = this.#takeRecords();
    const type = types[header.type];
    if (header.type === "S" || isSparse(records)) {
      throw fail("unimplemented", "layer.sparse", `'${toUtf8(named.name)}' is stored as a sparse file`, {
        hint: "make the archive without tar's --sparse option",
      });
    }
    if (type === undefined)
      throw malformed(
        `the entry '${toUtf8(named.name)}' has the unknown type ${JSON.stringify(header.type)}`,
      );
    // Before ustar, a directory was a file with a slash at its end.
    const isOldDirectory = type === "file" && header.type !== "7" && pathOf(named, records).endsWith("/");
    const entry = applyPax(named, isOldDirectory ? "directory" : type, records);
    this.#sink.entry(entry);
    this.#startPart("body", entry.size);
  }

  #takeRecords(): PaxRecords {
    const records = this.#records;
    this.#records = this.#longName = this.#longLink = undefined;
    this.#entryBytes = 0;
    if (!records) return this.#global;
    return this.#global.size === 0 ? records : new Map([...this.#global, ...records]);
  }

  #startPart(part: "body" | "extended", size: number): void {
    this.#part = part;
    this.#remaining = size;
    this.#padding = (blockSize - (size % blockSize)) % blockSize;
    if (size === 0) this.#endPart();
  }
}

function cutAtNul(body: Buffer): string {
  const nul = body.indexOf(0);
  return body.toString("latin1", 0, nul < 0 ? body.length : nul);
}

/**
 * Headers of packages out of the databases that rpm had before SQLite. Layouts: Berkeley DB's dbinc/db_page.h (hash
 * access method), rpm's lib/backend/ndb/rpmpkg.c.
 */

function damaged(what: string): Error {
  return new Error(`the database is damaged: ${what}`);
}

const hashMagic = 0x061561;
const hashPages = new Set([2, 13]);
const overflowPage = 7;
const pageHeader = 26;
const onPage = 1;
const offPage = 3;

/** /var/lib/rpm/Packages: a Berkeley DB hash from numbers to headers. */
export function readBerkeley(bytes: Buffer): Buffer[] {
  const little = bytes.length >= 512 && bytes.readUInt32LE(12) === hashMagic;
  if (!little && (bytes.length < 512 || bytes.readUInt32BE(12) !== hashMagic)) throw damaged("it is no hash");
  const u32 = (at: number) => (little ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at));
  const u16 = (at: number) => (little ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at));
  const size = u32(20);
  if (size < 512 || size > 65536 || (size & (size - 1)) !== 0) throw damaged(`it has pages of ${size} bytes`);

  const chained = (first: number, length: number): Buffer => {
    if (length > bytes.length) throw damaged("an entry is longer than all");
    const pieces: Buffer[] = [];
    let missing = length;
    for (let page = first; missing > 0; page = u32(page * size + 16)) {
      const start = page * size;
      if (page === 0 || start + size > bytes.length || bytes[start + 25] !== overflowPage) {
        throw damaged("an entry has no end");
      }
      const piece = bytes.subarray(
        start + pageHeader,
        start + pageHeader + Math.min(missing, u16(start + 22)),
      );
      if (piece.length === 0) throw damaged("an entry has no end");
      pieces.push(piece);
      missing -= piece.length;
    }
    return Buffer.concat(pieces);
  };

  const headers: Buffer[] = [];
  for (let start = size; start + size <= bytes.length; start += size) {
    if (!hashPages.has(bytes[start + 25]!)) continue;
    const entries = u16(start + 20);
    // Keys and values take turns; each begins where its number says and ends where the one before it begins.
    for (let index = 1; index < entries; index += 2) {
      const [offset, end] = [u16(start + pageHeader + 2 * index), u16(start + pageHeader + 2 * (index - 1))];
      if (offset >= end || end > size) throw damaged("an entry has no place");
      const kind = bytes[start + offset];
      if (kind === offPage) headers.push(chained(u32(start + offset + 4), u32(start + offset + 8)));
      else if (kind === onPage) headers.push(bytes.subarray(start + offset + 1, start + end));
      else throw damaged(`an entry is of the kind ${kind}`);
    }
  }
  // One entry is the number that the next package will have.
  return headers.filter((one) => one.length > 8);
}

const ndbHeader = Buffer.from("RpmP");
const ndbSlot = Buffer.from("Slot");
const ndbBlob = Buffer.from("BlbS");
const slotSize = 16;
const slotPage = 4096;

/** Packages.db: slots of a package's number, place and length in blocks, then the headers. */
export function readNdb(bytes: Buffer): Buffer[] {
  if (bytes.length < slotPage || !bytes.subarray(0, 4).equals(ndbHeader)) throw damaged("it has no header");
  const end = Math.min(bytes.readUInt32LE(12) * slotPage, bytes.length);
  const headers: Buffer[] = [];
  for (let at = 2 * slotSize; at + slotSize <= end; at += slotSize) {
    if (!bytes.subarray(at, at + 4).equals(ndbSlot)) throw damaged("a slot is missing");
    const [number, block] = [bytes.readUInt32LE(at + 4), bytes.readUInt32LE(at + 8)];
    if (number === 0) continue;
    const start = block * slotSize;
    if (start + 16 > bytes.length || !bytes.subarray(start, start + 4).equals(ndbBlob)) {
      throw damaged("a package is not where its slot says");
    }
    const length = bytes.readUInt32LE(start + 12);
    if (start + 16 + length > bytes.length) throw damaged("a package is cut off");
    headers.push(bytes.subarray(start + 16, start + 16 + length));
  }
  return headers;
}

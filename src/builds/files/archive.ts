import { fail } from "../../base/index.ts";

/** How an archive is packed, by its first bytes. */
type Packing = "none" | "gzip" | "zstd" | "bzip2" | "xz";

const magics: readonly [Packing, string][] = [
  ["gzip", "1f8b"],
  ["zstd", "28b52ffd"],
  ["bzip2", "425a68"],
  ["xz", "fd377a585a00"],
];
/** Programs for what the runtime can't unpack itself. */
const programs = { bzip2: "bzip2", xz: "xz" } as const;

/**
 * The tar inside a file that ADD is to unpack: plain, gzip, zstd, bzip2 or xz. Undefined when the file, unpacked or
 * not, is no tar. Throws `precondition` / `build.no-unpacker` when the host lacks the program.
 */
export async function openTar(
  path: string,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array> | undefined> {
  const packing = packingOf(await firstBytes(Bun.file(path).stream(), 6));
  const head = await firstBytes(unpacked(path, packing, signal), 512).catch((error: unknown) => {
    // Whatever begins like a packed file and is none is copied as it stands.
    if (error instanceof Error && "kind" in error) throw error;
    return new Uint8Array();
  });
  if (!isTarHeader(head)) return undefined;
  return unpacked(path, packing === "gzip" || packing === "zstd" ? "none" : packing, signal);
}

function packingOf(head: Uint8Array): Packing {
  const hex = head.toHex();
  return magics.find(([, magic]) => hex.startsWith(magic))?.[0] ?? "none";
}

function unpacked(path: string, packing: Packing, signal: AbortSignal): AsyncIterable<Uint8Array> {
  if (packing === "bzip2" || packing === "xz") return throughProgram(programs[packing], path, signal);
  const file = Bun.file(path).stream();
  if (packing === "none") return file;
  return file.pipeThrough(new DecompressionStream(packing));
}

async function* throughProgram(
  program: string,
  path: string,
  signal: AbortSignal,
): AsyncIterable<Uint8Array> {
  if (Bun.which(program) === null) {
    throw fail(
      "precondition",
      "build.no-unpacker",
      `ADD needs '${program}' on this machine to unpack ${path}`,
      {
        hint: `apt-get install ${program === "xz" ? "xz-utils" : program}`,
      },
    );
  }
  const child = Bun.spawn([program, "-dc", "--", path], { stdout: "pipe", stderr: "ignore", signal });
  try {
    yield* child.stdout;
    const code = await child.exited;
    signal.throwIfAborted();
    if (code !== 0) throw fail("invalid", "build.malformed-archive", `${program} can't unpack ${path}`);
  } finally {
    child.kill();
  }
}

async function firstBytes(source: AsyncIterable<Uint8Array>, count: number): Promise<Uint8Array> {
  let head = new Uint8Array();
  for await (const chunk of source) {
    head = Buffer.concat([head, chunk]);
    if (head.length >= count) break;
  }
  return head.subarray(0, count);
}

/** Whether a block's checksum is a tar header's (pax(1), "ustar Interchange Format"). */
export function isTarHeader(block: Uint8Array): boolean {
  if (block.length < 512) return false;
  const written = Number.parseInt(Buffer.from(block.subarray(148, 156)).toString("latin1").trim(), 8);
  let sum = 8 * 32;
  for (let at = 0; at < 512; at++) if (at < 148 || at >= 156) sum += block[at]!;
  return written === sum;
}

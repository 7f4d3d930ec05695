import { packet, packetTypes, type Stat } from "../wire/files.ts";
import { codes, RpcError } from "../rpc/status.ts";
import { ReceivedTree, type FileWriter } from "./received-tree.ts";
import type { Session } from "./sessions.ts";

const method = "/moby.filesync.v1.FileSync/DiffCopy";

export interface FileSyncRequest {
  /** A folder by the client's name for it: `context`, `dockerfile`. */
  readonly name: string;
  /** Only these paths and what links among them lead to. */
  readonly follow?: readonly string[];
  /** Patterns of a .dockerignore. */
  readonly exclude?: readonly string[];
}

/** What came over the line, so far. */
export interface FileSyncProgress {
  readonly entries: number;
  readonly bytes: number;
}

/**
 * Makes `folder` equal to one of the client's. Only the content of files that differ is sent. The client describes its
 * files in order, we ask for contents by number, and pieces of several files may come mixed; the protocol is told at
 * the top of fsutil's receive.go.
 */
export async function syncFolder(
  session: Session,
  request: FileSyncRequest,
  folder: string,
  {
    signal,
    onProgress,
  }: { readonly signal: AbortSignal; readonly onProgress?: (progress: FileSyncProgress) => void },
): Promise<FileSyncProgress> {
  if (!session.supports(method)) throw new RpcError(codes.failedPrecondition, "the client offers no files");
  const call = session.peer.call(method, { signal, metadata: metadataOf(request) });
  const tree = new ReceivedTree(folder);
  const wanted = new Map<number, Stat>();
  const writers = new Map<number, FileWriter>();
  let next = 0;
  let described = false;
  let bytes = 0;
  const told = () => onProgress?.({ entries: next, bytes });
  // Not waited for: the client may be waiting for us to read what it sends.
  const send = (type: number, id = 0) => void call.send(packet.encode({ type, id }));
  const finishWhenDone = () => {
    if (described && wanted.size === 0) send(packetTypes.fin);
  };
  try {
    for await (const message of call.messages) {
      const { type, stat, id, data } = packet.decode(message);
      if (type === packetTypes.error) throw new RpcError(codes.unknown, Buffer.from(data).toString());
      if (type === packetTypes.fin) {
        call.end();
      } else if (type === packetTypes.stat && stat === undefined) {
        described = true;
        finishWhenDone();
      } else if (type === packetTypes.stat) {
        const number = next++;
        if (tree.add(stat as Stat)) {
          wanted.set(number, stat as Stat);
          send(packetTypes.request, number);
        }
      } else if (type === packetTypes.data) {
        bytes += data.length;
        await receive(tree, wanted, writers, id, data);
        if (data.length === 0) finishWhenDone();
      }
      told();
    }
  } finally {
    call.cancel();
    for (const writer of writers.values()) await writer.drop();
  }
  if (!described || wanted.size > 0)
    throw new RpcError(codes.unavailable, "the client ended before all files were sent");
  tree.finish();
  return { entries: next, bytes };
}

async function receive(
  tree: ReceivedTree,
  wanted: Map<number, Stat>,
  writers: Map<number, FileWriter>,
  id: number,
  data: Uint8Array,
): Promise<void> {
  const stat = wanted.get(id);
  if (stat === undefined)
    throw new RpcError(codes.invalidArgument, `the client sends file ${id}, not asked for`);
  let writer = writers.get(id);
  if (!writer) writers.set(id, (writer = tree.write(stat)));
  if (data.length > 0) return writer.write(data);
  await writer.end();
  writers.delete(id);
  wanted.delete(id);
}

/** Values that are not ASCII travel as in a URL, and a key of their own says so. */
function metadataOf({ name, follow, exclude }: FileSyncRequest): Record<string, string[] | string> {
  const values: Record<string, readonly string[]> = {
    "dir-name": [name],
    ...(follow ? { followpaths: follow } : {}),
    ...(exclude && exclude.length > 0 ? { "exclude-patterns": exclude } : {}),
  };
  const metadata: Record<string, string[] | string> = {};
  for (const [key, list] of Object.entries(values)) {
    const plain = list.every((one) => /^[\x20-\x7e]*$/.test(one));
    metadata[key] = plain ? [...list] : list.map((one) => encodeURIComponent(one));
    if (!plain) metadata[`${key}-encoded`] = "1";
  }
  return metadata;
}

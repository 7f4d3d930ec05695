import { createReadStream, lstatSync, readdirSync, readlinkSync, type BigIntStats } from "node:fs";
import { join } from "node:path";
import { getXattr, listXattrs, splitDevice } from "../../../host/index.ts";
import type { RpcCall } from "../rpc/client.ts";
import { codes, RpcError } from "../rpc/status.ts";
import { goModeOf, typeOfGoMode } from "../sessions/go-mode.ts";
import { packet, packetTypes, type Stat } from "../wire/files.ts";

/**
 * Sends the files below `root`: the other side of `syncFolder`. Everything is described, in order, and the client asks
 * by number for the contents that it wants.
 */
export async function sendTree(call: RpcCall, root: string): Promise<number> {
  const files = new Map<number, string>();
  let sent = 0;
  const describe = async () => {
    let number = 0;
    for (const stat of walk(root)) {
      if (typeOfGoMode(stat.mode) === "file") files.set(number, stat.path);
      number++;
      if (!(await call.send(packet.encode({ type: packetTypes.stat, stat })))) return;
    }
    await call.send(packet.encode({ type: packetTypes.stat }));
  };
  const wanted: number[] = [];
  let wake = () => {};
  let fin = false;
  const answer = async () => {
    for (;;) {
      const id = wanted.shift();
      if (id !== undefined) {
        const path = files.get(id);
        if (path === undefined)
          throw new RpcError(codes.invalidArgument, `the client asks for file ${id}, not sent`);
        sent += await sendContent(call, id, join(root, path));
      } else if (fin) {
        await call.send(packet.encode({ type: packetTypes.fin }));
        return call.end();
      } else await new Promise<void>((resolve) => (wake = resolve));
    }
  };
  const read = async () => {
    try {
      for await (const message of call.messages) {
        const { type, id, data } = packet.decode(message);
        if (type === packetTypes.error) throw new RpcError(codes.unknown, Buffer.from(data).toString());
        if (type === packetTypes.request) wanted.push(id);
        if (type === packetTypes.fin) fin = true;
        wake();
      }
    } finally {
      fin = true;
      wake();
    }
  };
  try {
    await Promise.all([describe(), answer(), read()]);
  } catch (error) {
    call.cancel();
    throw error;
  }
  return sent;
}

async function sendContent(call: RpcCall, id: number, path: string): Promise<number> {
  let sent = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 128 * 1024 })) {
    const data = chunk as Uint8Array;
    sent += data.length;
    if (!(await call.send(packet.encode({ type: packetTypes.data, id, data })))) return sent;
  }
  await call.send(packet.encode({ type: packetTypes.data, id }));
  return sent;
}

/** Folders before what is in them, names by their bytes; hard links as links to the first name. */
function* walk(root: string): Generator<Stat> {
  const firstNames = new Map<string, string>();
  const visit = function* (folder: string): Generator<Stat> {
    const names = readdirSync(join(root, folder)).map((name) => [name, Buffer.from(name)] as const);
    names.sort(([, a], [, b]) => Buffer.compare(a, b));
    for (const [name] of names) {
      const path = folder === "" ? name : `${folder}/${name}`;
      const stat = lstatSync(join(root, path), { bigint: true });
      yield describeEntry(root, path, stat, firstNames);
      if (stat.isDirectory()) yield* visit(path);
    }
  };
  yield* visit("");
}

function describeEntry(root: string, path: string, stat: BigIntStats, firstNames: Map<string, string>): Stat {
  const absolute = join(root, path);
  const identity = `${stat.dev}:${stat.ino}`;
  const first = stat.isFile() && stat.nlink > 1n ? firstNames.get(identity) : undefined;
  if (stat.isFile() && stat.nlink > 1n && first === undefined) firstNames.set(identity, path);
  const { major, minor } =
    stat.isBlockDevice() || stat.isCharacterDevice() ? splitDevice(stat.rdev) : { major: 0, minor: 0 };
  return {
    path,
    mode: goModeOf(Number(stat.mode)),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    size: stat.isFile() ? Number(stat.size) : 0,
    modTime: stat.mtimeNs,
    linkname: first ?? (stat.isSymbolicLink() ? readlinkSync(absolute) : ""),
    devmajor: major,
    devminor: minor,
    xattrs: xattrsOf(absolute),
  };
}

/** Without those of overlayfs and of the machine. */
function xattrsOf(path: string): Record<string, Uint8Array> {
  const kept = listXattrs(path).filter((name) => name.startsWith("user.") || name === "security.capability");
  return Object.fromEntries(kept.map((name) => [name, getXattr(path, name) ?? new Uint8Array()]));
}

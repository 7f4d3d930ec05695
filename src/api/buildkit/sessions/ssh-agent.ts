import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { callOnce, type RpcCall } from "../rpc/client.ts";
import { codes, RpcError } from "../rpc/status.ts";
import { empty } from "../wire/control.ts";
import { bytesMessage, checkAgentRequest } from "../wire/session.ts";
import type { KeptFolders } from "./kept-folders.ts";
import type { Session } from "./sessions.ts";

const check = "/moby.sshforward.v1.SSH/CheckAgent";
const forward = "/moby.sshforward.v1.SSH/ForwardAgent";

/**
 * A socket behind which an SSH agent of the client answers, until `undo` is carried out. undefined: the client has
 * none of that id.
 */
export async function openAgent(
  session: Session,
  id: string,
  {
    folders,
    undo,
    signal,
  }: {
    readonly folders: Pick<KeptFolders, "lend">;
    readonly undo: AsyncDisposableStack;
    readonly signal: AbortSignal;
  },
): Promise<string | undefined> {
  if (!session.supports(forward)) return undefined;
  try {
    await callOnce(session.peer, check, [checkAgentRequest, empty], { id }, { signal });
  } catch (error) {
    if (error instanceof RpcError && error.code === codes.unknown) return undefined;
    throw error;
  }
  const path = join(undo.use(await folders.lend("")).path, "agent");
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    const call = session.peer.call(forward, { signal, metadata: { "buildkit.ssh.id": id } });
    for (const one of [up(socket, call), down(socket, call)]) one.catch(() => socket.destroy());
  });
  undo.defer(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
  return path;
}

async function up(socket: Socket, call: RpcCall): Promise<void> {
  for await (const data of socket.iterator({ destroyOnReturn: false })) {
    if (!(await call.send(bytesMessage.encode({ data: data as Uint8Array })))) return;
  }
  call.end();
}

async function down(socket: Socket, call: RpcCall): Promise<void> {
  for await (const message of call.messages) socket.write(bytesMessage.decode(message).data);
  socket.end();
}

import { codes, RpcError } from "../rpc/status.ts";
import type { RpcCall } from "../rpc/client.ts";
import type { Session } from "../sessions/sessions.ts";
import { bytesMessage } from "../wire/session.ts";

const method = "/moby.filesync.v1.FileSend/DiffCopy";

/** Opens the way to what the client writes a result to; `index` is the exporter's place among those of the solve. */
export function openTarget(session: Session, index: number, signal: AbortSignal): RpcCall {
  if (!session.supports(method)) throw new RpcError(codes.failedPrecondition, "the client takes no files");
  return session.peer.call(method, {
    signal,
    metadata: { "buildkit-attachable-exporter-id": String(index) },
  });
}

/** So much goes into one message; the client's limit is 4 MiB. */
const pieceBytes = 1 << 20;

/** Sends a file, and waits until the client has written it. */
export async function sendBytes(call: RpcCall, source: AsyncIterable<Uint8Array>): Promise<number> {
  let sent = 0;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; at += pieceBytes) {
      const data = chunk.subarray(at, at + pieceBytes);
      // The call says why when the messages are read.
      if (!(await call.send(bytesMessage.encode({ data })))) break;
      sent += data.length;
    }
  }
  call.end();
  for await (const _ of call.messages);
  return sent;
}

import type { Duplex } from "node:stream";
import { connectPeer, type RpcPeer } from "../rpc/client.ts";
import { codes, RpcError } from "../rpc/status.ts";

/** A client that has lent us its files, secrets and credentials over a connection of its own. */
export interface Session {
  readonly id: string;
  /** The same for the same folder of the same machine, so that files sent once need not be sent again. */
  readonly sharedKey: string;
  readonly peer: RpcPeer;
  /** Whether the client serves `/package.Service/Method`. */
  supports(method: string): boolean;
}

export interface Sessions {
  /** Serves the connection of POST /session until it ends. Throws `RpcError` when there is a session of that id. */
  serve(socket: Duplex, headers: Headers): Promise<void>;
  /** The session of that id; its connection may come a little later than the call that names it. */
  get(id: string, signal: AbortSignal): Promise<Session>;
  close(): void;
}

/** So long a session is waited for. */
const patienceMs = 10_000;

export function createSessions(): Sessions {
  const open = new Map<string, Session>();
  const waiting = new Set<() => void>();
  return {
    async serve(socket, headers) {
      const id = headers.get("x-docker-expose-session-uuid") ?? "";
      if (id === "") throw new RpcError(codes.invalidArgument, "the session has no id");
      if (open.has(id)) throw new RpcError(codes.alreadyExists, `session ${id} already exists`);
      const methods = new Set(methodsOf(headers));
      const peer = connectPeer(socket);
      open.set(id, {
        id,
        peer,
        sharedKey: headers.get("x-docker-expose-session-sharedkey") ?? "",
        supports: (method) => methods.has(method.toLowerCase()),
      });
      for (const wake of waiting) wake();
      await aborted(peer.gone);
      open.delete(id);
      peer.close();
    },
    async get(id, signal) {
      const key = id.replace(/^[^:]*:(?=.)/, "");
      const timeout = AbortSignal.timeout(patienceMs);
      const given = AbortSignal.any([signal, timeout]);
      for (;;) {
        const session = open.get(key);
        if (session) return session;
        if (timeout.aborted) throw new RpcError(codes.notFound, `no active session for ${id}`);
        given.throwIfAborted();
        const came = Promise.withResolvers<void>();
        waiting.add(came.resolve);
        try {
          await Promise.race([came.promise, aborted(given)]);
        } finally {
          waiting.delete(came.resolve);
        }
      }
    },
    close() {
      for (const { peer } of open.values()) peer.close();
    },
  };
}

function methodsOf(headers: Headers): string[] {
  return (headers.get("x-docker-expose-session-grpc-method") ?? "")
    .split(",")
    .map((one) => one.trim().toLowerCase());
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

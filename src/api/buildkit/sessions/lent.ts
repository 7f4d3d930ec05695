import type { Credentials, CredentialsOf } from "../../../distribution/index.ts";
import { callOnce } from "../rpc/client.ts";
import { codes, RpcError } from "../rpc/status.ts";
import * as wire from "../wire/session.ts";
import type { Session } from "./sessions.ts";

const auth = "/moby.filesync.v1.Auth/Credentials";
const secrets = "/moby.buildkit.secrets.v1.Secrets/GetSecret";
const upload = "/moby.upload.v1.Upload/Pull";

/** Who the client is at registries, asked when it is needed. */
export function credentialsOf(session: Session, signal: AbortSignal): CredentialsOf {
  if (!session.supports(auth)) return () => undefined;
  return async (domain): Promise<Credentials | undefined> => {
    // The name that clients know Docker Hub by.
    const host = domain === "docker.io" ? "registry-1.docker.io" : domain;
    const shape = [wire.credentialsRequest, wire.credentialsResponse] as const;
    const { username, secret } = await callOnce(session.peer, auth, shape, { host }, { signal });
    if (secret === "") return undefined;
    return username === ""
      ? { kind: "identity", token: secret }
      : { kind: "password", username, password: secret };
  };
}

/** A secret of the client; undefined when it has none of that id. */
export async function secretOf(
  session: Session,
  id: string,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  if (!session.supports(secrets)) return undefined;
  try {
    const shape = [wire.getSecretRequest, wire.getSecretResponse] as const;
    return (await callOnce(session.peer, secrets, shape, { id }, { signal })).data;
  } catch (error) {
    if (error instanceof RpcError && error.code === codes.notFound) return undefined;
    throw error;
  }
}

/** What the client reads from its standard input or the like; `address` is the one that it gave for it. */
export async function* uploadOf(
  session: Session,
  address: URL,
  signal: AbortSignal,
): AsyncIterableIterator<Uint8Array> {
  if (!session.supports(upload)) throw new RpcError(codes.failedPrecondition, "the client offers no upload");
  const metadata = { urlpath: address.pathname, urlhost: address.host };
  const call = session.peer.call(upload, { metadata, signal });
  call.end();
  try {
    for await (const message of call.messages) yield wire.bytesMessage.decode(message).data;
  } finally {
    call.cancel();
  }
}

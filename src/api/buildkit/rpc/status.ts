import { message as protobuf, bytes, integer, many, nested, one, text } from "../wire/message.ts";
import { toVirgaError, type ErrorKind } from "../../../base/index.ts";

/** gRPC's status codes, those that are used here. https://grpc.io/docs/guides/status-codes/ */
export const codes = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
} as const;

const codeOfKind: Readonly<Record<ErrorKind, number>> = {
  // Clients show the name of every other code before the message; these messages speak for themselves.
  invalid: codes.unknown,
  "not-found": codes.unknown,
  "not-modified": codes.failedPrecondition,
  conflict: codes.alreadyExists,
  precondition: codes.failedPrecondition,
  exhausted: codes.resourceExhausted,
  unavailable: codes.unavailable,
  unimplemented: codes.unimplemented,
  permission: codes.permissionDenied,
  cancelled: codes.cancelled,
  timeout: codes.deadlineExceeded,
  "data-loss": codes.dataLoss,
  internal: codes.internal,
};

/** google/rpc/status.proto, google/protobuf/any.proto. */
const any = protobuf({ typeUrl: one(1, text), value: one(2, bytes) });
export const statusMessage = protobuf({
  code: one(1, integer),
  message: one(2, text),
  details: many(3, nested(any)),
});

/** How a call ended that did not end well. */
export class RpcError extends Error {
  readonly code: number;
  readonly details: readonly { readonly typeUrl?: string; readonly value?: Uint8Array }[];

  constructor(code: number, text: string, details: RpcError["details"] = []) {
    super(text);
    this.name = "RpcError";
    this.code = code;
    this.details = details;
  }
}

/** Any thrown value as what a caller is told. */
export function toRpcError(error: unknown): RpcError {
  if (error instanceof RpcError) return error;
  const { kind, message } = toVirgaError(error);
  return new RpcError(codeOfKind[kind], message);
}

/** The trailers that end a call with `error`. */
export function trailersOf(error: RpcError): Record<string, string> {
  const { code, message, details } = error;
  return {
    "grpc-status": String(code),
    "grpc-message": percentEncoded(message),
    ...(details.length === 0
      ? {}
      : { "grpc-status-details-bin": base64(statusMessage.encode({ code, message, details })) }),
  };
}

/** What the trailers (or the only headers) of a call say; undefined: it went well. */
export function errorFromTrailers(headers: Readonly<Record<string, unknown>>): RpcError | undefined {
  const code = Number(headers["grpc-status"] ?? codes.unknown);
  if (code === codes.ok) return undefined;
  const text = headers["grpc-message"];
  return new RpcError(code, typeof text === "string" ? decoded(text) : "the call ended without a status");
}

function base64(data: Uint8Array): string {
  return Buffer.from(data).toString("base64").replace(/=+$/, "");
}

/** As the protocol wants it: printable ASCII stays, all else is percent-encoded bytes. */
function percentEncoded(text: string): string {
  return [...Buffer.from(text)]
    .map((byte) =>
      byte >= 0x20 && byte <= 0x7e && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).padStart(2, "0").toUpperCase()}`,
    )
    .join("");
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

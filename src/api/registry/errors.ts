import { isVirgaError, toVirgaError, type ErrorKind } from "../../base/index.ts";
import { RegistryError } from "../../registry/index.ts";

/** One entry of the body of a failure (spec.md, "Error Codes"). */
interface WireError {
  readonly code: string;
  readonly message: string;
  readonly detail?: unknown;
}

export interface EncodedError {
  readonly status: number;
  readonly body: { readonly errors: readonly WireError[] };
}

/** Status and code of the specification for each error of the registry. */
export const statusOfCode: Readonly<Record<string, readonly [status: number, code: string]>> = {
  "registry.name-invalid": [400, "NAME_INVALID"],
  "registry.name-unknown": [404, "NAME_UNKNOWN"],
  "registry.tag-invalid": [400, "MANIFEST_INVALID"],
  "registry.digest-invalid": [400, "DIGEST_INVALID"],
  "registry.size-invalid": [400, "SIZE_INVALID"],
  "registry.blob-unknown": [404, "BLOB_UNKNOWN"],
  "registry.blob-in-use": [405, "UNSUPPORTED"],
  "registry.range-invalid": [416, "SIZE_INVALID"],
  "registry.upload-invalid": [400, "BLOB_UPLOAD_INVALID"],
  "registry.upload-range": [416, "BLOB_UPLOAD_INVALID"],
  "registry.upload-unknown": [404, "BLOB_UPLOAD_UNKNOWN"],
  "registry.unauthorized": [401, "UNAUTHORIZED"],
  "registry.too-many-attempts": [429, "TOOMANYREQUESTS"],
  "registry.upstream-busy": [429, "TOOMANYREQUESTS"],
  "registry.denied": [403, "DENIED"],
  "registry.quota-exceeded": [403, "DENIED"],
  "registry.tag-protected": [403, "DENIED"],
  "registry.manifest-unknown": [404, "MANIFEST_UNKNOWN"],
  "registry.manifest-invalid": [400, "MANIFEST_INVALID"],
  "registry.manifest-too-large": [413, "MANIFEST_INVALID"],
  "registry.manifest-blob-unknown": [404, "MANIFEST_BLOB_UNKNOWN"],
  "registry.condition-failed": [412, "MANIFEST_INVALID"],
  "registry.query-invalid": [400, "UNSUPPORTED"],
  "registry.method-unsupported": [405, "UNSUPPORTED"],
  "registry.path-unknown": [404, "UNSUPPORTED"],
};

/** And where there is none. */
export const statusOfKind: Readonly<Record<ErrorKind, readonly [status: number, code: string]>> = {
  invalid: [400, "UNSUPPORTED"],
  "not-found": [404, "NAME_UNKNOWN"],
  "not-modified": [304, "UNKNOWN"],
  conflict: [409, "DENIED"],
  precondition: [412, "DENIED"],
  exhausted: [507, "INSUFFICIENT_STORAGE"],
  unavailable: [503, "UNAVAILABLE"],
  unimplemented: [405, "UNSUPPORTED"],
  permission: [403, "DENIED"],
  cancelled: [499, "BLOB_UPLOAD_INVALID"],
  timeout: [504, "UNAVAILABLE"],
  "data-loss": [500, "UNKNOWN"],
  internal: [500, "UNKNOWN"],
};

export function encodeError(thrown: unknown): EncodedError {
  const error = toVirgaError(thrown);
  const [status, code] = statusOfCode[error.code] ?? statusOfKind[error.kind];
  // What our own bugs say is for the log, not for whoever asks.
  if (error.kind === "internal") {
    return { status, body: { errors: [{ code, message: "internal error; the registry's log tells more" }] } };
  }
  const message = error.hint === undefined ? error.message : `${error.message} (${error.hint})`;
  const detail = thrown instanceof RegistryError ? thrown.detail : undefined;
  return { status, body: { errors: [{ code, message, ...(detail === undefined ? {} : { detail }) }] } };
}

/** True for what the daemon's log should tell about: our own bugs, damaged data, a full disk. */
export function isServerFault(thrown: unknown): boolean {
  return !isVirgaError(thrown) || ["internal", "data-loss", "exhausted"].includes(thrown.kind);
}

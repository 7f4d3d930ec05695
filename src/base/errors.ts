/**
 * What went wrong, as one of a fixed set of kinds. An API encoder maps a kind to its status; nothing else looks at
 * messages. An error that a person can mend carries `hint`: the next command or action.
 */
export const errorKinds = [
  "invalid", // the request is wrong, and would be wrong again
  "not-found",
  "not-modified", // the thing is already as asked (start of a running container)
  "conflict", // a name or a state stands in the way
  "precondition", // the host lacks something that the request needs
  "exhausted", // disk, addresses, memory, a limit
  "unavailable", // a thing outside (a mirror, a registry) did not answer; trying again may help
  "unimplemented", // known, and not supported
  "permission",
  "cancelled",
  "timeout",
  "data-loss", // stored content is not what its digest says
  "internal", // our bug
] as const;

export type ErrorKind = (typeof errorKinds)[number];

export interface ErrorDetail {
  /** The next command or action, for the person who reads the error. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/** Every error that Virga throws on purpose. `code` is stable and dotted (`container.not-found`). */
export class VirgaError extends Error {
  readonly kind: ErrorKind;
  readonly code: string;
  readonly hint: string | undefined;

  constructor(kind: ErrorKind, code: string, message: string, detail: ErrorDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.name = "VirgaError";
    this.kind = kind;
    this.code = code;
    this.hint = detail.hint;
  }
}

/** `fail("not-found", "image.not-found", "No such image: x")` reads as what it does: `throw fail(...)`. */
export function fail(kind: ErrorKind, code: string, message: string, detail: ErrorDetail = {}): VirgaError {
  return new VirgaError(kind, code, message, detail);
}

export function isVirgaError(error: unknown, kind?: ErrorKind): error is VirgaError {
  return error instanceof VirgaError && (kind === undefined || error.kind === kind);
}

/** Any thrown value as a VirgaError; what is not one already is our bug and becomes `internal`. */
export function toVirgaError(error: unknown): VirgaError {
  if (error instanceof VirgaError) return error;
  if (error instanceof DOMException && error.name === "AbortError") {
    return fail("cancelled", "operation.cancelled", "The operation was cancelled", { cause: error });
  }
  if (errnoOf(error) === "ENAMETOOLONG") {
    return fail("invalid", "path.too-long", "a name or path is longer than file systems take", {
      cause: error,
    });
  }
  return fail("internal", "internal", messageOf(error), { cause: error });
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The `errno` name (`ENOENT`) of a failed system call, if `error` is one. */
export function errnoOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

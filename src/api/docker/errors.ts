import { isVirgaError, printable, toVirgaError, type ErrorKind, type VirgaError } from "../../base/index.ts";

/** What a failed request is answered with. `body` is absent where HTTP allows none. */
export interface EncodedError {
  readonly status: number;
  readonly body?: ErrorBody;
}

interface ErrorBody {
  readonly message: string;
  readonly kind?: string;
  readonly code?: string;
  readonly hint?: string;
}

/** A client that sends it (Virga's own) gets the error as it was thrown, instead of Docker's words for it. */
export const detailHeader = "x-virga-error-detail";

const statusOfKind: Record<ErrorKind, number> = {
  invalid: 400,
  "not-found": 404,
  "not-modified": 304,
  conflict: 409,
  precondition: 412,
  exhausted: 500,
  unavailable: 503,
  unimplemented: 501,
  permission: 403,
  cancelled: 499,
  timeout: 504,
  "data-loss": 500,
  internal: 500,
};

/**
 * Where Docker's status or words for a case are not those of its kind. Clients look for them: docker turns
 * "executable file not found" into exit code 127, "permission denied" into 126.
 */
const special: Record<string, { readonly status?: number; readonly text?: (message: string) => string }> = {
  "task.command-not-found": {
    status: 400,
    text: (message) => taskText(withReason(message, "executable file not found in $PATH")),
  },
  "task.command-not-executable": { status: 400, text: (message) => taskText(notExecutable(message)) },
  "task.create-failed": { status: 500, text: taskText },
  "runtime.missing": { status: 400 },
  "device.no-driver": { status: 500 },
  "container.ambiguous": { status: 400 },
  "network.in-use": { status: 403 },
  "network.pool-overlap": { status: 403 },
  // What the kernel says about the path, which dockerd hands on.
  "container.path-not-directory": { status: 500 },
  "port.in-use": { status: 500, text: portText },
  "api.not-a-manager": { status: 503 },
  "api.head-too-large": { status: 431 },
  "registry.unauthorized": { status: 401 },
};

/** The answer to any thrown value. */
export function encodeError(thrown: unknown, options: { readonly detail?: boolean } = {}): EncodedError {
  const error = toVirgaError(thrown);
  const rule = special[error.code];
  const status = rule?.status ?? statusOfKind[error.kind];
  if (status === 304) return { status };
  if (options.detail === true) {
    const { message, kind, code, hint } = error;
    return { status, body: { message, kind, code, ...(hint === undefined ? {} : { hint }) } };
  }
  const message = rule?.text?.(error.message) ?? error.message;
  return { status, body: { message: printable(withHint(message, error)) } };
}

/** The message alone, for streams that have already begun. */
export function errorText(thrown: unknown): string {
  return encodeError(thrown).body?.message ?? toVirgaError(thrown).message;
}

/** The exit code of the command that made a build fail, if that is what failed: docker build ends with it. */
export function buildExitCode(thrown: unknown): number | undefined {
  if (!isVirgaError(thrown) || thrown.code !== "build.step-failed") return undefined;
  const { cause } = thrown;
  if (typeof cause !== "object" || cause === null || !("exitCode" in cause)) return undefined;
  return typeof cause.exitCode === "number" ? cause.exitCode : undefined;
}

/** True for what the daemon's log should tell about: our own bugs and damaged data. */
export function isServerFault(thrown: unknown): boolean {
  return !isVirgaError(thrown) || thrown.kind === "internal" || thrown.kind === "data-loss";
}

function withHint(message: string, error: VirgaError): string {
  return error.hint === undefined ? message : `${message} (${error.hint})`;
}

function taskText(message: string): string {
  return `failed to create task for container: failed to create shim task: OCI runtime create failed: ${message}: unknown`;
}

/** What an exec whose command cannot be run writes to its client. */
export function execErrorText(error: VirgaError): string {
  const reason =
    error.code === "task.command-not-found"
      ? withReason(error.message, "executable file not found in $PATH")
      : notExecutable(error.message);
  return printable(
    `OCI runtime exec failed: exec failed: unable to start container process: ${reason}: unknown`,
  );
}

function withReason(message: string, reason: string): string {
  return message.includes(reason) ? message : `${message}: ${reason}`;
}

function notExecutable(message: string): string {
  const known = ["is a directory", "exec format error"].some((reason) => message.includes(reason));
  return known ? message : withReason(message, "permission denied");
}

function portText(message: string): string {
  const known = message.includes("port is already allocated") || message.includes("address already in use");
  const text = known ? message : `${message}: port is already allocated`;
  return text.startsWith("driver failed") || text.startsWith("failed to set up container networking")
    ? text
    : `failed to set up container networking: driver failed programming external connectivity on endpoint: ${text}`;
}

import { printable, toVirgaError, type ErrorKind } from "../../base/index.ts";
import type { Operation } from "../../operations/index.ts";
import type { ServiceStatus, StackStatus } from "../../stacks/index.ts";
import type { WireError, WireOperation, WireServiceStatus, WireStackStatus } from "../client/index.ts";

/** The one place that turns a kind of error into an HTTP status of `/v1`. */
const statusOf: Record<ErrorKind, number> = {
  invalid: 400,
  permission: 403,
  "not-found": 404,
  "not-modified": 304,
  conflict: 409,
  precondition: 412,
  exhausted: 507,
  cancelled: 499,
  timeout: 504,
  unavailable: 503,
  unimplemented: 501,
  "data-loss": 500,
  internal: 500,
};

export function encodeError(error: unknown): {
  readonly status: number;
  readonly body: { readonly error: WireError };
} {
  const known = toVirgaError(error);
  return { status: statusOf[known.kind], body: { error: wireError(error) } };
}

export function wireError(error: unknown): WireError {
  const { kind, code, message, hint } = toVirgaError(error);
  return { kind, code, message: printable(message), ...(hint === undefined ? {} : { hint }) };
}

export function wireOperation(operation: Operation): WireOperation {
  const { id, kind, subject, startedAt, state } = operation;
  const base = { id, kind, subject, startedAt: startedAt.toISOString(), status: state.status };
  if (state.status === "running") return base;
  const ended = { ...base, endedAt: state.endedAt.toISOString() };
  if (state.status === "succeeded") return { ...ended, result: state.result };
  return state.status === "failed" ? { ...ended, error: wireError(state.error) } : ended;
}

export function wireStack(status: StackStatus): WireStackStatus {
  return { name: status.name, warnings: status.warnings, services: status.services.map(wireService) };
}

function wireService(service: ServiceStatus): WireServiceStatus {
  return { ...service, createdAt: service.createdAt.toISOString() };
}

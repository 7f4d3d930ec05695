import { VirgaError, type ErrorDetail, type ErrorKind } from "../base/index.ts";

/** An error of the registry: as any other, with `detail` for programs (spec.md, "Error Codes"). */
export class RegistryError extends VirgaError {
  readonly detail: unknown;

  constructor(
    kind: ErrorKind,
    code: string,
    message: string,
    more: ErrorDetail & { readonly detail?: unknown },
  ) {
    super(kind, code, message, more);
    this.detail = more.detail;
  }
}

/** As `fail`, with a `detail` for programs. */
export function refuse(
  kind: ErrorKind,
  code: string,
  message: string,
  more: ErrorDetail & { readonly detail?: unknown } = {},
): RegistryError {
  return new RegistryError(kind, code, message, more);
}

import { errnoOf, fail, isVirgaError, messageOf, type VirgaError } from "../base/index.ts";

/**
 * A failed request that is worth repeating, now or after `after` milliseconds; `cause` is what to say when it was
 * repeated often enough.
 */
export class Repeatable extends Error {
  readonly after: number | undefined;

  constructor(cause: Error, after?: number) {
    super(cause.message, { cause });
    this.after = after;
  }
}

const unreachable = new Set([
  "ENOTFOUND",
  "EAI_AGAIN",
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENETDOWN",
  "FailedToOpenSocket",
  "ConnectionRefused",
]);

const untrusted = /CERT|SELF_SIGNED|UNABLE_TO|TLS|SSL|EPROTO/;

/** A request that got no answer, in our words. The signal's own reason comes first. */
export function networkFailure(error: unknown, host: string, signal: AbortSignal): Error {
  if (signal.aborted) {
    const reason: unknown = signal.reason;
    if (isVirgaError(reason) && reason.code === "registry.timeout") return new Repeatable(reason);
    return reason as Error;
  }
  const code = errnoOf(error) ?? "";
  if (unreachable.has(code)) {
    return fail("unavailable", "registry.unreachable", `${host} can't be reached: ${words(code)}`, {
      hint: "check the network, the name and the proxy settings (HTTPS_PROXY, NO_PROXY)",
      cause: error,
    });
  }
  if (untrusted.test(code)) {
    return fail("unavailable", "registry.tls", `no trusted connection to ${host}: ${messageOf(error)}`, {
      hint: `put its authority into /etc/docker/certs.d/${host}/ca.crt, or start the daemon with --insecure-registry ${host}`,
      cause: error,
    });
  }
  return new Repeatable(
    fail("unavailable", "registry.connection-lost", `the connection to ${host} was lost`, { cause: error }),
  );
}

function words(code: string): string {
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return "its name is not known";
  return /refused/i.test(code) ? "it refuses connections" : code;
}

/** What an answer of a registry says (OCI distribution specification, "Error Codes"). */
export interface Answered {
  readonly status: number;
  readonly method: string;
  readonly url: string;
  /** The start of the body. */
  readonly body: string;
}

/** An answer that is no success as an error; `what` is what was asked for: `manifest for debian:nope`. */
export function answerFailure(answer: Answered, what: string): VirgaError {
  const { status } = answer;
  const said = saidBy(answer.body);
  const text = said === "" ? `the registry answered ${status}` : said;
  const cause = { status, code: codeOf(answer.body) };
  if (status === 401) {
    return fail("permission", "registry.unauthorized", `${what}: unauthorized: ${text}`, {
      hint: "log in first: docker login",
      cause,
    });
  }
  if (status === 403) {
    const hint = "the account may lack the right; log in with another one: docker login";
    return fail("permission", "registry.denied", `${what}: denied: ${text}`, { hint, cause });
  }
  if (status === 404) return fail("not-found", "registry.not-found", `${what} not found: ${text}`, { cause });
  if (status === 429) {
    return fail("unavailable", "registry.rate-limited", `${what}: too many requests: ${text}`, {
      hint: "wait a while, or log in for a higher limit: docker login",
      cause,
    });
  }
  if (status >= 500) {
    return fail(
      "unavailable",
      "registry.server-error",
      `${what}: the registry failed with ${status}: ${text}`,
      {
        cause,
      },
    );
  }
  return fail("unavailable", "registry.refused", `${what}: the registry answered ${status}: ${text}`, {
    cause,
  });
}

/** The registry's own word for the failure (`NAME_UNKNOWN`), if there is one. */
export function registryCode(error: unknown): string | undefined {
  if (!isVirgaError(error) || typeof error.cause !== "object" || error.cause === null) return undefined;
  return "code" in error.cause && typeof error.cause.code === "string" ? error.cause.code : undefined;
}

interface RegistryError {
  readonly code?: unknown;
  readonly message?: unknown;
}

function errorsOf(body: string): readonly RegistryError[] {
  try {
    const parsed = JSON.parse(body) as { errors?: unknown; details?: unknown; message?: unknown } | null;
    if (Array.isArray(parsed?.errors)) return parsed.errors.filter((one) => typeof one === "object" && one);
    const message = parsed?.details ?? parsed?.message;
    return message === undefined ? [] : [{ message }];
  } catch {
    return [];
  }
}

function saidBy(body: string): string {
  const texts = errorsOf(body)
    .slice(0, 3)
    .map(({ code, message }) => {
      const name = typeof code === "string" ? code.toLowerCase().replaceAll("_", " ") : "";
      const text = typeof message === "string" ? message : "";
      return name === "" || name === text ? text : text === "" ? name : `${name}: ${text}`;
    });
  return printable(texts.filter((one) => one !== "").join("; "));
}

function codeOf(body: string): string | undefined {
  const code = errorsOf(body)[0]?.code;
  return typeof code === "string" ? code : undefined;
}

/** A foreign text for one line of ours. */
function printable(text: string): string {
  return text
    .replaceAll(/[\p{C}\s]+/gu, " ")
    .trim()
    .slice(0, 300);
}

/** Milliseconds that an answer asks to wait (RFC 9110, 10.2.3), or undefined. */
export function retryAfter(header: string | null, now: Date): number | undefined {
  if (header === null) return undefined;
  if (/^\d+$/.test(header.trim())) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now.getTime());
}

/** What a daemon said to a request of a test. */
export interface Answer {
  readonly status: number;
  readonly text: string;
}

/** Asks over a unix socket, with `body` as JSON where it is no text already. */
export async function ask(unix: string, method: string, path: string, body?: unknown): Promise<Answer> {
  const init =
    body === undefined
      ? {}
      : {
          body: typeof body === "string" ? body : JSON.stringify(body),
          headers: { "Content-Type": "application/json" },
        };
  const response = await fetch(`http://docker${path}`, { unix, method, ...init });
  return { status: response.status, text: await response.text() };
}

/** Words of the engine room, which help nobody outside it. */
const internal =
  /undefined is not|is not a function|Cannot read|TypeError|RangeError|evaluating|stack size|ERR_|SQLITE|\.ts:|\[object/;
/** Answered by what this daemon is, not by what was sent: a thing not supported, no swarm. */
const fairFaults = [501, 503];

/** Where Docker itself answers with 500, and clients know the words. */
const dockersFaults = /could not select device driver/;

/** What is wrong with an answer to bad input; undefined when nothing is. */
export function unfair({ status, text }: Answer): string | undefined {
  if (status < 400) return undefined;
  const shown = `${status} ${text.slice(0, 300)}`;
  if (status >= 500 && !fairFaults.includes(status) && !dockersFaults.test(text)) return shown;
  let message: unknown;
  try {
    const body = JSON.parse(text) as { message?: unknown; error?: { message?: unknown } };
    message = body.message ?? body.error?.message;
  } catch {
    return `not JSON: ${shown}`;
  }
  if (typeof message !== "string" || message.length < 5) return `no message: ${shown}`;
  if (message.length > 5000) return `a message of ${message.length} characters`;
  if (internal.test(message)) return `not for people: ${shown}`;
  // eslint-disable-next-line no-control-regex
  return /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u202E]/.test(message)
    ? `for no terminal: ${shown}`
    : undefined;
}

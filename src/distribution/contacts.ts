import { isVirgaError, KeyedLock, type Clock } from "../base/index.ts";
import { Repeatable } from "./failures.ts";
import { repeated } from "./retry.ts";
import { isInsecure, type LookUp, type RegistrySettings } from "./settings.ts";
import { failureOf, type Transport } from "./transport.ts";

/** How a registry is reached, as its answer to GET /v2/ has told. */
export interface Contact {
  /** `https://registry.example:5000` */
  readonly origin: string;
  readonly insecure: boolean;
  /** Its WWW-Authenticate. */
  readonly challenged: string | undefined;
}

/** Knows how registries are reached, for a while: also which ones are not, so that nobody waits for them again and again. */
export interface Contacts {
  /** Throws `unavailable` / `registry.unreachable` when nobody is there. */
  reach(
    host: string,
    scheme: "https" | "http" | undefined,
    signal: AbortSignal,
    options?: { readonly fresh?: boolean },
  ): Promise<Contact>;
}

export interface ContactsDependencies {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly settings: RegistrySettings;
  readonly lookUp: LookUp;
}

/** Milliseconds for which an answer, or its lack, is remembered. */
const remembered = { answer: 300_000, silence: 15_000 };
/** How long a first answer may take. */
const patience = 15_000;

interface Answer extends Contact {
  readonly status: number;
}

type Known =
  | { readonly contact: Contact; readonly until: number }
  | { readonly error: unknown; readonly until: number };

export function createContacts({ transport, clock, settings, lookUp }: ContactsDependencies): Contacts {
  const known = new Map<string, Known>();
  const locks = new KeyedLock();

  const ask = async (origin: string, insecure: boolean, signal: AbortSignal): Promise<Answer> => {
    const request = { method: "GET", url: `${origin}/v2/`, insecure, signal, patience } as const;
    const got = await transport.send(request);
    // Any answer that is not a sign of trouble will do: some registries have no such page, or hide it.
    if (got.status === 429 || got.status >= 500)
      throw await failureOf(got, request, new URL(origin).host, clock);
    await got.drop();
    const challenged = got.headers.get("www-authenticate") ?? undefined;
    return { origin, insecure, challenged, status: got.status };
  };
  const reach = async (
    host: string,
    scheme: "https" | "http" | undefined,
    signal: AbortSignal,
  ): Promise<Contact> => {
    const insecure = await isInsecure(host, settings, lookUp);
    const asked = (one: "https" | "http") =>
      onceUnlessBusy(() => ask(`${one}://${host}`, insecure, signal), clock, signal);
    if (scheme !== undefined || !insecure) return await asked(scheme ?? "https");
    return await securelyOrPlainly(asked, signal);
  };

  return {
    async reach(host, scheme, signal, { fresh = false } = {}) {
      const key = `${scheme ?? ""} ${host}`;
      using _lock = await locks.acquire(key, signal);
      const before = known.get(key);
      if (before && !fresh && before.until > clock.now().getTime()) {
        if ("error" in before) throw before.error;
        return before.contact;
      }
      const now = clock.now().getTime();
      try {
        const contact = await reach(host, scheme, signal);
        known.set(key, { contact, until: now + remembered.answer });
        return contact;
      } catch (error) {
        known.delete(key);
        signal.throwIfAborted();
        const silent =
          isVirgaError(error) && ["registry.unreachable", "registry.timeout"].includes(error.code);
        if (silent) known.set(key, { error, until: clock.now().getTime() + remembered.silence });
        throw error;
      }
    },
  };
}

/** As dockerd: HTTPS with any certificate, and plain HTTP when that does not work. */
async function securelyOrPlainly(
  asked: (scheme: "https" | "http") => Promise<Answer>,
  signal: AbortSignal,
): Promise<Contact> {
  try {
    return await asked("https");
  } catch (error) {
    signal.throwIfAborted();
    const plain = await asked("http").catch((plain: unknown) => {
      throw isVirgaError(plain) && plain.code === "registry.connection-lost" ? error : plain;
    });
    // What servers of HTTPS say to who speaks plainly: HTTPS it is, and its own failure is the one to tell.
    if (plain.status === 400) throw error;
    return plain;
  }
}

/** A registry that answers "busy" is asked again; one that does not answer is not: what comes next can wait no longer. */
async function onceUnlessBusy<T>(work: () => Promise<T>, clock: Clock, signal: AbortSignal): Promise<T> {
  return await repeated(clock, signal, async () => {
    try {
      return await work();
    } catch (error) {
      const { cause } = error instanceof Repeatable ? error : { cause: undefined };
      const answered =
        isVirgaError(cause) && ["registry.rate-limited", "registry.server-error"].includes(cause.code);
      if (error instanceof Repeatable && !answered) throw cause;
      throw error;
    }
  });
}

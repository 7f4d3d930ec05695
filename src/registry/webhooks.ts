import { messageOf, type Clock, type Logger } from "../base/index.ts";
import type { State } from "../state/index.ts";
import { refuse } from "./errors.ts";
import { checkPattern, fits } from "./patterns.ts";
import type { RegistryEvent } from "./manifest.ts";

/** Somebody who is told of pushes and deletions. With a `secret` each message is signed. */
export interface Webhook {
  readonly id: number;
  readonly url: string;
  readonly repositories: string;
  readonly secret?: string;
}

export interface Webhooks {
  list(): readonly Webhook[];
  /** Throws `invalid` for a URL or a pattern that is none. */
  add(webhook: Omit<Webhook, "id">): Webhook;
  remove(id: number): boolean;
}

/**
 * The life of a message: written down with what it tells of, in one transaction → sent → sent again after 1, 2, 4 …
 * seconds (an hour at most) when the other side does not answer with 2xx → given up after a day. It outlives a restart.
 */
export interface WebhookSender extends Webhooks {
  /** Synchronous; sends later. */
  announce(event: RegistryEvent): void;
  /** Sends what is due; resolves when all of it was tried. */
  deliver(): Promise<void>;
  close(): Promise<void>;
}

export interface WebhookDependencies {
  readonly state: State;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly send?: (url: string, init: RequestInit) => Promise<Response>;
}

interface Row {
  id: number;
  url: string;
  repositories: string;
  secret: string | null;
}

interface Delivery {
  id: string;
  body: string;
  attempts: number;
  url: string;
  secret: string | null;
}

const longestWaitMs = 3_600_000;
/** The waits add up to a day. */
const mostAttempts = 35;
const answerWithinMs = 10_000;

export function createWebhooks(dependencies: WebhookDependencies): WebhookSender {
  const { state, clock } = dependencies;
  const { db } = state;
  const all = db.query<Row, []>("SELECT * FROM registry_webhooks ORDER BY id");
  const sender = createSender(dependencies);
  return {
    list: () => all.all().map(toWebhook),
    add(webhook) {
      const { url, repositories, secret = null } = webhook;
      checkPattern(repositories);
      if (!/^https?:\/\/[^/]/.test(url) || !URL.canParse(url)) throw badUrl(url);
      const insert = db.query<Row, [string, string, string | null]>(
        "INSERT INTO registry_webhooks (url, repositories, secret) VALUES (?, ?, ?) RETURNING *",
      );
      return toWebhook(insert.get(url, repositories, secret)!);
    },
    remove: (id) => db.run("DELETE FROM registry_webhooks WHERE id = ?", [id]).changes > 0,
    announce(event) {
      for (const { id, repositories } of all.all()) {
        if (!fits(repositories, event.repository)) continue;
        const key = crypto.randomUUID();
        const now = clock.now();
        const body = JSON.stringify(envelope(key, event, now));
        db.run("INSERT INTO registry_deliveries VALUES (?, ?, ?, 0, ?)", [key, id, body, now.getTime()]);
      }
    },
    ...sender,
  };
}

function createSender(dependencies: WebhookDependencies): Pick<WebhookSender, "deliver" | "close"> {
  const { state, clock } = dependencies;
  const due = state.db.query<Delivery, [number]>(
    `SELECT d.id, body, attempts, url, secret FROM registry_deliveries AS d
     JOIN registry_webhooks AS w ON w.id = webhook WHERE next_at <= ? ORDER BY next_at LIMIT 100`,
  );
  const stop = new AbortController();
  let running: Promise<void> | undefined;
  const next = () => (stop.signal.aborted ? [] : due.all(clock.now().getTime()));
  const run = async () => {
    for (let batch = next(); batch.length > 0; batch = next()) {
      await Promise.all(batch.map((one) => attempt(dependencies, one, stop.signal)));
    }
  };
  const deliver = () => {
    running ??= run().finally(() => (running = undefined));
    return running;
  };
  return {
    deliver,
    async close() {
      stop.abort();
      await running;
    },
  };
}

async function attempt(
  { state: { db }, clock, logger, send = fetch }: WebhookDependencies,
  delivery: Delivery,
  stop: AbortSignal,
): Promise<void> {
  const { id, url } = delivery;
  try {
    const response = await post(send, delivery, stop);
    if (!response.ok) throw new Error(`it answered ${response.status}`);
    db.run("DELETE FROM registry_deliveries WHERE id = ?", [id]);
  } catch (error) {
    if (stop.aborted) return;
    const attempts = delivery.attempts + 1;
    logger.warn("a webhook was not reached", { url, attempts, error: messageOf(error) });
    if (attempts >= mostAttempts) db.run("DELETE FROM registry_deliveries WHERE id = ?", [id]);
    else {
      const wait = Math.min(1000 * 2 ** (attempts - 1), longestWaitMs);
      const at = clock.now().getTime() + wait;
      db.run("UPDATE registry_deliveries SET attempts = ?, next_at = ? WHERE id = ?", [attempts, at, id]);
    }
  }
}

async function post(
  send: NonNullable<WebhookDependencies["send"]>,
  { url, body, secret }: Delivery,
  stop: AbortSignal,
): Promise<Response> {
  const headers: Record<string, string> = {
    "Content-Type": "application/vnd.docker.distribution.events.v1+json",
    "User-Agent": "virga",
  };
  if (secret !== null) {
    const signature = new Bun.CryptoHasher("sha256", secret).update(body).digest("hex");
    headers["X-Virga-Signature"] = `sha256=${signature}`;
  }
  const signal = AbortSignal.any([stop, AbortSignal.timeout(answerWithinMs)]);
  return await send(url, { method: "POST", body, headers, signal, redirect: "manual" });
}

/** The form of the distribution project (docs/content/about/notifications.md), which others read already. */
function envelope(id: string, event: RegistryEvent, now: Date): object {
  const { action, repository, manifest, tags, actor } = event;
  const { mediaType, digest, size } = manifest;
  const target = { mediaType, digest, size, length: size, repository };
  const base = { timestamp: now.toISOString(), action, actor: actor === undefined ? {} : { name: actor } };
  const names = tags.length === 0 ? [{}] : tags.map((tag) => ({ tag }));
  return {
    events: names.map((name, n) => ({
      id: n === 0 ? id : `${id}-${n}`,
      ...base,
      target: { ...target, ...name },
    })),
  };
}

function toWebhook({ secret, ...row }: Row): Webhook {
  return { ...row, ...(secret === null ? {} : { secret }) };
}

function badUrl(url: string): Error {
  return refuse("invalid", "registry.url-invalid", `'${url}' is no URL to send to`, {
    hint: "write it like https://ci.example/hook",
  });
}

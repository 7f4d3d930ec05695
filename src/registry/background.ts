import type { Clock, Logger } from "../base/index.ts";
import type { Collected } from "./registry.ts";
import type { WebhookSender } from "./webhooks.ts";

export interface BackgroundDependencies {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly webhooks: Pick<WebhookSender, "deliver" | "close">;
  readonly collectGarbage: () => Promise<Collected>;
}

const collectEveryMs = 10 * 60_000;
const deliverEveryMs = 1000;

/** What the registry does without being asked: collections and messages. */
export function createBackground(dependencies: BackgroundDependencies): {
  start(): void;
  close(): Promise<void>;
} {
  const { clock, logger, webhooks, collectGarbage } = dependencies;
  const timers = new DisposableStack();
  let collecting: Promise<void> = Promise.resolve();
  const collect = async () => {
    try {
      const { freed } = await collectGarbage();
      if (freed > 0) logger.info("the registry freed space", { bytes: freed });
    } catch (error) {
      logger.error("the registry could not collect garbage", { error });
    }
  };
  return {
    start() {
      timers.use(clock.every(deliverEveryMs, () => void webhooks.deliver()));
      timers.use(clock.every(collectEveryMs, () => void (collecting = collect())));
    },
    async close() {
      timers.dispose();
      await webhooks.close();
      await collecting;
    },
  };
}

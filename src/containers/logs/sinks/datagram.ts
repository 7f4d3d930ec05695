import { closeSync, writeSync } from "node:fs";
import { errnoOf, type Clock } from "../../../base/index.ts";
import { connectDatagram } from "../../../host/index.ts";

/** Messages to a unix socket such as /dev/log; connected anew after its reader has been restarted. */
export function datagramSender(path: string, clock: Clock) {
  let fd: number | undefined;
  const close = () => {
    if (fd !== undefined) closeSync(fd);
    fd = undefined;
  };
  return {
    async send(message: Uint8Array): Promise<void> {
      for (let attempt = 0; ; attempt++) {
        try {
          fd ??= connectDatagram(path);
          writeSync(fd, message);
          return;
        } catch (error) {
          // EAGAIN: the reader is behind. Anything else: it went away.
          const behind = errnoOf(error) === "EAGAIN";
          if (!behind) close();
          if (!behind && attempt > 0) throw error;
          if (behind) await clock.sleep(5);
        }
      }
    },
    async [Symbol.asyncDispose]() {
      close();
    },
  };
}

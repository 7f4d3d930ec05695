import { run } from "../host/index.ts";

/** systemd, when it started this daemon and waits for it (sd_notify(3)). */
export interface ServiceManager {
  /** Says that clients are answered from now on. */
  ready(): Promise<void>;
}

/** Takes systemd's variable out of `environment`: an OCI runtime that found it would speak to systemd too. */
export function openServiceManager(environment: Record<string, string | undefined>): ServiceManager {
  const { NOTIFY_SOCKET: socket, ...rest } = environment;
  delete environment["NOTIFY_SOCKET"];
  return {
    async ready() {
      if (socket === undefined) return;
      const env = { ...rest, NOTIFY_SOCKET: socket } as Record<string, string>;
      await run(["systemd-notify", "--ready"], { env });
    },
  };
}

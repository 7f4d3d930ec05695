import { run } from "../host/index.ts";

/** Tells systemd, when it started this daemon, that clients are answered from now on (sd_notify(3)). */
export async function tellReady(environment: Record<string, string | undefined>): Promise<void> {
  if (environment["NOTIFY_SOCKET"] === undefined) return;
  await run(["systemd-notify", "--ready"]);
  // What the daemon starts has nothing to tell systemd.
  delete environment["NOTIFY_SOCKET"];
}

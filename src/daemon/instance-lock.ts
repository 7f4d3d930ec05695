import { closeSync, constants, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import { fail } from "../base/index.ts";
import { tryLock, type DaemonIdentity } from "../host/index.ts";

/** Holds the root for this process; the kernel lets go when the process ends, however it ends. */
export function lockInstance(identity: DaemonIdentity): Disposable {
  const path = identity.path("run", "daemon.pid");
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o644);
  if (!tryLock(fd)) {
    const pid = readFileSync(path, "utf8").trim();
    closeSync(fd);
    throw fail(
      "conflict",
      "daemon.already-running",
      `a daemon (pid ${pid}) already runs for ${identity.root}`,
      {
        hint: "virga system status",
      },
    );
  }
  // In this order a full disk has room for it: that of the pid before.
  const text = `${process.pid}\n`;
  writeSync(fd, text, 0);
  ftruncateSync(fd, text.length);
  return { [Symbol.dispose]: () => closeSync(fd) };
}

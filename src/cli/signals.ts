/** Signals that a client passes on to its container: all that can be caught and mean something to it. */
const proxied = [
  "SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGCONT", "SIGALRM", "SIGTSTP", "SIGTTIN",
  "SIGTTOU",
] as const; // prettier-ignore

/** Sends every signal that this process gets to `deliver`, until disposed. */
export function proxySignals(deliver: (signal: string) => Promise<void>): Disposable {
  const handlers = proxied.map((signal) => {
    // A container that is gone by then needs no signal.
    const handler = () => void deliver(signal).catch(() => {});
    process.on(signal, handler);
    return () => process.off(signal, handler);
  });
  return { [Symbol.dispose]: () => handlers.forEach((off) => off()) };
}

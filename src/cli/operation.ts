import { fail } from "../base/index.ts";
import { errorFromWire, type Client } from "../api/client/index.ts";
import { createProgressView } from "./progress.ts";

/**
 * Shows an operation's progress until it ends and returns its result; throws its error. The first Ctrl-C cancels the
 * operation and waits for it to clean up; the second leaves it to itself.
 */
export async function follow(client: Client, id: string): Promise<unknown> {
  const left = new AbortController();
  let interrupts = 0;
  const onInterrupt = () => {
    if (++interrupts > 1) return left.abort(fail("cancelled", "cli.interrupted", "interrupted"));
    process.stderr.write("\nvirga: cancelling; press Ctrl-C again to leave it running\n");
    client.cancel(id).catch((error: unknown) => left.abort(error));
  };
  process.on("SIGINT", onInterrupt);
  try {
    using view = createProgressView(process.stderr);
    for await (const progress of client.progress(id, left.signal)) view.show(progress);
  } finally {
    process.off("SIGINT", onInterrupt);
  }
  const operation = await client.operation(id);
  if (operation.status === "succeeded") return operation.result;
  if (operation.error) throw errorFromWire(operation.error);
  throw fail("cancelled", "operation.cancelled", `${operation.kind} was cancelled`);
}

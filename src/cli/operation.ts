import { fail } from "../base/index.ts";
import { errorFromWire, type Client } from "../api/client/index.ts";
import { createProgressView } from "./progress.ts";
import type { ProgressView } from "./progress-view.ts";

/**
 * Shows an operation's progress until it ends and returns its result; throws its error. The first Ctrl-C (or SIGTERM)
 * cancels the operation and waits for it to clean up; the second leaves it to itself.
 */
export async function follow(
  client: Client,
  id: string,
  afterCancel: string,
  options: { readonly quiet?: boolean } = {},
): Promise<unknown> {
  await watch(client, id, options.quiet === true);
  const operation = await client.operation(id);
  if (operation.status === "succeeded") return operation.result;
  if (operation.error && operation.status !== "cancelled") throw errorFromWire(operation.error);
  throw fail("cancelled", "operation.cancelled", "cancelled", { hint: afterCancel });
}

async function watch(client: Client, id: string, quiet: boolean): Promise<void> {
  using view = quiet ? silentView : await createProgressView();
  const left = new AbortController();
  let interrupts = 0;
  const onInterrupt = () => {
    if (++interrupts > 1) {
      left.abort(fail("cancelled", "cli.interrupted", "left it to itself while it was cancelling"));
      return;
    }
    view.say("cancelling; Ctrl-C again leaves without waiting");
    client.cancel(id).catch((error: unknown) => left.abort(error));
  };
  process.on("SIGINT", onInterrupt);
  process.on("SIGTERM", onInterrupt);
  try {
    for await (const progress of client.progress(id, left.signal)) view.show(progress);
  } catch (error) {
    throw left.signal.aborted ? left.signal.reason : error;
  } finally {
    process.off("SIGINT", onInterrupt);
    process.off("SIGTERM", onInterrupt);
  }
}

const silentView: ProgressView = { show() {}, say() {}, [Symbol.dispose]() {} };

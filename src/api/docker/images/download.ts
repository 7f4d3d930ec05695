import { fail, messageOf, type Progress } from "../../../base/index.ts";

/**
 * What is at `source`, an address as `docker import` takes it (without a scheme: http). Throws `invalid` for what is
 * no address, `not-found` and `unavailable` for what cannot be got.
 */
export async function download(
  source: string,
  report: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<ReadableStream<Uint8Array>> {
  const address = addressOf(source);
  const response = await got(address, signal);
  if (response.ok && response.body !== null) {
    // Not before: what cannot be got is told by the answer's status.
    report({ task: "", message: `Downloading from ${address.href}` });
    return response.body;
  }
  await response.body?.cancel();
  const kind = response.status === 404 ? "not-found" : "unavailable";
  throw fail(kind, "image.download", `failed to GET ${address.href} with status ${response.status}`);
}

async function got(address: URL, signal: AbortSignal): Promise<Response> {
  try {
    return await fetch(address, { signal });
  } catch (cause) {
    signal.throwIfAborted();
    throw fail("unavailable", "image.download", `failed to GET ${address.href}: ${messageOf(cause)}`, {
      cause,
    });
  }
}

function addressOf(source: string): URL {
  const address = URL.parse(/^\w+:\/\//.test(source) ? source : `http://${source}`);
  if (address !== null && ["http:", "https:"].includes(address.protocol)) return address;
  throw fail(
    "invalid",
    "image.download",
    `'${source}' is no address to import from (write http://… or https://…)`,
  );
}

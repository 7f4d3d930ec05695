import { createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { once } from "node:events";
import { fail } from "../base/index.ts";
import { bodyOf } from "../api/client/docker/index.ts";
import { byteSink } from "./session.ts";
import { isTerminal } from "./terminal.ts";

/** Writes a response's body to a file, which appears when it is whole, or to stdout, which must not be a terminal. */
export async function saveBody(
  get: () => Promise<Response>,
  file: string | undefined,
  task: string,
): Promise<void> {
  if (file === undefined || file === "-") {
    if (isTerminal(1)) {
      throw fail("invalid", "cli.no-output", "an archive is nothing for a terminal", {
        hint: "write it to a file with -o FILE, or pipe it on",
      });
    }
    await using sink = byteSink(1);
    for await (const chunk of bodyOf(await get())) if (!(await sink.write(chunk))) return;
    return;
  }
  const response = await get();
  const { createProgressView } = await import("./progress.ts");
  using view = isTerminal(2) ? await createProgressView() : undefined;
  const partial = `${file}.part-${process.pid}`;
  const out = createWriteStream(partial);
  let current = 0;
  try {
    await once(out, "open");
    for await (const chunk of bodyOf(response)) {
      if (!out.write(chunk)) await once(out, "drain");
      current += chunk.length;
      view?.show({ task, message: "Writing", current, unit: "bytes" });
    }
    out.end();
    await once(out, "close");
    await rename(partial, file);
    view?.show({ task, message: "Written", current, unit: "bytes", outcome: "done" });
  } catch (error) {
    out.destroy();
    await rm(partial, { force: true });
    throw error;
  }
}

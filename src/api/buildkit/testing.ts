import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";

/** The two ends of a connection. */
export async function connectionPair(): Promise<[Socket, Socket]> {
  const folder = mkdtempSync("/tmp/virga-pair-");
  const path = join(folder, "socket");
  const came = Promise.withResolvers<Socket>();
  const server = createServer((socket) => came.resolve(socket));
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const near = connect(path);
  const far = await came.promise;
  server.close();
  rmSync(folder, { recursive: true });
  return [near, far];
}

/** What `work` fails with. */
export async function failure(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
  } catch (error) {
    return error;
  }
  throw new Error("it did not fail");
}

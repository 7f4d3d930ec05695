import { expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { connect } from "node:net";
import { lengthenListenQueue } from "./listen-queue.ts";

/** Connections that wait, all asked for before the server has had a turn to accept one. */
function connectAtOnce(path: string, count: number): Promise<(string | undefined)[]> {
  return Promise.all(
    Array.from({ length: count }, () => {
      const client = connect(path);
      return new Promise<string | undefined>((resolve) => {
        client.on("connect", () => resolve(undefined));
        client.on("error", (error: NodeJS.ErrnoException) => resolve(error.code));
      }).finally(() => client.destroy());
    }),
  );
}

test("more clients than Bun lets wait come in at once", async () => {
  const path = `/tmp/virga-listen-${process.pid}.sock`;
  const server = Bun.listen({ unix: path, socket: { data() {} } });
  try {
    expect((await connectAtOnce(path, 800)).filter(Boolean)).not.toEqual([]);
    lengthenListenQueue(path);
    expect((await connectAtOnce(path, 800)).filter(Boolean)).toEqual([]);
  } finally {
    server.stop(true);
    rmSync(path, { force: true });
  }
});

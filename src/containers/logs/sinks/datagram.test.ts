import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../../base/index.ts";
import type { Container } from "../../container.ts";
import { journaldSink } from "./journald.ts";

/** Prints each datagram in hexadecimal. */
const receiver = `use Socket; $| = 1; socket(S, PF_UNIX, SOCK_DGRAM, 0); bind(S, sockaddr_un($ARGV[0])) or die;
  for (1..$ARGV[1]) { recv(S, $m, 65536, 0); print unpack("H*", $m), "\n"; }`;

test("journald: a datagram for each line, also after the journal was restarted", async () => {
  const folder = mkdtempSync("/tmp/virga-journal-");
  const path = join(folder, "socket");
  const listen = async (count: number) => {
    rmSync(path, { force: true });
    const child = Bun.spawn(["perl", "-e", receiver, path, String(count)], { stdout: "pipe" });
    while (!existsSync(path)) await Bun.sleep(5);
    return async () => {
      const text = await new Response(child.stdout).text();
      return text
        .trim()
        .split("\n")
        .map((one) => Buffer.from(one, "hex").toString());
    };
  };
  const container = {
    id: "0123456789abcdef",
    name: "web",
    imageId: "sha256:x",
    spec: { image: "app", log: { driver: "journald", options: { labels: "a.tier" } } },
    process: { Labels: { "a.tier": "front" } },
  } as unknown as Container;
  await using sink = journaldSink(container, systemClock, path);
  const line = (text: string) => ({
    stream: "stdout" as const,
    time: "2026-01-02T03:04:05.123456789Z",
    data: Buffer.from(text),
  });
  const first = await listen(1);
  await sink.send(line("hello\n"));
  const [message] = await first();
  expect(message!.split("\n").filter(Boolean)).toEqual([
    "MESSAGE=hello", "PRIORITY=6", "SYSLOG_TIMESTAMP=2026-01-02T03:04:05.123456789Z",
    "_SOURCE_REALTIME_TIMESTAMP=1767323045123456", "CONTAINER_ID=0123456789ab", "CONTAINER_ID_FULL=0123456789abcdef",
    "CONTAINER_NAME=web", "CONTAINER_TAG=0123456789ab", "IMAGE_NAME=app", "SYSLOG_IDENTIFIER=0123456789ab",
    "A_TIER=front",
  ]); // prettier-ignore
  const second = await listen(1);
  await sink.send(line("again\n"));
  expect((await second())[0]).toStartWith("MESSAGE=again\n");
  rmSync(folder, { recursive: true });
});

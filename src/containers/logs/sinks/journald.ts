import { existsSync } from "node:fs";
import { fail, shortId, type Clock } from "../../../base/index.ts";
import type { Container } from "../../container.ts";
import { logAttributes, tagOf } from "../attributes.ts";
import { timeNs } from "../format.ts";
import { datagramSender } from "./datagram.ts";
import type { LogSink } from "./sink.ts";

const journal = "/run/systemd/journal/socket";

/** Throws `invalid` / `log.no-journal` on a host without systemd's journal. */
export function checkJournald(path = journal): void {
  if (existsSync(path)) return;
  throw fail("invalid", "log.no-journal", "journald is not enabled on this host", {
    hint: "use the log driver json-file or local",
  });
}

/** systemd's native journal protocol, with the fields that Docker's driver writes. */
export function journaldSink(container: Container, clock: Clock, path = journal): LogSink {
  const sender = datagramSender(path, clock);
  const tag = tagOf(container, "{{.ID}}");
  const constant = Object.entries({
    CONTAINER_ID: shortId(container.id),
    CONTAINER_ID_FULL: container.id,
    CONTAINER_NAME: container.name,
    CONTAINER_TAG: tag,
    IMAGE_NAME: container.spec.image,
    SYSLOG_IDENTIFIER: tag,
    ...Object.fromEntries(
      Object.entries(logAttributes(container)).flatMap(([name, value]) =>
        name === "tag" ? [] : [[fieldName(name), value]],
      ),
    ),
  }).map(([name, value]) => journalField(name, Buffer.from(value)));
  return {
    send({ stream, time, data }) {
      const message = data.at(-1) === 0x0a ? data.subarray(0, -1) : data;
      const microseconds = (timeNs(time) ?? 0n) / 1000n;
      return sender.send(
        Buffer.concat([
          journalField("MESSAGE", message),
          journalField("PRIORITY", Buffer.from(stream === "stderr" ? "3" : "6")),
          journalField("SYSLOG_TIMESTAMP", Buffer.from(time)),
          journalField("_SOURCE_REALTIME_TIMESTAMP", Buffer.from(String(microseconds))),
          ...constant,
        ]),
      );
    },
    [Symbol.asyncDispose]: () => sender[Symbol.asyncDispose](),
  };
}

/** Capitals, digits and underscores, and no underscore first. */
function fieldName(name: string): string {
  return name
    .toUpperCase()
    .replaceAll(/[^A-Z0-9_]/g, "_")
    .replace(/^[_0-9]+/, "");
}

/** `NAME=VALUE`, or the name, the length as 64 bits and the value when it has several lines. */
export function journalField(name: string, value: Uint8Array): Uint8Array {
  if (!value.includes(0x0a)) return Buffer.concat([Buffer.from(`${name}=`), value, Buffer.of(0x0a)]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(value.length));
  return Buffer.concat([Buffer.from(`${name}\n`), length, value, Buffer.of(0x0a)]);
}

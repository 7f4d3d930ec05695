import { describe, expect, test } from "bun:test";
import type { Container } from "../container.ts";
import { logAttributes, tagOf } from "./attributes.ts";
import { parseLogOptions } from "./options.ts";
import { journalField } from "./sinks/journald.ts";
import { checkSyslog, syslogMessage } from "./sinks/syslog.ts";

describe("options of a log", () => {
  test("as asked, and what they mean", () => {
    const options = {
      "max-size": "1m",
      "max-file": "2",
      compress: "true",
      tag: "{{.Name}}",
      mode: "non-blocking",
    };
    expect(parseLogOptions("json-file", options)).toEqual({
      driver: "json-file",
      options,
      maxBytes: 1 << 20,
      maxFiles: 2,
      compress: true,
    });
    expect(parseLogOptions("none", { whatever: "1" })).toEqual({
      driver: "none",
      options: { whatever: "1" },
    });
    expect(parseLogOptions("local", {})).toEqual({ driver: "local" });
  });

  test.each<[string, Record<string, string>, string]>([
    ["fluentd", {}, "logger: no log driver named 'fluentd' is registered"],
    ["json-file", { "max-sise": "1" }, "unknown log opt 'max-sise' for json-file log driver"],
    ["local", { tag: "x" }, "unknown log opt 'tag' for local log driver"],
    ["journald", { "max-size": "1m" }, "unknown log opt 'max-size' for journald log driver"],
    ["json-file", { "max-file": "0" }, "max-file cannot be less than 1"],
    ["json-file", { "max-size": "much" }, "invalid size: 'much'"],
    ["json-file", { compress: "true", "max-file": "1" }, "compress cannot be true when max-file is less than 2"],
    ["json-file", { mode: "fast" }, "logger: logging mode not supported: fast"],
    ["json-file", { "max-buffer-size": "1m" }, "only supported with 'mode=non-blocking'"],
    ["json-file", { tag: "{{.Nonsense}}" }, "invalid value for log option tag"],
    ["json-file", { "env-regex": "(" }, "is no regular expression"],
    ["syslog", { "syslog-tls-cert": "/x" }, "log option 'syslog-tls-cert' is not supported"],
  ])("refuses %s %j", (driver, options, message) => {
    expect(() => parseLogOptions(driver, options)).toThrow(message);
  }); // prettier-ignore
});

const container = {
  id: "0123456789abcdef",
  name: "web",
  imageId: `sha256:${"a".repeat(64)}`,
  spec: {
    image: "app:1",
    log: {
      driver: "json-file",
      options: { labels: "tier,nosuch", "env-regex": "^A_", tag: "{{.ImageName}}/{{ .ID }}" },
    },
  },
  process: { Labels: { tier: "front", other: "x" }, Env: ["A_ONE=1=1", "B=2"] },
} as unknown as Container;

test("attributes of lines: chosen labels and variables, and the tag", () => {
  expect(logAttributes(container)).toEqual({ tier: "front", A_ONE: "1=1", tag: "app:1/0123456789ab" });
  expect(tagOf({ ...container, spec: { image: "x" } }, "{{.Name}}-{{.FullID}}")).toBe("web-0123456789abcdef");
});

describe("syslog", () => {
  const line = {
    stream: "stderr" as const,
    time: "2026-01-02T03:04:05.123456789Z",
    data: Buffer.from("oh no\n"),
  };
  const text = (options: Record<string, string>, kind: "udp" | "tcp" | "unixgram") =>
    Buffer.from(syslogMessage(line, "tag", options, { kind })).toString();

  test("messages in both formats, to the host's own syslog and to others", () => {
    expect(text({}, "unixgram")).toMatch(/^<27>Jan  2 \d\d:04:05 tag\[\d+\]: oh no$/);
    expect(text({ "syslog-facility": "local0" }, "tcp")).toMatch(/^<131>Jan  2 \S+ \S+ tag\[\d+\]: oh no\n$/);
    expect(text({ "syslog-format": "rfc5424" }, "udp")).toMatch(
      /^<27>1 2026-01-02T03:04:05Z \S+ tag \d+ tag - oh no$/,
    );
    expect(text({ "syslog-format": "rfc5424micro" }, "udp")).toContain(" 2026-01-02T03:04:05.123456Z ");
  });

  test("addresses", () => {
    const of = (address: string) => checkSyslog({ "syslog-address": address });
    expect(of("udp://logs.example:1514")).toEqual({
      kind: "udp",
      path: "",
      host: "logs.example",
      port: 1514,
    });
    expect(of("tcp://[::1]")).toMatchObject({ kind: "tcp", host: "::1", port: 514 });
    expect(() => of("http://x")).toThrow("invalid syslog-address: 'http://x'");
    expect(() => of("unixgram:///nosuch/log")).toThrow("stat /nosuch/log: no such file or directory");
    expect(() => of("tcp+tls://x")).toThrow("tcp+tls is not supported");
    expect(() => checkSyslog({ "syslog-facility": "nosuch" })).toThrow("invalid syslog facility");
    expect(() => checkSyslog({}, ["/nosuch/log"])).toThrow("no syslog listens on this host");
  });
});

test("a field of the journal: one line as it is, several with their length", () => {
  expect(Buffer.from(journalField("A", Buffer.from("b"))).toString()).toBe("A=b\n");
  expect([...journalField("A", Buffer.from("b\nc"))]).toEqual([
    65, 10, 3, 0, 0, 0, 0, 0, 0, 0, 98, 10, 99, 10,
  ]);
});

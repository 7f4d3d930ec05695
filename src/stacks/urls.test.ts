import { expect, test } from "bun:test";
import { urlsOf } from "./urls.ts";

const port = (hostIp: string, hostPort: number, containerPort: number, protocol: "tcp" | "udp" = "tcp") => ({
  hostIp,
  hostPort,
  containerPort,
  protocol,
});

test.each([
  [[port("127.0.0.1", 8080, 80)], ["http://127.0.0.1:8080"]],
  [
    [port("0.0.0.0", 8080, 80), port("::", 8080, 80)],
    ["http://localhost:8080", "http://192.0.2.1:8080"],
  ],
  [[port("", 443, 443)], ["https://localhost", "https://192.0.2.1"]],
  [[port("::1", 80, 3000)], ["http://[::1]"]],
  [[port("127.0.0.1", 5432, 5432), port("127.0.0.1", 80, 80, "udp")], []],
  [[port("127.0.0.1", 7000, 7000)], ["https://127.0.0.1:7000"]],
])("%j", (ports, urls) => {
  expect(urlsOf(ports, { "dev.virga.stack.web-ports": "7000=https" }, ["192.0.2.1"])).toEqual(urls);
});

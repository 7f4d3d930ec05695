import { expect, test } from "bun:test";
import { createServer } from "node:net";
import { holdPort, type PortHold } from "./port-hold.ts";

function held(protocol: "tcp" | "udp", address: string, port: number): PortHold {
  const result = holdPort(protocol, address, port);
  if (typeof result === "string") throw new Error(result);
  return result;
}

const listen = (port: number) => Bun.listen({ hostname: "127.0.0.1", port, socket: { data() {} } });

test.each([0, 42_187])(
  "a held TCP port (%d) can't be taken, refuses connections, and is free afterwards",
  async (port) => {
    const hold = held("tcp", "0.0.0.0", port);
    expect(() => listen(hold.port)).toThrow();
    expect(holdPort("tcp", "127.0.0.1", hold.port)).toBe("in-use");
    expect(await fetch(`http://127.0.0.1:${hold.port}/`).catch(() => "refused")).toBe("refused");
    hold[Symbol.dispose]();
    listen(hold.port).stop(true);
  },
);

test("a port where another process listens is noticed, one with closed connections is not in the way", async () => {
  const server = createServer((socket) => socket.end("x"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (typeof address !== "object" || !address) throw new Error("no address");
  expect(holdPort("tcp", "0.0.0.0", address.port)).toBe("in-use");
  // The server ends the connection first, so that its side is left in TIME_WAIT.
  const { promise, resolve } = Promise.withResolvers<void>();
  await Bun.connect({
    hostname: "127.0.0.1",
    port: address.port,
    socket: { data() {}, end: (socket) => void socket.end(), close: () => resolve() },
  });
  await promise;
  await new Promise((done) => server.close(done));
  held("tcp", "0.0.0.0", address.port)[Symbol.dispose]();
});

test("a held UDP port can't be taken; IPv4 and IPv6 are apart", () => {
  using four = held("udp", "0.0.0.0", 0);
  expect(holdPort("udp", "127.0.0.1", four.port)).toBe("in-use");
  using six = held("udp", "::1", four.port);
  expect(six.port).toBe(four.port);
});

test("an address that the host does not have is told apart", () => {
  expect(holdPort("tcp", "203.0.113.77", 0)).toBe("no-such-address");
});

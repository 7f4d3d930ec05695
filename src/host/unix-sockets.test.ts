import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { hasUnaccepted } from "./unix-sockets.ts";

test("a client that nobody has accepted yet is seen until then", async () => {
  const directory = mkdtempSync("/tmp/virga-unaccepted-");
  const path = `${directory}/socket`;
  const script = `
import socket, sys
server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
server.bind(sys.argv[1])
server.listen(1)
client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
client.connect(sys.argv[1])
print("waits", flush=True)
sys.stdin.readline()
server.accept()
print("accepted", flush=True)
sys.stdin.readline()`;
  const child = Bun.spawn(["python3", "-c", script, path], { stdin: "pipe", stdout: "pipe" });
  const said = child.stdout.getReader();
  expect(hasUnaccepted(path)).toBe(false);
  await said.read();
  expect(hasUnaccepted(path)).toBe(true);
  await child.stdin.write("\n");
  await child.stdin.flush();
  await said.read();
  expect(hasUnaccepted(path)).toBe(false);
  child.kill();
  await child.exited;
  rmSync(directory, { recursive: true });
});

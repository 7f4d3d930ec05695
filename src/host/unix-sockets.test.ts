import { expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createInterface } from "node:readline";
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
  const child = spawn("python3", ["-c", script, path], { stdio: ["pipe", "pipe", "inherit"] });
  const said = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  expect(hasUnaccepted(path)).toBe(false);
  await said.next();
  expect(hasUnaccepted(path)).toBe(true);
  child.stdin.write("\n");
  await said.next();
  expect(hasUnaccepted(path)).toBe(false);
  child.stdin.end("\n");
  await said.next();
  rmSync(directory, { recursive: true });
});

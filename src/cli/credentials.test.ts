import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { allCredentials } from "./credentials.ts";

let folder: string;
let before: Record<string, string | undefined>;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "virga-docker-config-"));
  before = { PATH: process.env["PATH"], DOCKER_CONFIG: process.env["DOCKER_CONFIG"] };
  process.env["PATH"] = `${folder}:${before["PATH"]}`;
  process.env["DOCKER_CONFIG"] = folder;
});
afterEach(() => {
  process.env["PATH"] = before["PATH"];
  if (before["DOCKER_CONFIG"] === undefined) delete process.env["DOCKER_CONFIG"];
  else process.env["DOCKER_CONFIG"] = before["DOCKER_CONFIG"];
  rmSync(folder, { recursive: true });
});

const read = (config: unknown) => {
  writeFileSync(join(folder, "config.json"), typeof config === "string" ? config : JSON.stringify(config));
  return allCredentials();
};

function helper(name: string, script: string): void {
  const file = join(folder, `docker-credential-${name}`);
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
}

test("what docker login has kept in the file", async () => {
  expect(await allCredentials()).toEqual({});
  expect(await read({ auths: { "r.example": { auth: "bWU6eA==" }, "empty.example": {} } })).toEqual({
    "r.example": { serveraddress: "r.example", username: "me", password: "x" },
  });
});

test("what helpers have, by registry and for all", async () => {
  const answer =
    'read s; [ "$s" != c.example ] && echo "{\\"Username\\":\\"me\\",\\"Secret\\":\\"for $s\\"}"';
  helper("all", `if [ "$1" = list ]; then echo '{"a.example":"me"}'; else ${answer}; fi`);
  helper("token", `echo '{"Username":"<token>","Secret":"refresh"}'`);
  helper("nothing", "echo 'credentials not found'; exit 1");
  const credHelpers = { "b.example": "token", "c.example": "nothing" };
  expect(await read({ credsStore: "all", credHelpers })).toEqual({
    "a.example": { serveraddress: "a.example", username: "me", password: "for a.example" },
    "b.example": { serveraddress: "b.example", identitytoken: "refresh" },
  });
});

test("a file that can't be read is named", async () => {
  const error = await read("{").catch((thrown: unknown) => thrown as Error);
  expect((error as Error).message).toContain(`${folder}/config.json cannot be read`);
});

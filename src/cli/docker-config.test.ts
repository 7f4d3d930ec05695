import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readRegistryAuth } from "./docker-config.ts";

let folder: string;
let path: string | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "virga-docker-config-"));
  path = process.env["PATH"];
  process.env["PATH"] = `${folder}:${path}`;
});
afterEach(() => {
  process.env["PATH"] = path;
  rmSync(folder, { recursive: true });
});

const read = (config: unknown) => {
  writeFileSync(join(folder, "config.json"), typeof config === "string" ? config : JSON.stringify(config));
  return readRegistryAuth({ DOCKER_CONFIG: folder });
};

function helper(name: string, script: string): void {
  const file = join(folder, `docker-credential-${name}`);
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
}

test("what docker login has kept in the file", async () => {
  expect(await read({ auths: { "r.example": { auth: "bWU6eA==" }, "empty.example": {} } })).toEqual({
    "r.example": { auth: "bWU6eA==" },
  });
  expect(await readRegistryAuth({ DOCKER_CONFIG: join(folder, "none") })).toEqual({});
});

test("what helpers have, by registry and for all", async () => {
  helper(
    "all",
    'if [ "$1" = list ]; then echo \'{"a.example":"me"}\'; else read s; echo "{\\"Username\\":\\"me\\",\\"Secret\\":\\"for $s\\"}"; fi',
  );
  helper("token", 'echo \'{"Username":"<token>","Secret":"refresh"}\'');
  helper("nothing", "echo 'credentials not found'; exit 1");
  const config = {
    credsStore: "all",
    credHelpers: { "b.example": "token", "c.example": "nothing", "d.example": "missing" },
  };
  expect(await read(config)).toEqual({
    "a.example": { username: "me", password: "for a.example" },
    "b.example": { identitytoken: "refresh" },
  });
});

test("a file that can't be read is named", async () => {
  const error = await read("{").catch((thrown: unknown) => thrown as Error);
  expect((error as Error).message).toContain(`${folder}/config.json can't be read`);
});

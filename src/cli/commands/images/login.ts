import { fail } from "../../../base/index.ts";
import type { Command } from "../../command.ts";
import { engineOf } from "../../connection.ts";
import { forgetCredentials, keepCredentials, registryKey } from "../../credentials.ts";
import { ask, askHidden } from "../../ask.ts";
import { print } from "../../terminal.ts";

const hint = "virga login -u NAME --password-stdin REGISTRY < FILE";

export const login: Command = {
  name: "login",
  summary: "Log in to a registry; docker's own file keeps the credentials, so that both know them",
  usage: "[REGISTRY]",
  arguments: { max: 1 },
  options: {
    username: { type: "string", short: "u", value: "NAME", help: "who you are there" },
    password: {
      type: "string",
      short: "p",
      value: "PASSWORD",
      help: "better: --password-stdin, or be asked",
    },
    "password-stdin": { type: "boolean", help: "read the password from stdin" },
  },
  completes: ["nothing"],
  async run(invocation) {
    const registry = registryKey(invocation.arguments[0] ?? "docker.io");
    const username = invocation.text("username") ?? (await ask("Username: ", hint));
    const password = invocation.flag("password-stdin")
      ? (await Bun.stdin.text()).replace(/\r?\n$/, "")
      : (invocation.text("password") ?? (await askHidden("Password: ", hint)));
    if (username === "" || password === "") {
      throw fail("invalid", "cli.usage", "a name and a password are wanted", { hint: "virga login --help" });
    }
    const docker = engineOf(invocation.root, { start: true });
    const answer = await docker.transport.json<{ readonly Status?: string; readonly IdentityToken?: string }>(
      "POST",
      "/auth",
      { json: { username, password, serveraddress: registry } },
    );
    const identity = answer.IdentityToken ? { identitytoken: answer.IdentityToken } : {};
    await keepCredentials({ serveraddress: registry, username, password, ...identity });
    print(answer.Status ?? "Login Succeeded");
    return 0;
  },
};

export const logout: Command = {
  name: "logout",
  summary: "Forget the credentials of a registry",
  usage: "[REGISTRY]",
  arguments: { max: 1 },
  options: {},
  completes: ["nothing"],
  async run(invocation) {
    const registry = registryKey(invocation.arguments[0] ?? "docker.io");
    const known = await forgetCredentials(registry);
    print(known ? `logged out of ${registry}` : `you were not logged in to ${registry}`);
    return 0;
  },
};

import { fail } from "../../../base/index.ts";
import type { Command } from "../../command.ts";
import { engineOf } from "../../connection.ts";
import { forgetCredentials, keepCredentials, registryKey } from "../../credentials.ts";
import { isTerminal, print } from "../../terminal.ts";

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
    const username = invocation.text("username") ?? (await ask("Username: "));
    const password = invocation.flag("password-stdin")
      ? (await Bun.stdin.text()).replace(/\r?\n$/, "")
      : (invocation.text("password") ?? (await askHidden("Password: ")));
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

function needTerminal(): void {
  if (isTerminal(0)) return;
  throw fail("invalid", "cli.no-terminal", "nobody is here to be asked", {
    hint: "virga login -u NAME --password-stdin REGISTRY < FILE",
  });
}

async function ask(question: string): Promise<string> {
  needTerminal();
  process.stderr.write(question);
  for await (const line of console) return line.trim();
  return "";
}

/** Without an echo, to the end of the line. */
async function askHidden(question: string): Promise<string> {
  needTerminal();
  process.stderr.write(question);
  process.stdin.setRawMode(true);
  try {
    let typed = "";
    for await (const chunk of process.stdin) {
      for (const key of String(chunk)) {
        if (key === "\r" || key === "\n") return typed;
        if (key === "\u0003") throw fail("cancelled", "cli.interrupted", "not logged in");
        typed = key === "\u007F" ? typed.slice(0, -1) : typed + key;
      }
    }
    return typed;
  } finally {
    process.stdin.setRawMode(false);
    process.stderr.write("\n");
  }
}

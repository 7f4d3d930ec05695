import { existsSync, readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { fail } from "../../../base/index.ts";
import type { WireBuild } from "../../../api/client/index.ts";
import type { Invocation } from "../../command.ts";
import { csv, pairs, wrong } from "../../values.ts";

/** What a build gets beside its context: secrets, SSH agents, named contexts. */
export function buildInputs(invocation: Invocation): Pick<WireBuild, "secrets" | "ssh" | "contexts"> {
  const record = <T>(option: string, field: string, read: (texts: readonly string[]) => T) =>
    invocation.given(option) ? { [field]: read(invocation.texts(option)) } : {};
  return {
    ...record("secret", "secrets", (texts) => Object.fromEntries(texts.map(secret))),
    ...record("ssh", "ssh", (texts) => Object.fromEntries(texts.map(agent))),
    ...record("build-context", "contexts", contexts),
  };
}

/** `id=NAME`, with `src=FILE` or `env=VARIABLE`; without them the variable of that name, else the file. */
function secret(text: string): readonly [id: string, base64: string] {
  const expected = "id=NAME,src=FILE or id=NAME,env=VARIABLE";
  const fields = new Map<string, string>();
  for (const field of csv(text)) {
    const [name = "", ...value] = field.split("=");
    const key = name.toLowerCase();
    if (!["id", "src", "source", "env", "type"].includes(key)) throw wrong("secret", expected, text);
    fields.set(key === "source" ? "src" : key, value.join("="));
  }
  const id = fields.get("id") ?? "";
  const type = fields.get("type");
  if (id === "" || (type !== undefined && type !== "file" && type !== "env"))
    throw wrong("secret", expected, text);
  const source = fields.get("src");
  const variable = fields.get("env") ?? (type === "env" ? (source ?? id) : undefined);
  const isVariable = variable !== undefined || (source === undefined && process.env[id] !== undefined);
  return [id, (isVariable ? variableValue(id, variable ?? id) : fileValue(id, source ?? id)).toBase64()];
}

function variableValue(id: string, name: string): Uint8Array {
  const value = process.env[name];
  if (value !== undefined) return new TextEncoder().encode(value);
  throw fail("invalid", "cli.no-secret", `the secret '${id}' is to come from $${name}, which is not set`);
}

function fileValue(id: string, file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw fail("invalid", "cli.no-secret", `the secret '${id}': ${file} cannot be read`, { cause });
  }
}

/** `ID` or `ID=SOCKET`; the agent of this shell without a socket. */
function agent(text: string): readonly [id: string, socket: string] {
  const at = text.indexOf("=");
  const id = at < 0 ? text : text.slice(0, at);
  const socket = at < 0 ? process.env["SSH_AUTH_SOCK"] : text.slice(at + 1);
  if (id === "") throw wrong("ssh", "default or ID=SOCKET", text);
  if (socket === undefined || socket === "") {
    const hint = "eval $(ssh-agent) && ssh-add, then try again";
    throw fail("invalid", "cli.no-ssh-agent", "there is no SSH agent: SSH_AUTH_SOCK is not set", { hint });
  }
  if (statSync(socket, { throwIfNoEntry: false })?.isSocket()) return [id, resolve(socket)];
  const what = existsSync(socket) ? "is no socket of an SSH agent" : "is not there";
  const hint = "put a key into an agent with ssh-add, and name the agent's socket";
  throw fail("invalid", "cli.no-ssh-agent", `--ssh ${id}: ${socket} ${what}`, { hint });
}

/** `NAME=FOLDER`, or an address with its scheme. */
function contexts(texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    Object.entries(pairs("build-context", texts)).map(([name, value]) => [name, contextPlace(value)]),
  );
}

/** A folder as the daemon finds it; an address as it stands. */
export function contextPlace(text: string): string {
  return isAddress(text) ? text : resolve(text);
}

export function isAddress(text: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//.test(text) || /^[\w.-]+@[\w.-]+:/.test(text);
}

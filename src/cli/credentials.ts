import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { errnoOf, fail } from "../base/index.ts";

/** What a registry asks for. */
export interface Credentials {
  readonly username?: string;
  readonly password?: string;
  readonly identitytoken?: string;
  readonly serveraddress: string;
}

interface DockerConfig {
  auths?: Record<string, { auth?: string; identitytoken?: string }>;
  credsStore?: string;
  credHelpers?: Record<string, string>;
}

/** docker's own file: who is logged in there is logged in here, and the other way round. */
function configFile(): string {
  const folder = process.env["DOCKER_CONFIG"] || join(process.env["HOME"] || homedir(), ".docker");
  return join(folder, "config.json");
}

function readConfig(): DockerConfig {
  const file = configFile();
  try {
    return JSON.parse(readFileSync(file, "utf8")) as DockerConfig;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return {};
    throw fail("invalid", "cli.bad-docker-config", `${file} cannot be read`, {
      cause: error,
      hint: `mend ${file}, or move it away`,
    });
  }
}

function writeConfig(config: DockerConfig): void {
  const file = configFile();
  mkdirSync(join(file, ".."), { recursive: true, mode: 0o700 });
  writeFileSync(`${file}.new`, `${JSON.stringify(config, null, "\t")}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

const dockerHub = "https://index.docker.io/v1/";

/** The registry of an image's name, as the file calls it. */
export function registryOf(image: string): string {
  const [first = "", ...rest] = image.split("/");
  const isHost = rest.length > 0 && (/[.:]/.test(first) || first === "localhost");
  return registryKey(isHost ? first : "docker.io");
}

/** `docker.io` and its other names are one registry. */
export function registryKey(host: string): string {
  const bare = host.replace(/^https?:\/\//, "").replace(/\/$/, "");
  const hub = ["docker.io", "index.docker.io", "registry-1.docker.io", "index.docker.io/v1"];
  return bare === "" || hub.includes(bare) ? dockerHub : bare;
}

/** The header that hands credentials to the daemon; empty when there are none for the image's registry. */
export async function registryAuth(image: string): Promise<Record<string, string>> {
  const credentials = await credentialsFor(registryOf(image));
  if (credentials === undefined) return {};
  return { "x-registry-auth": Buffer.from(JSON.stringify(credentials)).toString("base64url") };
}

export async function credentialsFor(registry: string): Promise<Credentials | undefined> {
  const config = readConfig();
  const helper = config.credHelpers?.[registry] ?? config.credsStore;
  if (helper !== undefined) return await fromHelper(helper, registry);
  const entry = config.auths?.[registry] ?? config.auths?.[`https://${registry}`];
  if (entry === undefined) return undefined;
  const [username = "", ...password] = Buffer.from(entry.auth ?? "", "base64")
    .toString()
    .split(":");
  return {
    serveraddress: registry,
    username,
    password: password.join(":"),
    ...(entry.identitytoken === undefined ? {} : { identitytoken: entry.identitytoken }),
  };
}

/** Who the caller is at all registries that docker's file and its helpers know; a helper that has nothing is passed over. */
export async function allCredentials(): Promise<Record<string, Readonly<Record<string, unknown>>>> {
  const config = readConfig();
  const listed = config.credsStore === undefined ? "{}" : await runHelper(config.credsStore, "list", "");
  const stored = Object.keys(JSON.parse(listed) as object);
  const names = [...Object.keys(config.auths ?? {}), ...stored, ...Object.keys(config.credHelpers ?? {})];
  const found: Record<string, Readonly<Record<string, unknown>>> = {};
  for (const registry of new Set(names)) {
    const credentials = await credentialsFor(registry);
    const known = credentials?.identitytoken || credentials?.username;
    if (credentials && known) found[registry] = { ...credentials };
  }
  return found;
}

/** Keeps credentials where docker would: in a credential store when one is configured, else in the file. */
export async function keepCredentials(credentials: Credentials): Promise<void> {
  const config = readConfig();
  const registry = credentials.serveraddress;
  const helper = config.credHelpers?.[registry] ?? config.credsStore;
  const { username = "", password = "", identitytoken } = credentials;
  if (helper !== undefined) {
    const secret = identitytoken ?? password;
    const user = identitytoken === undefined ? username : "<token>";
    await runHelper(helper, "store", JSON.stringify({ ServerURL: registry, Username: user, Secret: secret }));
    writeConfig({ ...config, auths: { ...config.auths, [registry]: {} } });
    return;
  }
  const auth = Buffer.from(`${username}:${identitytoken === undefined ? password : ""}`).toString("base64");
  const entry = { auth, ...(identitytoken === undefined ? {} : { identitytoken }) };
  writeConfig({ ...config, auths: { ...config.auths, [registry]: entry } });
}

/** False when there were none. */
export async function forgetCredentials(registry: string): Promise<boolean> {
  const config = readConfig();
  const helper = config.credHelpers?.[registry] ?? config.credsStore;
  const { [registry]: known, ...auths } = config.auths ?? {};
  if (helper !== undefined) await runHelper(helper, "erase", registry);
  if (known === undefined) return false;
  writeConfig({ ...config, auths });
  return true;
}

async function fromHelper(helper: string, registry: string): Promise<Credentials | undefined> {
  const text = await runHelper(helper, "get", registry).catch(() => undefined);
  if (text === undefined) return undefined;
  const { Username, Secret } = JSON.parse(text) as { Username: string; Secret: string };
  const base = { serveraddress: registry };
  return Username === "<token>"
    ? { ...base, identitytoken: Secret }
    : { ...base, username: Username, password: Secret };
}

/** `docker-credential-NAME get|store|erase`, which reads stdin and answers on stdout. */
async function runHelper(helper: string, verb: string, input: string): Promise<string> {
  const name = `docker-credential-${helper}`;
  const program = Bun.which(name, { PATH: process.env["PATH"] ?? "" });
  if (program === null) {
    throw fail("precondition", "cli.no-credential-helper", `${name} is not there`, {
      hint: `install it, or take credsStore and credHelpers out of ${configFile()}`,
    });
  }
  const child = Bun.spawn([program, verb], {
    stdin: new TextEncoder().encode(input),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [output, code] = await Promise.all([child.stdout.text(), child.exited]);
  if (code !== 0) throw fail("unavailable", "cli.credential-helper", `${name} ${verb}: ${output.trim()}`);
  return output;
}

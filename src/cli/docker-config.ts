import { readFileSync } from "node:fs";
import { join } from "node:path";
import { errnoOf, fail, messageOf } from "../base/index.ts";

/** Docker's AuthConfig by registry, as `docker login` keeps it. */
export type RegistryAuth = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

interface DockerConfig {
  readonly auths?: RegistryAuth;
  /** One program for all registries (`docker-credential-NAME`), and others for some. */
  readonly credsStore?: string;
  readonly credHelpers?: Readonly<Record<string, string>>;
}

/**
 * Who the caller is at registries, by `docker login`: from `~/.docker/config.json` (or `DOCKER_CONFIG`) and the credential
 * helpers that it names. A helper that has nothing for a registry is passed over; a file that can't be read is an error.
 */
export async function readRegistryAuth(
  environment: Readonly<Record<string, string | undefined>>,
): Promise<RegistryAuth> {
  const folder = environment["DOCKER_CONFIG"] || join(environment["HOME"] || "/root", ".docker");
  const config = readConfig(join(folder, "config.json"));
  const found: Record<string, Readonly<Record<string, unknown>>> = {};
  for (const [server, auth] of Object.entries(config.auths ?? {})) {
    if (Object.keys(auth).length > 0) found[server] = auth;
  }
  if (config.credsStore) {
    const stored = (await askHelper(config.credsStore, "list", "")) ?? {};
    for (const server of Object.keys(stored)) await add(found, config.credsStore, server);
  }
  for (const [server, helper] of Object.entries(config.credHelpers ?? {})) await add(found, helper, server);
  return found;
}

async function add(
  found: Record<string, Readonly<Record<string, unknown>>>,
  helper: string,
  server: string,
): Promise<void> {
  const got = await askHelper(helper, "get", server);
  if (typeof got?.["Username"] !== "string" || typeof got["Secret"] !== "string") return;
  const { Username: username, Secret: secret } = got;
  // The helpers' word for a refresh token.
  found[server] = username === "<token>" ? { identitytoken: secret } : { username, password: secret };
}

/** undefined when the helper has nothing, or is not there. */
async function askHelper(
  helper: string,
  action: "list" | "get",
  input: string,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const program = Bun.which(`docker-credential-${helper}`, { PATH: process.env["PATH"] ?? "" });
  if (program === null) return undefined;
  const child = Bun.spawn([program, action], { stdin: Buffer.from(input), stdout: "pipe", stderr: "ignore" });
  const text = await new Response(child.stdout).text();
  if ((await child.exited) !== 0) return undefined;
  try {
    return JSON.parse(text) as Readonly<Record<string, unknown>>;
  } catch {
    return undefined;
  }
}

function readConfig(path: string): DockerConfig {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as DockerConfig;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return {};
    throw fail("invalid", "cli.docker-config", `${path} can't be read: ${messageOf(error)}`, {
      hint: "mend or remove the file; docker login writes it",
    });
  }
}

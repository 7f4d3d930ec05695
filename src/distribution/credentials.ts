import { z } from "zod";
import { fail } from "../base/index.ts";

/** Who asks a registry: with a password, a refresh token of an earlier login, or a token made elsewhere. */
export type Credentials =
  | { readonly kind: "password"; readonly username: string; readonly password: string }
  | { readonly kind: "identity"; readonly token: string }
  | { readonly kind: "bearer"; readonly token: string };

/** The credentials for a registry, by its domain (`docker.io`, `registry.example:5000`). */
export type CredentialsOf = (domain: string) => Credentials | undefined | Promise<Credentials | undefined>;

/** Docker's AuthConfig, as clients send it and as `~/.docker/config.json` has it. */
const authConfig = z.object({
  username: z.string().nullish(),
  password: z.string().nullish(),
  auth: z.string().nullish(),
  serveraddress: z.string().nullish(),
  identitytoken: z.string().nullish(),
  registrytoken: z.string().nullish(),
});

export type AuthConfig = z.infer<typeof authConfig>;

/** undefined when it names nobody. Throws `invalid` / `registry.auth-invalid`. */
export function credentialsFrom(value: unknown): Credentials | undefined {
  const parsed = authConfig.safeParse(value);
  if (!parsed.success) throw malformed("it is not an object of texts");
  const { username, password, auth, identitytoken, registrytoken } = parsed.data;
  if (registrytoken) return { kind: "bearer", token: registrytoken };
  if (identitytoken) return { kind: "identity", token: identitytoken };
  if (username || password) return { kind: "password", username: username ?? "", password: password ?? "" };
  if (!auth) return undefined;
  const text = Buffer.from(auth, "base64").toString("utf8");
  const colon = text.indexOf(":");
  if (colon < 0) throw malformed("'auth' is not NAME:PASSWORD in base64");
  // Go's client pads the password with zero bytes.
  const secret = text.slice(colon + 1).replace(/\0+$/, "");
  return { kind: "password", username: text.slice(0, colon), password: secret };
}

/** Reads `X-Registry-Auth`: base64url of one AuthConfig. Empty or absent means nobody. */
export function credentialsFromHeader(header: string | undefined): Credentials | undefined {
  return header === undefined || header === "" ? undefined : credentialsFrom(decode(header));
}

/** Reads `X-Registry-Config`: base64url of AuthConfigs by registry. */
export function credentialsFromConfigHeader(header: string | undefined): CredentialsOf {
  if (header === undefined || header === "") return () => undefined;
  const parsed = z.record(z.string(), z.unknown()).safeParse(decode(header) ?? {});
  if (!parsed.success) throw malformed("it is not an object");
  return credentialsByServer(parsed.data);
}

/** AuthConfigs by registry, as `~/.docker/config.json` has them under `auths`. Throws `invalid` / `registry.auth-invalid`. */
export function credentialsByServer(auths: Readonly<Record<string, unknown>>): CredentialsOf {
  const byDomain = new Map(
    Object.entries(auths).map(([key, value]) => [domainOfServer(key), credentialsFrom(value)]),
  );
  return (domain) => byDomain.get(domain);
}

/** `https://index.docker.io/v1/` is how Docker's files and requests name Docker Hub. */
export function domainOfServer(address: string): string {
  const host = address.replace(/^https?:\/\//, "").split("/", 1)[0]!;
  return ["", "index.docker.io", "registry-1.docker.io"].includes(host) ? "docker.io" : host;
}

function decode(header: string): unknown {
  try {
    return JSON.parse(Buffer.from(header, "base64url").toString("utf8")) as unknown;
  } catch {
    throw malformed("it is not JSON in base64");
  }
}

function malformed(why: string): Error {
  return fail("invalid", "registry.auth-invalid", `the registry credentials can't be read: ${why}`);
}

import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fail, messageOf } from "../base/index.ts";

/** What a TLS connection to a host is made with; PEM texts. */
export interface HostCertificates {
  /** Authorities that are trusted besides the machine's. */
  readonly authorities: readonly string[];
  /** What this side shows who it is with. */
  readonly client?: { readonly certificate: string; readonly key: string };
}

/** Where Linux distributions keep the authorities that the machine trusts, as Go looks for them. */
const bundles = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

/** The authorities that this machine trusts; undefined leaves it to the runtime's own list. */
export function machineAuthorities(
  environment: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const file = environment["SSL_CERT_FILE"] || bundles.find((one) => existsSync(one));
  if (file === undefined) return undefined;
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw unreadable(file, error);
  }
}

/**
 * Reads `DIRECTORY/HOST[:PORT]/` of each directory, laid out as Docker's /etc/docker/certs.d: `NAME.crt` is an authority,
 * `NAME.cert` with `NAME.key` a client's certificate. Throws `precondition` / `registry.certificates` for a half pair.
 */
export function readCertificates(directories: readonly string[], host: string): HostCertificates {
  const authorities: string[] = [];
  let client: HostCertificates["client"];
  for (const folder of directories.map((one) => join(one, host))) {
    if (!existsSync(folder)) continue;
    const names = readdirSync(folder).toSorted();
    for (const name of names.filter((one) => one.endsWith(".crt")))
      authorities.push(read(join(folder, name)));
    for (const name of names.filter((one) => /\.(cert|key)$/.test(one))) requirePair(folder, names, name);
    const certificate = names.find((one) => one.endsWith(".cert"));
    if (certificate === undefined) continue;
    const key = certificate.replace(/cert$/, "key");
    client ??= { certificate: read(join(folder, certificate)), key: read(join(folder, key)) };
  }
  return { authorities, ...(client ? { client } : {}) };
}

function requirePair(folder: string, names: readonly string[], name: string): void {
  const other = name.endsWith(".cert") ? name.replace(/cert$/, "key") : name.replace(/key$/, "cert");
  if (names.includes(other)) return;
  throw fail("precondition", "registry.certificates", `${join(folder, name)} lacks its ${other}`, {
    hint: "a client's certificate is a pair NAME.cert and NAME.key; an authority is NAME.crt",
  });
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw unreadable(path, error);
  }
}

function unreadable(path: string, error: unknown): Error {
  return fail("precondition", "registry.certificates", `${path} can't be read: ${messageOf(error)}`, {
    cause: error,
  });
}

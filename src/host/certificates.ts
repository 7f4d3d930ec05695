import { chmodSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { isIP } from "node:net";
import { join } from "node:path";
import { fail } from "../base/index.ts";
import { runChecked } from "./spawn.ts";

export interface CertificateFiles {
  readonly certificate: string;
  readonly key: string;
}

/** Days. Clients refuse certificates of servers that are good for longer than 825. */
const authorityDays = "3650";
const serverDays = "800";

/**
 * Makes a certificate for a server with these names and addresses, signed by an authority of its own in `directory`
 * (`ca.crt`, `ca.key`), which is made when it is not there. Needs the program openssl.
 */
export async function makeServerCertificate(
  directory: string,
  names: readonly string[],
): Promise<CertificateFiles & { readonly authority: string }> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const authority = { certificate: join(directory, "ca.crt"), key: join(directory, "ca.key") };
  const server = { certificate: join(directory, "server.crt"), key: join(directory, "server.key") };
  if (!existsSync(authority.certificate)) await makeAuthority(authority);
  const work = mkdtempSync(join(directory, "work-"));
  try {
    const request = join(work, "request");
    const extensions = join(work, "extensions");
    const alternatives = names.map((name) => `${isIP(name) ? "IP" : "DNS"}:${name}`);
    writeFileSync(extensions, `subjectAltName=${alternatives.join()}\nextendedKeyUsage=serverAuth\n`);
    const newKey = [
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:prime256v1",
      "-nodes",
      "-keyout",
      server.key,
    ];
    await openssl(["req", "-new", ...newKey, "-out", request, "-subj", "/CN=Virga registry"]);
    chmodSync(server.key, 0o600);
    const by = [
      "-CA",
      authority.certificate,
      "-CAkey",
      authority.key,
      "-days",
      serverDays,
      "-extfile",
      extensions,
    ];
    await openssl(["x509", "-req", "-in", request, "-out", server.certificate, ...by]);
    return { ...server, authority: authority.certificate };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

async function makeAuthority({ certificate, key }: CertificateFiles): Promise<void> {
  const extensions = [
    "-addext",
    "basicConstraints=critical,CA:TRUE",
    "-addext",
    "keyUsage=critical,keyCertSign",
  ];
  await openssl([
    ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days".split(" "),
    authorityDays,
    ...["-subj", "/CN=Virga registry authority", "-keyout", key, "-out", `${certificate}.new`],
    ...extensions,
  ]);
  chmodSync(key, 0o600);
  renameSync(`${certificate}.new`, certificate);
}

async function openssl(args: readonly string[]): Promise<void> {
  if (Bun.which("openssl") === null) {
    throw fail("precondition", "host.no-openssl", "certificates are made with openssl, which is not here", {
      hint: "apt-get install openssl",
    });
  }
  await runChecked(["openssl", ...args]);
}

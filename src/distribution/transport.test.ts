import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../base/index.ts";
import { readCertificates } from "./certificates.ts";
import { createTransport } from "./transport.ts";

/** Certificates made by openssl: an authority, a server's and a client's. */
let folder: string;
const text = (name: string) => readFileSync(join(folder, name), "utf8");

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "virga-tls-"));
  const script = `
    set -e
    key="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
    openssl req -x509 $key -keyout ca.key -out ca.pem -days 2 -subj /CN=authority
    for one in server client; do
      openssl req $key -keyout $one.key -out $one.csr -subj /CN=$one -addext subjectAltName=IP:127.0.0.1
      openssl x509 -req -in $one.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out $one.pem -days 2 -copy_extensions copy
    done`;
  const made = Bun.spawnSync(["sh", "-c", script], { cwd: folder });
  if (!made.success) throw new Error(made.stderr.toString());
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A server that wants a client's certificate when `strict`. */
function serve(strict: boolean) {
  const tls = { cert: text("server.pem"), key: text("server.key"), ca: text("ca.pem") };
  const demands = { requestCert: strict, rejectUnauthorized: strict };
  return Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    tls: { ...tls, ...demands } as Bun.TLSOptions,
    fetch: () => new Response("ok"),
  });
}

async function ask(host: string, files: Readonly<Record<string, string>>, insecure = false): Promise<string> {
  const certs = mkdtempSync(join(folder, "certs-"));
  mkdirSync(join(certs, host));
  for (const [name, source] of Object.entries(files)) writeFileSync(join(certs, host, name), text(source));
  const transport = createTransport({
    clock: systemClock,
    environment: {},
    certificatesOf: (name) => readCertificates([join(certs, "none"), certs], name),
    authorities: () => undefined,
  });
  const { signal } = new AbortController();
  const got = await transport.send({ method: "GET", url: `https://${host}/v2/`, insecure, signal });
  return Buffer.from(await got.bytes(100)).toString();
}

async function failure(work: Promise<unknown>): Promise<Error> {
  const thrown = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (thrown instanceof Error) return thrown;
  throw new Error("it did not fail");
}

describe("certificates", () => {
  test("an authority of the host's own folder; else none, unless any will do", async () => {
    using server = serve(false);
    const host = server.url.host;
    expect(await ask(host, { "ca.crt": "ca.pem" })).toBe("ok");
    expect(await ask(host, {}, true)).toBe("ok");
    const error = await failure(ask(host, {}));
    expect(error).toMatchObject({ code: "registry.tls" });
    expect(error.message).toStartWith(`no trusted connection to ${host}`);
  });

  test("a client's certificate", async () => {
    using server = serve(true);
    const host = server.url.host;
    const pair = { "mine.cert": "client.pem", "mine.key": "client.key" };
    expect(await ask(host, { "ca.crt": "ca.pem", ...pair })).toBe("ok");
    await failure(ask(host, { "ca.crt": "ca.pem" }));
    const half = await failure(ask(host, { "mine.cert": "client.pem" }));
    expect(half.message).toContain("mine.cert lacks its mine.key");
  });
});

import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { HostMount } from "../../containers/index.ts";
import { bind } from "./prepared-mount.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** How RUN steps get through the proxy that this machine uses. It is there for the step, and not in the image. */
export interface HostProxy {
  /** `NAME=VALUE`. */
  readonly env: readonly string[];
  readonly mounts: readonly HostMount[];
  /** What will not work. */
  readonly warning?: string;
}

/** Where the files are mounted; below a folder that programs leave alone. */
export const proxyFolder = "/run/virga-proxy";

const proxyNames = ["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"];

/** Variables by which programs find a bundle: OpenSSL, Go, curl, Python, Node, git, pip, cargo, AWS, Deno. */
const bundleVariables = [
  "SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "GIT_SSL_CAINFO", "PIP_CERT",
  "CARGO_HTTP_CAINFO", "AWS_CA_BUNDLE", "DENO_CERT",
]; // prettier-ignore

/** Of Debian, Fedora, openSUSE and Alpine. */
const bundles = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

/** `folder` gets the files that are made for the step. */
export function hostProxy(environment: Environment, folder: string): HostProxy {
  const env = proxyNames
    .flatMap((name) => [name, name.toLowerCase()])
    .flatMap((name) => (environment[name] ? [`${name}=${environment[name]}`] : []));
  const bundle = [environment["SSL_CERT_FILE"] ?? "", ...bundles].find(isFile);
  const warning = unreachable(environment);
  const told = warning === undefined ? {} : { warning };
  if (bundle === undefined) return { env, mounts: [], ...told };
  const target = `${proxyFolder}/ca-certificates.crt`;
  // What has no variable for it: apt and wget read these besides their own files.
  const files = {
    APT_CONFIG: ["apt.conf", `Acquire::https::CAInfo "${target}";\n`],
    WGETRC: ["wgetrc", `ca_certificate = ${target}\n`],
  } as const;
  mkdirSync(folder, { recursive: true });
  const mounts = [bind(bundle, target, true)];
  for (const [variable, [name, text]] of Object.entries(files)) {
    writeFileSync(join(folder, name), text, { mode: 0o644 });
    mounts.push(bind(join(folder, name), `${proxyFolder}/${name}`, true));
    env.push(`${variable}=${proxyFolder}/${name}`);
  }
  return { env: [...env, ...bundleVariables.map((name) => `${name}=${target}`)], mounts, ...told };
}

/** Mount points of `hostProxy`, known before it is made. */
export const proxyTargets = ["ca-certificates.crt", "apt.conf", "wgetrc"].map(
  (name) => `${proxyFolder}/${name}`,
);

function unreachable(environment: Environment): string | undefined {
  for (const name of ["https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY"]) {
    const value = environment[name];
    if (!value || !/^(?:[a-z0-9+]+:\/\/)?(?:[^@/]*@)?(?:localhost|127\.|\[::1\])/i.test(value)) continue;
    return `${name} names a proxy on this machine's loopback, which RUN steps only reach with --network=host`;
  }
  return undefined;
}

function isFile(path: string): boolean {
  return path !== "" && (statSync(path, { throwIfNoEntry: false })?.isFile() ?? false);
}

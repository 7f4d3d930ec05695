import { isIP } from "node:net";
import { BlockList } from "node:net";
import { fail } from "../base/index.ts";

/** How registries are reached, as the daemon's options and its configuration file say. */
export interface RegistrySettings {
  /** Mirrors of Docker Hub (`--registry-mirror`), asked in order before it. */
  readonly mirrors: readonly string[];
  /** Mirrors of any registry, by its domain (`quay.io`). A path stands before the repository's name. */
  readonly mirrorsOf: Readonly<Record<string, readonly string[]>>;
  /** `HOST`, `HOST:PORT` or `CIDR` (`--insecure-registry`): HTTPS with any certificate, else plain HTTP. */
  readonly insecure: readonly string[];
  /** Layers of one image that are on their way at the same time. */
  readonly maxDownloads: number;
  readonly maxUploads: number;
}

export const defaultSettings: RegistrySettings = {
  mirrors: [],
  mirrorsOf: {},
  insecure: [],
  maxDownloads: 3,
  maxUploads: 5,
};

/** Throws `invalid` / `registry.settings-invalid` naming the value. */
export function checkSettings(settings: RegistrySettings): RegistrySettings {
  for (const mirror of settings.mirrors) checkMirror(mirror, false);
  for (const [domain, mirrors] of Object.entries(settings.mirrorsOf)) {
    if (!isHost(domain)) throw invalid(`'${domain}' is not the name of a registry`, "write it like quay.io");
    for (const mirror of mirrors) checkMirror(mirror, true);
  }
  for (const one of settings.insecure) {
    if (!isHost(one) && !isCidr(one)) {
      throw invalid(`insecure registry '${one}' is neither a host nor a CIDR`, insecureHint);
    }
  }
  for (const [what, count] of [
    ["downloads", settings.maxDownloads],
    ["uploads", settings.maxUploads],
  ] as const) {
    if (Number.isInteger(count) && count >= 1 && count <= 64) continue;
    throw invalid(`${count} ${what} at once are not possible`, "give a number from 1 to 64");
  }
  return settings;
}

const insecureHint = "write it like registry.example:5000 or 10.0.0.0/8, without http://";

function checkMirror(text: string, path: boolean): void {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const hint = "write it like https://mirror.example";
  if (!url || (url.protocol !== "https:" && url.protocol !== "http:")) {
    throw invalid(`registry mirror '${text}' is not an https:// or http:// URL`, hint);
  }
  if (url.username !== "" || url.password !== "") {
    throw invalid(`registry mirror '${url.host}' has a name or password in its URL`, hint);
  }
  if (url.search !== "" || url.hash !== "" || (!path && url.pathname !== "/")) {
    throw invalid(`registry mirror '${text}' has a path, query or fragment at its end`, hint);
  }
}

function isHost(text: string): boolean {
  return /^([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(:\d{1,5})?$/.test(text);
}

function isCidr(text: string): boolean {
  const [address = "", bits = "", more] = text.split("/");
  const most = isIP(address) === 4 ? 32 : isIP(address) === 6 ? 128 : -1;
  return more === undefined && /^\d+$/.test(bits) && Number(bits) <= most;
}

function invalid(message: string, hint: string): Error {
  return fail("invalid", "registry.settings-invalid", message, { hint });
}

/** Finds the addresses of a host name; none when it has none. */
export type LookUp = (name: string) => Promise<readonly string[]>;

/**
 * Whether `host` (`name[:port]`) may be talked to without a checked certificate, as dockerd decides: loopback always, a
 * configured host, or one with an address in a configured network.
 */
export async function isInsecure(host: string, settings: RegistrySettings, lookUp: LookUp): Promise<boolean> {
  const name = nameOf(host);
  if (name === "localhost" || settings.insecure.some((one) => one === host || one === name)) return true;
  const networks = settings.insecure.filter((one) => one.includes("/"));
  const addresses = isIP(name) !== 0 ? [name] : networks.length > 0 ? await lookUp(name) : [];
  const list = new BlockList();
  for (const network of ["127.0.0.0/8", "::1/128", ...networks]) {
    const [address, bits] = network.split("/") as [string, string];
    list.addSubnet(address, Number(bits), isIP(address) === 6 ? "ipv6" : "ipv4");
  }
  return addresses.some((one) => list.check(one, isIP(one) === 6 ? "ipv6" : "ipv4"));
}

/** The host without its port and brackets. */
export function nameOf(host: string): string {
  return host.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
}

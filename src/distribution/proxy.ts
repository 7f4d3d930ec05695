import { BlockList, isIP } from "node:net";
import { nameOf } from "./settings.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The proxy for a URL, as Go's programs choose it (golang.org/x/net/http/httpproxy): HTTPS_PROXY or HTTP_PROXY by the
 * URL's scheme, unless NO_PROXY names the host; never for this machine itself.
 */
export function proxyFor(url: URL, environment: Environment): string | undefined {
  const variable = url.protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY";
  const proxy = read(environment, variable);
  if (proxy === undefined) return undefined;
  const name = nameOf(url.host).toLowerCase();
  if (name === "localhost" || name === "::1" || /^127\.\d+\.\d+\.\d+$/.test(name)) return undefined;
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  const exceptions = (read(environment, "NO_PROXY") ?? "").split(",").map((one) => one.trim().toLowerCase());
  if (exceptions.some((one) => one !== "" && matches(one, name, port))) return undefined;
  return proxy.includes("://") ? proxy : `http://${proxy}`;
}

function read(environment: Environment, name: string): string | undefined {
  return environment[name] || environment[name.toLowerCase()] || undefined;
}

function matches(exception: string, name: string, port: string): boolean {
  if (exception === "*") return true;
  if (exception.includes("/")) return inNetwork(exception, name);
  const [, host = exception, wanted] = /^(.*?)(?::(\d+))?$/.exec(exception) ?? [];
  if (isIP(exception) !== 0) return exception === name;
  if (wanted !== undefined && wanted !== port) return false;
  const plain = host.replace(/^\*/, "").replace(/^\[(.*)\]$/, "$1");
  if (plain.startsWith(".")) return name.endsWith(plain);
  return name === plain || (isIP(name) === 0 && name.endsWith(`.${plain}`));
}

function inNetwork(network: string, name: string): boolean {
  const [address = "", bits = ""] = network.split("/");
  if (isIP(name) === 0 || isIP(address) !== isIP(name)) return false;
  const list = new BlockList();
  const family = isIP(address) === 6 ? "ipv6" : "ipv4";
  list.addSubnet(address, Number(bits), family);
  return list.check(name, family);
}

/**
 * Calls fetch with this proxy, or with none. Bun looks at the environment's variables in every call, and has no way to
 * say "none" in a request; it reads them before `fetch` returns, so that is where they are set aside.
 */
export function fetchThrough(
  proxy: string | undefined,
  url: string,
  init: BunFetchRequestInit,
): Promise<Response> {
  const before = process.env["NO_PROXY"];
  process.env["NO_PROXY"] = proxy === undefined ? "*" : "";
  try {
    return fetch(url, proxy === undefined ? init : { ...init, proxy });
  } finally {
    if (before === undefined) delete process.env["NO_PROXY"];
    else process.env["NO_PROXY"] = before;
  }
}

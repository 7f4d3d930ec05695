import type { PortMapping } from "../networks/index.ts";
import { stackLabels } from "./labels.ts";

/** Container ports that speak HTTP unless something else is said: what web servers and frameworks listen on. */
const httpPorts = new Set([80, 3000, 4200, 5000, 5173, 8000, 8080, 8081, 8888]);
const httpsPorts = new Set([443, 8443]);
const everyAddress = new Set(["", "0.0.0.0", "::"]);

/**
 * Where a browser gets an answer. A published TCP port counts when the file says `app_protocol: http` or `https` for
 * it, or when its container port is one of the usual ones. A port on every address gives `http://localhost:PORT` and
 * one line for each of `hostAddresses`; a port on one address gives that one. The scheme's own port is left out.
 */
export function urlsOf(
  ports: readonly PortMapping[],
  labels: Readonly<Record<string, string>>,
  hostAddresses: readonly string[],
): string[] {
  const said = new Map(
    (labels[stackLabels.webPorts] ?? "").split(",").map((one) => one.split("=") as [string, string]),
  );
  const urls = ports.flatMap((port) => {
    const scheme =
      port.protocol === "tcp"
        ? (said.get(String(port.containerPort)) ?? usual(port.containerPort))
        : undefined;
    if (scheme === undefined || port.hostPort === 0) return [];
    const hosts = everyAddress.has(port.hostIp) ? ["localhost", ...hostAddresses] : [port.hostIp];
    const isDefault = port.hostPort === (scheme === "https" ? 443 : 80);
    return hosts.map(
      (host) =>
        `${scheme}://${host.includes(":") ? `[${host}]` : host}${isDefault ? "" : `:${port.hostPort}`}`,
    );
  });
  return [...new Set(urls)];
}

function usual(port: number): "http" | "https" | undefined {
  if (httpsPorts.has(port)) return "https";
  return httpPorts.has(port) ? "http" : undefined;
}

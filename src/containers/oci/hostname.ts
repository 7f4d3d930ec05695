import { hostname as hostHostname } from "node:os";
import { shortId } from "../../base/index.ts";
import { readText } from "../../host/index.ts";
import type { OciConfigInput } from "./input.ts";

/**
 * The container's own name, else the host's when it shares the host's names or network, else that of the container
 * whose network (and /etc/hostname) it shares, else the short id.
 */
export function hostnameOf({
  id,
  spec,
  network,
  etc,
}: Pick<OciConfigInput, "id" | "spec" | "network" | "etc">): string {
  if (spec.hostname) return spec.hostname;
  if (spec.namespaces?.uts === "host" || network.kind === "host") return hostHostname();
  const shared = network.kind === "path" && etc.hostname !== undefined ? readText(etc.hostname)?.trim() : "";
  return shared || shortId(id);
}

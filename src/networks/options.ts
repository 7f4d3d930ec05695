import { isIP } from "node:net";
import { fail } from "../base/index.ts";

/** What the driver options of a bridge network mean. */
export interface BridgeOptions {
  readonly interfaceName?: string;
  readonly mtu: number;
  /** Containers of the network may talk to each other. */
  readonly interContainer: boolean;
  readonly masquerade: boolean;
  /** The host address that ports without one are published on. */
  readonly hostBinding: string;
}

const keys = {
  name: "com.docker.network.bridge.name",
  mtu: "com.docker.network.driver.mtu",
  icc: "com.docker.network.bridge.enable_icc",
  masquerade: "com.docker.network.bridge.enable_ip_masquerade",
  hostBinding: "com.docker.network.bridge.host_binding_ipv4",
  defaultBridge: "com.docker.network.bridge.default_bridge",
} as const;
const known: ReadonlySet<string> = new Set(Object.values(keys));

/**
 * Reads Docker's bridge options. Throws `unimplemented` / `network.option-unsupported` for one that we do not know
 * and `invalid` / `network.option-invalid` for a wrong value.
 */
export function bridgeOptions(options: Readonly<Record<string, string>>): BridgeOptions {
  for (const key of Object.keys(options)) {
    if (known.has(key)) continue;
    throw fail(
      "unimplemented",
      "network.option-unsupported",
      `network driver option ${key} is not supported`,
      { hint: `supported are: ${[...known].join(", ")}` },
    );
  }
  const name = options[keys.name];
  if (name !== undefined && !/^[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,14}$/.test(name)) {
    throw invalidOption(
      keys.name,
      name,
      "an interface name has at most 15 letters, digits, '_', '.' and '-'",
    );
  }
  const mtu = options[keys.mtu] ?? "1500";
  if (!/^\d{2,5}$/.test(mtu) || Number(mtu) < 68 || Number(mtu) > 65535) {
    throw invalidOption(keys.mtu, mtu, "give a number from 68 to 65535");
  }
  const hostBinding = options[keys.hostBinding] ?? "";
  if (hostBinding !== "" && isIP(hostBinding) !== 4) {
    throw invalidOption(keys.hostBinding, hostBinding, "give an IPv4 address");
  }
  return {
    ...(name === undefined ? {} : { interfaceName: name }),
    mtu: Number(mtu),
    interContainer: flag(options, keys.icc),
    masquerade: flag(options, keys.masquerade),
    hostBinding: hostBinding === "" ? "0.0.0.0" : hostBinding,
  };
}

function flag(options: Readonly<Record<string, string>>, key: string): boolean {
  const text = options[key] ?? "true";
  if (/^(1|t|true)$/i.test(text)) return true;
  if (/^(0|f|false)$/i.test(text)) return false;
  throw invalidOption(key, text, "give true or false");
}

function invalidOption(key: string, value: string, hint: string): Error {
  return fail("invalid", "network.option-invalid", `invalid value '${value}' for network option ${key}`, {
    hint,
  });
}

import { isIP } from "node:net";
import { fail } from "../../base/index.ts";
import { run } from "../../host/index.ts";
import type { AttachedEndpoint, Networks } from "../../networks/index.ts";
import type { ContainerSpec } from "../spec.ts";

/** Options of Docker's own drivers; another one is a note of whoever set it, which is kept and told. */
const dockers = "com.docker.network.";
/** Docker's option of an endpoint for settings of its interface, which they call IFNAME. */
const sysctls = `${dockers}endpoint.sysctls`;

type Options = Readonly<Record<string, string>>;

interface Setting {
  /** With `IFNAME` in it, which the docker CLI writes small. */
  readonly name: string;
  readonly value: string;
}

/**
 * The settings that `options` of an endpoint ask for. Throws `unimplemented` / `network.endpoint-option` for an option
 * of Docker's that is not known, `invalid` for a setting that is not one of the interface's own.
 */
export function endpointSettings(options: Options): readonly Setting[] {
  const unknown = Object.keys(options).find((name) => name.startsWith(dockers) && name !== sysctls);
  if (unknown !== undefined) {
    throw fail(
      "unimplemented",
      "network.endpoint-option",
      `the endpoint option ${unknown} is not supported`,
      {
        hint: `there is ${sysctls}`,
      },
    );
  }
  const text = options[sysctls] ?? "";
  return text
    .split(",")
    .filter(Boolean)
    .map((one) => {
      const [, name, value] =
        /^(net\.(?:ipv4|ipv6|mpls)\.(?:[\w-]+\.)?IFNAME\.[\w-]+)=(.+)$/i.exec(one) ?? [];
      if (name !== undefined && value !== undefined) return { name, value };
      throw fail("invalid", "network.endpoint-option", `invalid endpoint sysctl: '${one}'`, {
        hint: "write it like net.ipv4.conf.IFNAME.log_martians=1",
      });
    });
}

/** Makes the settings of endpoints that have just been attached. Throws `invalid` for one that the kernel refuses. */
export async function applyEndpointSettings(
  pid: number,
  attached: readonly AttachedEndpoint[],
  spec: ContainerSpec,
  networks: Pick<Networks, "resolve">,
): Promise<void> {
  for (const [network, settings] of Object.entries(spec.network?.endpoints ?? {})) {
    const { driverOptions = {}, linkLocal = [] } = settings;
    if (Object.keys(driverOptions).length + linkLocal.length === 0) continue;
    const { id } = networks.resolve(network);
    const link = attached.find((one) => one.endpoint.networkId === id);
    if (link === undefined) continue;
    for (const { name, value } of endpointSettings(driverOptions)) {
      await write(pid, name.replace(/IFNAME/i, link.interfaceName), value);
    }
    for (const address of linkLocal) await addAddress(pid, link.interfaceName, address);
  }
}

/** Throws `invalid` / `network.link-local` for an address that is none of a link's own. */
export function checkLinkLocal(addresses: readonly string[]): void {
  for (const address of addresses) {
    const family = isIP(address);
    if (family === 4 ? address.startsWith("169.254.") : family === 6 && /^fe[89ab][0-9a-f]:/i.test(address))
      continue;
    throw fail("invalid", "network.link-local", `invalid link-local IP address: ${address}`, {
      hint: "there are 169.254.0.0/16 and fe80::/10",
    });
  }
}

async function addAddress(pid: number, link: string, address: string): Promise<void> {
  const bits = isIP(address) === 6 ? 64 : 16;
  const command = ["ip", "addr", "add", `${address}/${bits}`, "dev", link];
  const { exitCode, stderr } = await run(["nsenter", `--net=/proc/${pid}/ns/net`, ...command]);
  if (exitCode === 0) return;
  throw fail(
    "invalid",
    "network.link-local",
    `cannot give ${link} the address ${address}: ${stderr.trim()}`,
    {
      hint: "an IPv6 address needs a network with IPv6",
    },
  );
}

async function write(pid: number, name: string, value: string): Promise<void> {
  const inside = ["nsenter", `--net=/proc/${pid}/ns/net`];
  const { exitCode, stderr } = await run([...inside, "sysctl", "-q", "-w", `${name}=${value}`]);
  if (exitCode === 0) return;
  throw fail("invalid", "network.endpoint-option", `cannot set ${name} to ${value}: ${stderr.trim()}`);
}

import type { Container } from "../container.ts";
import { parsePort } from "./network-mode.ts";

/** Variables that say nothing of the linked container. */
const leftOut = new Set(["HOME", "PATH"]);

/**
 * The variables of a legacy link, by Docker's rules: `DB_PORT=tcp://172.17.0.2:5432` for the lowest exposed port, four
 * for each port, `DB_NAME=/web/db`, and the other's environment as `DB_ENV_…`.
 */
export function linkVariables(target: Container, alias: string, linker: string): string[] {
  const prefix = alias.replaceAll("-", "_").toUpperCase();
  const address = target.endpoints[0]?.ipv4 ?? "";
  const ports = Object.keys(target.process.ExposedPorts ?? {})
    .map(parsePort)
    .toSorted((a, b) => a.containerPort - b.containerPort || (a.protocol < b.protocol ? -1 : 1));
  const [lowest] = ports;
  return [
    ...(lowest === undefined
      ? []
      : [`${prefix}_PORT=${lowest.protocol}://${address}:${lowest.containerPort}`]),
    ...ports.flatMap(({ containerPort, protocol }) => {
      const name = `${prefix}_PORT_${containerPort}_${protocol.toUpperCase()}`;
      return [
        `${name}=${protocol}://${address}:${containerPort}`,
        `${name}_ADDR=${address}`,
        `${name}_PORT=${containerPort}`,
        `${name}_PROTO=${protocol}`,
      ];
    }),
    `${prefix}_NAME=/${linker}/${alias}`,
    ...(target.process.Env ?? [])
      .filter((one) => one.includes("=") && !leftOut.has(one.split("=", 1)[0]!))
      .map((one) => `${prefix}_ENV_${one}`),
  ];
}

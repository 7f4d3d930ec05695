import type { WireStackStatus } from "../api/client/index.ts";
import { paint, table } from "./output.ts";
import { print, printJson, tell } from "./terminal.ts";

export function printStack(status: WireStackStatus, asJson: boolean): void {
  if (asJson) return printJson(status);
  if (status.services.length === 0) {
    return tell(`the stack ${status.name} has no containers\n  next: virga up`);
  }
  const rows = status.services.map((one) => [
    one.service,
    one.container,
    one.health ? `${one.state} (${one.health})` : one.state,
    one.ports.join(", "),
  ]);
  print(table(["SERVICE", "CONTAINER", "STATE", "PORTS"], rows));
  const urls = [...new Set(status.services.flatMap((one) => one.urls))];
  if (urls.length > 0) print(`\n${urls.map((url) => `  ${paint("green", url)}`).join("\n")}`);
}

/** `web-1 | `, as wide for every container; the stack's own name is left out. */
export function createPrefix(
  status: WireStackStatus,
  services: readonly string[],
): (container: string) => string {
  const short = (name: string) =>
    name.startsWith(`${status.name}-`) ? name.slice(status.name.length + 1) : name;
  const shown = status.services.filter((one) => services.length === 0 || services.includes(one.service));
  let width = Math.max(0, ...shown.map((one) => short(one.container).length));
  return (container) => {
    const name = short(container);
    width = Math.max(width, name.length);
    return `${paint("cyan", `${name.padEnd(width)} |`)} `;
  };
}

import { isIP } from "node:net";
import { fail } from "../../base/index.ts";
import { checkTexts } from "./texts.ts";
import { parseExtraHost } from "../connections/extra-host.ts";
import { checkLinkLocal, endpointSettings } from "../connections/endpoint-options.ts";
import { parseLink } from "../connections/link.ts";
import { networkMode, parsePort } from "../connections/network-mode.ts";
import { signalNumber } from "../lifecycle/signals.ts";
import type { ContainerSpec } from "../spec.ts";
import { checkUnhealthyLabel } from "../health/unhealthy.ts";

/** Refuses, with `invalid`, what cannot work in any container; in Docker's words where it has some. */
export function checkSpec(spec: ContainerSpec): void {
  checkRestart(spec);
  checkNetwork(spec);
  if (spec.stopSignal !== undefined && spec.stopSignal !== "") signalNumber(spec.stopSignal);
  for (const port of spec.exposedPorts ?? []) parsePort(port);
  const { maxBytes, maxFiles } = spec.log ?? {};
  if (maxBytes !== undefined && maxBytes !== -1 && maxBytes < 4096) {
    throw fail("invalid", "log.max-size", `a log's max-size must be at least 4096 bytes, not ${maxBytes}`);
  }
  if (maxFiles !== undefined && (!Number.isInteger(maxFiles) || maxFiles < 1)) {
    throw fail("invalid", "log.max-file", "a log's max-file cannot be less than 1");
  }
  for (const line of spec.extraHosts ?? []) checkExtraHost(line);
  checkHealth(spec);
  checkUnhealthyLabel(spec.labels);
  checkTexts(spec);
  if (Object.hasOwn(spec.annotations ?? {}, "")) {
    const message = "invalid Annotations: the empty string is not permitted as an annotation key";
    throw fail("invalid", "container.annotations", message);
  }
}

function checkExtraHost(line: string): void {
  const { address } = parseExtraHost(line);
  if (address === "host-gateway" || isIP(address) !== 0) return;
  throw fail("invalid", "container.extra-host", `invalid IP address in add-host: "${address}"`);
}

export function checkRestart(spec: Pick<ContainerSpec, "restart" | "autoRemove">): void {
  const { name = "no", maximumRetryCount = 0 } = spec.restart ?? {};
  if (spec.autoRemove && name !== "no") {
    throw fail(
      "invalid",
      "container.auto-remove-restart",
      "can't create 'AutoRemove' container with restart policy",
    );
  }
  if (maximumRetryCount < 0) {
    throw fail(
      "invalid",
      "restart.retry-count",
      "invalid restart policy: maximum retry count cannot be negative",
    );
  }
  if (maximumRetryCount > 0 && name !== "on-failure") {
    throw fail(
      "invalid",
      "restart.retry-count",
      "invalid restart policy: maximum retry count can only be used with 'on-failure'",
    );
  }
}

function checkNetwork(spec: ContainerSpec): void {
  const mode = networkMode(spec.network);
  const conflicting = (what: string, kind: string) =>
    fail("invalid", "network.options-conflict", `conflicting options: ${what} and the ${kind}`);
  if (spec.hostname && spec.namespaces?.uts === "host") throw conflicting("hostname", "UTS mode");
  const links = (spec.network?.links ?? []).length > 0;
  if (links && (mode.kind === "host" || mode.kind === "container")) {
    throw fail(
      "invalid",
      "network.options-conflict",
      `conflicting options: ${mode.kind} type ${mode.kind === "host" ? "networking" : "network"} can't be used with links. This would result in undefined behavior`,
    );
  }
  spec.network?.links?.forEach(parseLink);
  for (const { links: named = [], driverOptions = {}, linkLocal = [] } of Object.values(
    spec.network?.endpoints ?? {},
  )) {
    named.forEach(parseLink);
    endpointSettings(driverOptions);
    checkLinkLocal(linkLocal);
  }
  if (mode.kind !== "container") return;
  if (spec.exposedPorts?.length) throw conflicting("port exposing", "container type network mode");
  if (spec.hostname) throw conflicting("hostname", "network mode");
  if (spec.network?.ports?.length || spec.network?.publishAll) {
    throw conflicting("port publishing", "container type network mode");
  }
  if (spec.network?.dns?.length) throw conflicting("dns", "network mode");
  if (spec.extraHosts?.length) throw conflicting("custom host-to-IP mapping", "network mode");
  if (spec.network?.macAddress) throw conflicting("mac-address", "network mode");
}

const minimumNs = 1_000_000;

function checkHealth(spec: ContainerSpec): void {
  const { healthcheck } = spec;
  if (!healthcheck) return;
  for (const field of ["Interval", "Timeout", "StartPeriod", "StartInterval"] as const) {
    const value = healthcheck[field] ?? 0;
    if (value !== 0 && value < minimumNs) {
      throw fail("invalid", "health.duration", `${field} in Healthcheck cannot be less than 1ms`);
    }
  }
  if ((healthcheck.Retries ?? 0) < 0) {
    throw fail("invalid", "health.retries", "Retries in Healthcheck cannot be negative");
  }
  const kind = healthcheck.Test?.[0];
  if (kind !== undefined && !["", "NONE", "CMD", "CMD-SHELL"].includes(kind)) {
    throw fail("invalid", "health.test", `Unknown healthcheck type '${kind}' (expected 'CMD')`);
  }
}

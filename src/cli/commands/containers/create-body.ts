import type { Invocation } from "../../command.ts";
import { labelPair, linesOf, pairs, pairsOrHere, readText, wrong } from "../../values.ts";
import { createOptions, type FieldOption } from "./create-options.ts";
import { mountsBody } from "./create-mounts.ts";
import { networkBody } from "./create-network.ts";
import { deviceBody } from "./create-devices.ts";

export interface CreateBody {
  [field: string]: unknown;
  readonly HostConfig: { [field: string]: unknown };
}

/** The body of POST /containers/create: `IMAGE [COMMAND...]` and the options. Throws `invalid` / `cli.usage`. */
export function createBody(invocation: Invocation): CreateBody {
  const [Image = "", ...command] = invocation.arguments;
  const interactive = invocation.flag("interactive");
  const body: CreateBody = {
    Image,
    ...(command.length > 0 ? { Cmd: command } : {}),
    ...(interactive ? { OpenStdin: true, StdinOnce: true } : {}),
    HostConfig: {},
  };
  for (const [name, option] of Object.entries(createOptions)) {
    if (option.field !== undefined && invocation.given(name)) {
      setField(body, option.field, valueOf(invocation, name, option));
    }
  }
  const { HostConfig: network, ...config } = networkBody(invocation);
  Object.assign(body, processBody(invocation), config);
  Object.assign(
    body.HostConfig,
    hostBody(invocation),
    network,
    mountsBody(invocation),
    deviceBody(invocation),
  );
  return body;
}

function setField(body: CreateBody, field: string, value: unknown): void {
  const [first = "", second] = field.split(".");
  if (second === undefined) body[first] = value;
  else body.HostConfig[second] = value;
}

function valueOf(invocation: Invocation, name: string, option: FieldOption): unknown {
  if (option.as === "map") return pairs(name, invocation.texts(name));
  if (option.as === "list") return invocation.texts(name);
  if (option.as === "nanos") return Math.round(invocation.number(name)! * 1e9);
  if (option.type === "boolean") return invocation.flag(name);
  return option.type === "string" ? invocation.text(name) : invocation.number(name);
}

function processBody(invocation: Invocation) {
  const env = pairsOrHere(invocation.texts("env-file"), invocation.texts("env"));
  const labels = Object.fromEntries([
    ...invocation.texts("label-file").flatMap((file) => linesOf(file).map(labelPair)),
    ...invocation.texts("label").map(labelPair),
    ...(invocation.flag("restart-unhealthy") ? [["virga.restart-unhealthy", "true"]] : []),
  ]) as Record<string, string>;
  const entrypoint = invocation.text("entrypoint");
  const healthcheck = healthBody(invocation);
  return {
    ...(env.length > 0 ? { Env: env } : {}),
    ...(Object.keys(labels).length > 0 ? { Labels: labels } : {}),
    ...(entrypoint === undefined ? {} : { Entrypoint: [entrypoint] }),
    ...(healthcheck === undefined ? {} : { Healthcheck: healthcheck }),
  };
}

function healthBody(invocation: Invocation): object | undefined {
  const command = invocation.text("health-cmd");
  const times = { "health-interval": "Interval", "health-timeout": "Timeout", "health-start-period": "StartPeriod", "health-start-interval": "StartInterval" }; // prettier-ignore
  const fields = Object.entries(times).flatMap(([name, field]) =>
    invocation.given(name) ? [[field, Math.round(invocation.number(name)! * 1e6)] as const] : [],
  );
  const retries = invocation.number("health-retries");
  const isSet = command !== undefined || fields.length > 0 || retries !== undefined;
  if (invocation.flag("no-healthcheck")) {
    if (isSet) throw wrong("no-healthcheck", "no other health option beside it", "--health-…");
    return { Test: ["NONE"] };
  }
  if (!isSet) return undefined;
  return {
    ...(command === undefined ? {} : { Test: ["CMD-SHELL", command] }),
    ...Object.fromEntries(fields),
    ...(retries === undefined ? {} : { Retries: retries }),
  };
}

function hostBody(invocation: Invocation) {
  const restart = invocation.text("restart");
  const [driver, options] = [invocation.text("log-driver"), invocation.texts("log-opt")];
  const security = invocation.texts("security-opt").map(securityOption);
  return {
    ...(restart === undefined ? {} : { RestartPolicy: restartPolicy(restart) }),
    ...(driver === undefined && options.length === 0
      ? {}
      : { LogConfig: { Type: driver ?? "", Config: pairs("log-opt", options) } }),
    ...(security.length > 0 ? { SecurityOpt: security } : {}),
  };
}

export function restartPolicy(text: string) {
  const match = /^(no|always|unless-stopped|on-failure)(?::(\d+))?$/.exec(text);
  if (!match || (match[2] !== undefined && match[1] !== "on-failure")) {
    throw wrong("restart", "no, always, unless-stopped, on-failure or on-failure:TIMES", text);
  }
  return { Name: match[1]!, MaximumRetryCount: Number(match[2] ?? 0) };
}

/** A seccomp profile is a file of this machine: its content is sent. */
function securityOption(text: string): string {
  const file = /^seccomp[=:](.+)$/.exec(text)?.[1];
  if (file === undefined || file === "unconfined" || file === "builtin" || file.startsWith("{")) return text;
  const profile: unknown = JSON.parse(readText(file));
  return `seccomp=${JSON.stringify(profile)}`;
}

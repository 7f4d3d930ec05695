import type { Port } from "./ports.ts";
import { actualName, type StackModel } from "./model.ts";

const durations = new Set([
  "interval",
  "timeout",
  "start_period",
  "start_interval",
  "stop_grace_period",
  "delay",
  "window",
]);
const sizes = new Set([
  "mem_limit",
  "memswap_limit",
  "mem_reservation",
  "shm_size",
  "memory",
  "size",
  "max-size",
]);
const modes = new Set(["mode"]);
/** Keys under which everything is the user's own text. */
const opaque = new Set([
  "environment",
  "labels",
  "annotations",
  "sysctls",
  "args",
  "driver_opts",
  "aux_addresses",
]);

/** The model as a Compose file in long form: paths absolute, variables filled in, dollar signs doubled again. */
export function canonicalFile(model: StackModel): unknown {
  const named = (kind: "networks" | "volumes") =>
    Object.fromEntries(
      Object.entries(model[kind]).map(([key, definition]) => [
        key,
        { ...definition, name: actualName(model.name, key, definition) },
      ]),
    );
  const networks = { ...named("networks"), ...implicitDefault(model) };
  const whole = {
    ...pick(model, ["services"]),
    networks,
    volumes: named("volumes"),
    ...pick(model, ["secrets", "configs"]),
  };
  const parts = Object.entries(whole).filter(
    ([key, part]) => key === "services" || Object.keys(part).length > 0,
  );
  return { name: model.name, ...(render(Object.fromEntries(parts), "") as object) };
}

function implicitDefault(model: StackModel): Record<string, { name: string }> {
  if (Object.hasOwn(model.networks, "default")) return {};
  const isUsed = Object.values(model.services).some(
    (service) =>
      service.network_mode === undefined &&
      (Object.keys(service.networks ?? {}).length === 0 || Object.hasOwn(service.networks ?? {}, "default")),
  );
  return isUsed ? { default: { name: `${model.name}_default` } } : {};
}

function pick<K extends keyof StackModel>(model: StackModel, keys: readonly K[]): Pick<StackModel, K> {
  return Object.fromEntries(keys.map((key) => [key, model[key]])) as Pick<StackModel, K>;
}

function render(value: unknown, key: string): unknown {
  if (Array.isArray(value)) {
    if (key === "tmpfs" && typeof value[0] === "object")
      return value.map((one) => tmpfsText(one as { target: string; options: readonly string[] }));
    return value.map((one) => render(one, ""));
  }
  if (typeof value === "object" && value !== null) {
    if (key === "" && "published_last" in value) return render(portRange(value), "");
    const isOpaque = opaque.has(key);
    return Object.fromEntries(
      Object.entries(value).map(([name, inner]) => [name, render(inner, isOpaque ? "" : name)]),
    );
  }
  if (typeof value === "number" && key === "published") return String(value);
  if (typeof value === "number" && durations.has(key)) return durationText(value);
  if (typeof value === "number" && sizes.has(key)) return String(value);
  if (typeof value === "number" && modes.has(key)) return `0${value.toString(8)}`;
  return typeof value === "string" ? value.replaceAll("$", "$$$$") : value;
}

/** A range of host ports as the file has it. */
function portRange(port: object): object {
  const { published_last: last, published, ...rest } = port as Port;
  return { ...rest, published: `${published}-${last}` };
}

function tmpfsText({ target, options }: { target: string; options: readonly string[] }): string {
  return options.length === 0 ? target : `${target}:${options.join(",")}`;
}

function durationText(milliseconds: number): string {
  return Number.isInteger(milliseconds / 1000) ? `${milliseconds / 1000}s` : `${milliseconds}ms`;
}

import { mkdirSync, realpathSync, rmSync, symlinkSync, lstatSync, readlinkSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { RuntimeProgram } from "../runtimes/index.ts";
import { writableLimit } from "../containers/index.ts";
import { parseCacheLimit, type BuildSettings } from "../builds/index.ts";
import { fail, logLevels, messageOf, type LogLevel } from "../base/index.ts";
import type { RegistrySettings } from "../distribution/index.ts";
import { readConfigFile, type ConfigFile } from "./config-file.ts";
import { registrySettings } from "./registries.ts";
import { registryOptions, type RegistryOptions } from "./registry-options.ts";

export interface ServeOptions {
  /** Absolute, without symlinks; exists. */
  readonly root: string;
  readonly logLevel: LogLevel;
  /** Where the registry listens; nowhere when it was not asked for. */
  readonly registry?: RegistryOptions;
  readonly registries: RegistrySettings;
  /** The file that says which images may come here and run, where the administrator has named one. */
  readonly signaturePolicy?: string;
  /** OCI runtimes besides those that Virga knows, or in place of them. */
  readonly runtimes: Readonly<Record<string, RuntimeProgram>>;
  readonly builds: BuildSettings;
  /** Bytes that a container may write that asks for no limit of its own. */
  readonly writableLimit?: number;
}

export const defaultRoot = "/var/lib/virga";

/** Reads `virga serve`'s arguments and makes the root folder. Throws `invalid` / `cli.usage`. */
export function readServeOptions(args: readonly string[]): ServeOptions {
  const values = parse(args);
  const root = resolve(values.root ?? process.env["VIRGA_ROOT"] ?? defaultRoot);
  const logLevel = logLevels.find((one) => one === (values["log-level"] ?? "info"));
  if (!logLevel) {
    throw fail(
      "invalid",
      "cli.usage",
      `--log-level takes ${logLevels.join(", ")}, not '${values["log-level"]}'`,
    );
  }
  mkdirSync(root, { recursive: true, mode: 0o711 });
  const real = realpathSync(root);
  mkdirSync(join(real, "log"), { recursive: true, mode: 0o710 });
  makeRunDirectory(real);
  const file = readConfigFile(join(real, "config.json"));
  const registries = registrySettings(file, {
    mirrors: values["registry-mirror"] ?? [],
    insecure: values["insecure-registry"] ?? [],
  });
  const runtimes = { ...runtimesOf(file), ...Object.fromEntries((values.runtime ?? []).map(parseRuntime)) };
  const registry = registryOptions(file, values);
  const builds = buildSettings(file, values["build-host-proxy"]);
  const policy = file["signature-policy"];
  const limit = defaultLimit(values["storage-opt"] ?? file["storage-opts"] ?? []);
  return {
    root: real,
    logLevel,
    registries,
    runtimes,
    builds,
    ...(registry ? { registry } : {}),
    ...(limit === undefined ? {} : { writableLimit: limit }),
    ...(policy === undefined ? {} : { signaturePolicy: policy }),
  };
}

/** A fifth of the disk, unless the file says otherwise: the cache of a build machine, and room for its images. */
const defaultCache = "20%";

function buildSettings(
  { builder = {}, "max-concurrent-build-steps": steps, ...file }: ConfigFile,
  hostProxy = file["build-host-proxy"],
): BuildSettings {
  const { enabled = true, defaultKeepStorage = defaultCache } = builder.gc ?? {};
  return {
    ...(enabled ? { cacheLimit: parseCacheLimit(defaultKeepStorage) } : {}),
    ...(steps === undefined ? {} : { parallelSteps: steps }),
    ...(hostProxy === undefined ? {} : { hostProxy }),
  };
}

/** dockerd's `--storage-opt overlay2.size=SIZE`. */
function defaultLimit(options: readonly string[]): number | undefined {
  let limit: number | undefined;
  for (const option of options) {
    const [, size] = /^overlay2\.size=(.+)$/i.exec(option) ?? [];
    if (size === undefined) {
      throw fail("invalid", "cli.usage", `--storage-opt takes overlay2.size=SIZE, not '${option}'`, {
        hint: "virga serve --help",
      });
    }
    limit = writableLimit({ size });
  }
  return limit;
}

function runtimesOf({ runtimes = {} }: ConfigFile): ServeOptions["runtimes"] {
  return Object.fromEntries(
    Object.entries(runtimes).map(([name, { path, runtimeArgs: options }]) => [
      name,
      options === undefined ? { path } : { path, options },
    ]),
  );
}

/** `NAME=PATH`, or `NAME=PATH OPTION…`. */
export function parseRuntime(text: string): readonly [string, RuntimeProgram] {
  const [, name, path, rest = ""] = /^([A-Za-z0-9][\w.-]*)=(\/\S+)((?:\s+\S+)*)\s*$/.exec(text) ?? [];
  if (name === undefined || path === undefined) {
    throw fail("invalid", "cli.usage", `--runtime takes NAME=PATH with an absolute path, not '${text}'`, {
      hint: "virga serve --help",
    });
  }
  const options = rest.split(/\s+/).filter(Boolean);
  return [name, options.length > 0 ? { path, options } : { path }];
}

function parse(args: readonly string[]) {
  try {
    const text = { type: "string" } as const;
    const texts = { type: "string", multiple: true } as const;
    const options = {
      root: text,
      "log-level": text,
      registry: text,
      "registry-tls-cert": text,
      "registry-tls-key": text,
      "registry-own-ca": { type: "boolean" } as const,
      "registry-name": texts,
      "registry-cache": texts,
      "registry-cache-size": text,
      "registry-mirror": texts,
      "insecure-registry": texts,
      "build-host-proxy": { type: "boolean" } as const,
      "storage-opt": texts,
      runtime: texts,
    };
    return parseArgs({ args: [...args], options }).values;
  } catch (error) {
    throw fail("invalid", "cli.usage", messageOf(error).split("\n", 1)[0]!, {
      hint: "virga serve --help",
    });
  }
}

/** Sockets and runtime state of the default root live on /run, a tmpfs, and go with a reboot. */
function makeRunDirectory(root: string): void {
  const run = join(root, "run");
  if (root !== defaultRoot) {
    mkdirSync(run, { recursive: true, mode: 0o711 });
    return;
  }
  mkdirSync("/run/virga", { recursive: true, mode: 0o711 });
  const there = lstatSync(run, { throwIfNoEntry: false });
  if (there?.isSymbolicLink() && readlinkSync(run) === "/run/virga") return;
  rmSync(run, { force: true });
  symlinkSync("/run/virga", run);
}

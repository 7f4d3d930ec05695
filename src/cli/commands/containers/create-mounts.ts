import { fail, parseBytes } from "../../../base/index.ts";
import type { Invocation } from "../../command.ts";
import { absolutePath } from "../../paths.ts";
import { csv, wrong } from "../../values.ts";

export function mountsBody(invocation: Invocation) {
  const binds = invocation.texts("volume").map(bindText);
  const mounts = invocation.texts("mount").map(mountOf);
  const tmpfs = invocation.texts("tmpfs").map((text) => {
    const at = text.indexOf(":");
    return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
  });
  return {
    ...(binds.length > 0 ? { Binds: binds } : {}),
    ...(mounts.length > 0 ? { Mounts: mounts } : {}),
    ...(tmpfs.length > 0 ? { Tmpfs: Object.fromEntries(tmpfs) as Record<string, string> } : {}),
  };
}

/** `./data:/data` and `~` become absolute here: the daemon does not know the folder that we are in. */
function bindText(text: string): string {
  const [source = "", ...rest] = text.split(":");
  const isRelative = source === "." || source === ".." || source.startsWith("./") || source.startsWith("../");
  return rest.length > 0 && isRelative ? [absolutePath(source), ...rest].join(":") : text;
}

export interface Mount {
  Type: string;
  Source?: string;
  Target?: string;
  ReadOnly?: boolean;
  Consistency?: string;
  BindOptions?: Record<string, unknown>;
  VolumeOptions?: {
    NoCopy?: boolean;
    Labels?: Record<string, string>;
    Subpath?: string;
    DriverConfig?: { Name?: string; Options?: Record<string, string> };
  };
  TmpfsOptions?: { SizeBytes?: number; Mode?: number };
  ImageOptions?: { Subpath?: string };
}

/** `type=bind,source=/srv,target=/srv,readonly`, with Docker's keys; a value with a comma stands in double quotes. */
export function mountOf(text: string): Mount {
  const mount: Mount = { Type: "volume" };
  for (const field of csv(text)) {
    const at = field.indexOf("=");
    const key = (at < 0 ? field : field.slice(0, at)).trim().toLowerCase();
    const value = at < 0 ? undefined : field.slice(at + 1);
    if (!setMount(mount, key, value, text)) {
      throw fail("invalid", "cli.usage", `--mount has no key '${key}' (in '${text}')`, {
        hint: "virga run --mount type=bind,source=/srv,target=/srv,readonly …",
      });
    }
  }
  if (mount.Target === undefined) throw wrong("mount", "a target=PATH", text);
  if (mount.Type === "bind" && mount.Source !== undefined) mount.Source = absolutePath(mount.Source);
  return mount;
}

function setMount(mount: Mount, key: string, value: string | undefined, whole: string): boolean {
  const flag = (): boolean => {
    if (value === undefined || value === "true" || value === "1") return true;
    if (value === "false" || value === "0") return false;
    throw wrong("mount", `true or false for ${key}`, whole);
  };
  const text = (): string => {
    if (value === undefined || value === "") throw wrong("mount", `a value for ${key}`, whole);
    return value;
  };
  const setters: Readonly<Record<string, () => unknown>> = {
    type: () => (mount.Type = text().toLowerCase()),
    source: () => (mount.Source = text()),
    target: () => (mount.Target = text()),
    readonly: () => (mount.ReadOnly = flag()),
    consistency: () => (mount.Consistency = text()),
    "bind-propagation": () => ((mount.BindOptions ??= {})["Propagation"] = text()),
    "bind-nonrecursive": () => ((mount.BindOptions ??= {})["NonRecursive"] = flag()),
    "bind-create-src": () => ((mount.BindOptions ??= {})["CreateMountpoint"] = flag()),
    "bind-recursive": () => recursive(mount, text(), whole),
    "volume-nocopy": () => ((mount.VolumeOptions ??= {}).NoCopy = flag()),
    "volume-subpath": () => ((mount.VolumeOptions ??= {}).Subpath = text()),
    "volume-label": () => Object.assign(((mount.VolumeOptions ??= {}).Labels ??= {}), pair(text())),
    "volume-driver": () => (((mount.VolumeOptions ??= {}).DriverConfig ??= {}).Name = text()),
    "volume-opt": () =>
      Object.assign((((mount.VolumeOptions ??= {}).DriverConfig ??= {}).Options ??= {}), pair(text())),
    "tmpfs-size": () => ((mount.TmpfsOptions ??= {}).SizeBytes = parseBytes(text())),
    "tmpfs-mode": () => ((mount.TmpfsOptions ??= {}).Mode = Number.parseInt(text(), 8)),
    "image-subpath": () => ((mount.ImageOptions ??= {}).Subpath = text()),
  };
  const others: Readonly<Record<string, string>> = {
    src: "source",
    dst: "target",
    destination: "target",
    ro: "readonly",
  };
  const set = setters[others[key] ?? key];
  set?.();
  return set !== undefined;
}

function recursive(mount: Mount, value: string, whole: string): void {
  const options = (mount.BindOptions ??= {});
  if (value === "disabled") options["NonRecursive"] = true;
  else if (value === "writable") options["ReadOnlyNonRecursive"] = true;
  else if (value === "readonly") options["ReadOnlyForceRecursive"] = true;
  else if (value !== "enabled") {
    throw wrong("mount", "enabled, disabled, writable or readonly for bind-recursive", whole);
  }
}

function pair(text: string): Record<string, string> {
  const at = text.indexOf("=");
  return at < 0 ? { [text]: "" } : { [text.slice(0, at)]: text.slice(at + 1) };
}

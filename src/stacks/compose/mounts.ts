import { posix } from "node:path";
import type { Problems } from "./problems.ts";
import {
  bytes,
  choice,
  expected,
  flag,
  labels,
  listOf,
  mode,
  object,
  resolvePath,
  text,
  type Reader,
} from "./readers.ts";
import type { MapNode, ScalarNode } from "./tree.ts";

const propagations = ["private", "rprivate", "shared", "rshared", "slave", "rslave"] as const;
export type Propagation = (typeof propagations)[number];

export type Mount =
  | {
      readonly type: "bind";
      readonly source: string;
      readonly target: string;
      readonly read_only?: boolean;
      readonly bind?: {
        readonly propagation?: Propagation;
        readonly create_host_path?: boolean;
        readonly recursive?: "enabled" | "disabled" | "writable" | "readonly";
      };
    }
  | {
      readonly type: "volume";
      /** A key of the top-level `volumes`; absent: an anonymous volume. */
      readonly source?: string;
      readonly target: string;
      readonly read_only?: boolean;
      readonly volume?: {
        readonly nocopy?: boolean;
        readonly subpath?: string;
        readonly labels?: Record<string, string>;
      };
    }
  | {
      readonly type: "image";
      readonly source: string;
      readonly target: string;
      readonly image?: { readonly subpath?: string };
    }
  | {
      readonly type: "tmpfs";
      readonly target: string;
      readonly read_only?: boolean;
      readonly tmpfs?: { readonly size?: number; readonly mode?: number };
    };

const shape =
  "SOURCE:TARGET[:ro], where SOURCE is a volume's name or a path that starts with '.', '/' or '~'";
/** SELinux and macOS options, without meaning on a machine that has neither. */
const ignoredModes = new Set(["rw", "z", "Z", "cached", "delegated", "consistent"]);

export const mountEntry: Reader<Mount> = (node, path, problems) => {
  if (node.kind === "map") return longMount(node, path, problems);
  if (node.kind !== "scalar" || node.value === null) return expected(node, path, problems, shape);
  return shortMount(node, path, problems);
};

export const mountList = listOf(mountEntry, "a list of volumes");

/** The parts of a short mount: `[SOURCE:]TARGET[:MODE]`. */
export function splitMount(
  written: string,
): { source?: string; target: string; modes: string[] } | undefined {
  const parts = written.split(":");
  if (parts.length > 3 || parts.some((part) => part === "")) return undefined;
  if (parts.length === 1) return { target: parts[0]!, modes: [] };
  return { source: parts[0]!, target: parts[1]!, modes: parts[2]?.split(",") ?? [] };
}

export function isHostPath(source: string): boolean {
  return /^[./~]/.test(source);
}

function shortMount(node: ScalarNode, path: string, problems: Problems): Mount | undefined {
  const parts = splitMount(node.text);
  if (!parts) return expected(node, path, problems, shape);
  const { source, target, modes } = parts;
  if (!target.startsWith("/")) {
    problems.invalid(node.at, path, `the container path '${target}' must be absolute`);
    return undefined;
  }
  const unknown = modes.find(
    (one) =>
      one !== "ro" &&
      one !== "nocopy" &&
      !ignoredModes.has(one) &&
      !propagations.includes(one as Propagation),
  );
  if (unknown !== undefined) {
    problems.invalid(
      node.at,
      path,
      `'${unknown}' is not an access mode: expected ro, rw, z, Z, nocopy or ${propagations.join(", ")}`,
    );
    return undefined;
  }
  const readOnly = modes.includes("ro") ? { read_only: true } : {};
  if (source !== undefined && isHostPath(source)) {
    const propagation = modes.find((one) => propagations.includes(one as Propagation)) as
      | Propagation
      | undefined;
    const bind = { ...(propagation ? { propagation } : {}), create_host_path: true };
    return { type: "bind", source: resolvePath(source, node), target, ...readOnly, bind };
  }
  const volume = modes.includes("nocopy") ? { volume: { nocopy: true } } : {};
  return { type: "volume", ...(source === undefined ? {} : { source }), target, ...readOnly, ...volume };
}

/** A path below what is mounted. */
const subpath: Reader<string> = (node, path, problems) => {
  const value = text(node, path, problems);
  if (value === undefined) return undefined;
  const clean = posix.normalize(value);
  if (!clean.startsWith("/") && clean !== ".." && !clean.startsWith("../")) return value;
  return expected(node, path, problems, "a relative path that stays inside");
};

const longKeys = object(
  {
    type: choice("bind", "volume", "tmpfs", "image", "npipe", "cluster"),
    source: text,
    target: text,
    read_only: flag,
    bind: object({
      propagation: choice(...propagations),
      create_host_path: flag,
      recursive: choice("enabled", "disabled", "writable", "readonly"),
      selinux: choice("z", "Z"),
    }),
    volume: object({ nocopy: flag, labels, subpath }),
    tmpfs: object({ size: bytes(), mode }),
    image: object({ subpath }),
    consistency: text,
  },
  { required: ["type"] },
);

function longMount(node: MapNode, path: string, problems: Problems): Mount | undefined {
  const read = longKeys(node, path, problems);
  if (read?.type === undefined) return undefined;
  const { type, source, target } = read;
  if (type === "npipe" || type === "cluster") {
    problems.unimplemented(node.at, `${path}.type`, `mounts of type '${type}' are not supported`);
    return undefined;
  }
  if (target === undefined || !target.startsWith("/")) {
    problems.invalid(
      node.at,
      `${path}.target`,
      `${target === undefined ? "nothing" : `'${target}'`} found, expected an absolute path in the container`,
    );
    return undefined;
  }
  for (const other of ["bind", "volume", "tmpfs", "image"] as const) {
    if (other !== type && read[other] !== undefined) {
      problems.invalid(node.at, `${path}.${other}`, `options of '${other}' on a mount of type '${type}'`);
    }
  }
  const readOnly = read.read_only === undefined ? {} : { read_only: read.read_only };
  if (type === "tmpfs") return { type, target, ...readOnly, ...(read.tmpfs ? { tmpfs: read.tmpfs } : {}) };
  if (type === "volume") {
    if (source === undefined && read.volume?.subpath !== undefined) {
      problems.invalid(node.at, `${path}.volume.subpath`, "a volume without a name has no folders yet");
    }
    return {
      type,
      ...(source === undefined ? {} : { source }),
      target,
      ...readOnly,
      ...(read.volume ? { volume: read.volume } : {}),
    };
  }
  if (source === undefined) {
    const what = type === "image" ? "the image" : "the path on this machine";
    problems.invalid(node.at, path, `'source' is missing: ${what}`);
    return undefined;
  }
  if (type === "image") return { type, source, target, ...(read.image ? { image: read.image } : {}) };
  const { recursive, propagation, create_host_path = true } = read.bind ?? {};
  if ((recursive === "writable" || recursive === "readonly") && !read.read_only) {
    problems.invalid(node.at, `${path}.bind.recursive`, `'${recursive}' needs 'read_only: true'`);
  }
  const bind = {
    create_host_path,
    ...(propagation ? { propagation } : {}),
    ...(recursive ? { recursive } : {}),
  };
  return { type, source: resolvePath(source, node), target, ...readOnly, bind };
}

import { posix } from "node:path";
import { fail } from "../../../../base/index.ts";
import type { MountSpec } from "../../../../containers/index.ts";
import { defined } from "../../http/defined.ts";

type BindMount = Extract<MountSpec, { type: "bind" }>;
export type Propagation = NonNullable<BindMount["propagation"]>;

export const propagations: readonly string[] = [
  "private", "rprivate", "shared", "rshared", "slave", "rslave",
]; // prettier-ignore

/**
 * The words after the second colon of `-v`, of each kind one at most. How a shared folder is cached on a Mac, and
 * SELinux labels where there is no SELinux, have no effect, as with Docker.
 */
const kinds: readonly (readonly string[])[] = [
  ["rw", "ro"],
  ["z", "Z"],
  propagations,
  ["nocopy"],
  ["consistent", "cached", "delegated"],
];

/** `SOURCE:TARGET[:MODE]`, or a target alone; a source that is no absolute path is a volume's name. */
export function decodeBind(text: string, volumeDriver: string | undefined): MountSpec {
  const parts = text.split(":");
  const [source = "", second, mode = ""] = parts;
  if (source === "" || parts.length > 3) throw badVolume(text);
  if (second !== undefined && parts.length === 2 && isMode(second)) throw badVolume(text);
  if (!isMode(mode)) throw fail("invalid", "mount.invalid", `invalid mode: ${mode}`);
  const words = mode.split(",");
  const wrong = (type: string, why: string) =>
    badVolume(text, `invalid mount config for type "${type}": ${why}`);
  const isBind = second !== undefined && source.startsWith("/");
  const type = isBind ? "bind" : "volume";
  const target = checkTarget(second ?? source, (why) => wrong(type, why));
  const readOnly = words.includes("ro") ? true : undefined;
  const noCopy = words.includes("nocopy") ? true : undefined;
  const propagation = words.find((word) => propagations.includes(word)) as Propagation | undefined;
  if (second === undefined) return defined({ type: "volume" as const, target, driver: volumeDriver, mode });
  if (isBind) {
    if (noCopy) throw wrong("bind", "field VolumeOptions must not be specified");
    const path = withoutSlash(posix.normalize(source));
    return defined({
      type: "bind" as const,
      source: path,
      target,
      readOnly,
      propagation,
      createSource: true,
      mode,
    });
  }
  if (propagation !== undefined) throw wrong("volume", "field BindOptions must not be specified");
  if (source.includes("/")) {
    throw fail(
      "invalid",
      "mount.invalid",
      `create ${source}: "${source}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
    );
  }
  const common = { name: source, target, readOnly, noCopy, driver: volumeDriver, mode };
  return defined({ type: "volume" as const, ...common });
}

function isMode(mode: string): boolean {
  if (mode === "") return true;
  const used = mode.split(",").map((word) => kinds.findIndex((kind) => kind.includes(word)));
  return !used.includes(-1) && new Set(used).size === used.length;
}

/** The target without what does not matter in it. `fails` makes the error, in the words of what asks. */
export function checkTarget(target: string, fails: (why: string) => Error): string {
  if (target === "") throw fails("field Target must not be empty");
  if (posix.normalize(target) === "/") throw fails("invalid specification: destination can't be '/'");
  if (!target.startsWith("/")) throw fails(`invalid mount path: '${target}' mount path must be absolute`);
  return withoutSlash(posix.normalize(target));
}

export function withoutSlash(path: string): string {
  return path === "/" ? path : path.replace(/\/$/, "");
}

function badVolume(text: string, why?: string): Error {
  const message = `invalid volume specification: '${text}'${why === undefined ? "" : `: ${why}`}`;
  return fail("invalid", "mount.invalid", message);
}

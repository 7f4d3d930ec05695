import { resolve } from "node:path";
import { fail, suggestion } from "../../../base/index.ts";

/** Where a build takes the results of steps from, besides the daemon's own cache. */
export type CacheSource =
  /** An image of this machine: the steps that it was made of. With `orRegistry` it is looked for there as well. */
  | { readonly kind: "image"; readonly name: string; readonly orRegistry?: boolean }
  /** A cache, or an image, in a registry. */
  | { readonly kind: "registry"; readonly reference: string }
  /** A cache in a folder of this machine, an OCI image layout. */
  | {
      readonly kind: "folder";
      readonly path: string;
      readonly tag: string;
      readonly digest: string | undefined;
    };

export type Compression = "zstd" | "gzip" | "uncompressed";

/** How a cache is written. */
export interface CacheWriting {
  /** `min`: layers of the result alone. `max`: of all stages. The steps without files are always told. */
  readonly mode: "min" | "max";
  readonly compression: Compression;
  readonly level: number | undefined;
  /** A cache that can't be written is a warning, not the end of the build. */
  readonly ignoreError: boolean;
}

/** Where the results of a build's steps are put for other daemons. */
export type CacheTarget =
  | ({ readonly kind: "registry"; readonly reference: string } & CacheWriting)
  | ({ readonly kind: "folder"; readonly path: string; readonly tag: string } & CacheWriting)
  /** In the image itself. Every image built here tells its steps in its history, so there is nothing to do. */
  | { readonly kind: "inline" };

export type CacheAttributes = ReadonlyMap<string, string>;

/**
 * As `--cache-from` has it: an image's name, or `type=registry,ref=…`, `type=local,src=…`. Paths are relative to `folder`;
 * without one they have to be absolute. Throws `invalid`.
 */
export function parseCacheSource(text: string, folder?: string): CacheSource {
  if (!text.includes("=")) return { kind: "image", name: text, orRegistry: true };
  return cacheSource(attributesOf("--cache-from", text, folder));
}

/** As `--cache-to` has it: a reference, or `type=registry,ref=…`, `type=local,dest=…`, `type=inline`. Throws `invalid`. */
export function parseCacheTarget(text: string, folder?: string): CacheTarget {
  if (!text.includes("=")) return cacheTarget(new Map([["type", "registry"], ["ref", text]])); // prettier-ignore
  return cacheTarget(attributesOf("--cache-to", text, folder));
}

/** Types of caches that only other builders have; a Compose file may name them for those. */
export function isForeignCache(text: string): boolean {
  return /(^|,)type=(gha|s3|azblob)(,|$)/.test(text);
}

/** Of BuildKit's attributes, `type` among them. Throws `invalid` / `build.cache-option`. */
export function cacheSource(attributes: CacheAttributes): CacheSource {
  const read = new Attributes("--cache-from", attributes);
  const type = read.text("type") ?? "registry";
  if (type === "registry") {
    read.only(["ref"]);
    return { kind: "registry", reference: read.need("ref") };
  }
  if (type !== "local") throw read.unknownType(type, ["registry", "local"]);
  read.only(["src", "tag", "digest"]);
  const [path, tag, digest] = [read.folder("src"), read.text("tag") ?? "latest", read.text("digest")];
  return { kind: "folder", path, tag, digest };
}

/** As `cacheSource`. */
export function cacheTarget(attributes: CacheAttributes): CacheTarget {
  const read = new Attributes("--cache-to", attributes);
  const type = read.text("type") ?? "registry";
  if (type === "inline") {
    read.only([]);
    return { kind: "inline" };
  }
  if (type === "registry") {
    read.only(["ref", ...writingNames]);
    return { kind: "registry", reference: read.need("ref"), ...writingOf(read) };
  }
  if (type !== "local") throw read.unknownType(type, ["registry", "local", "inline"]);
  read.only(["dest", "tag", ...writingNames]);
  return { kind: "folder", path: read.folder("dest"), tag: read.text("tag") ?? "latest", ...writingOf(read) };
}

const writingNames = [
  "mode", "compression", "compression-level", "force-compression", "ignore-error", "image-manifest", "oci-mediatypes",
]; // prettier-ignore

function writingOf(read: Attributes): CacheWriting {
  // What is written is an OCI image manifest, and every layer is compressed as asked.
  for (const name of ["image-manifest", "oci-mediatypes"]) {
    if (read.flag(name) === false) throw read.refuse(`${name}=false is not supported: caches are OCI images`);
  }
  read.flag("force-compression");
  const level = read.text("compression-level");
  if (level !== undefined && !/^\d{1,2}$/.test(level)) {
    throw read.refuse(`compression-level takes a number, not '${level}'`);
  }
  return {
    mode: read.oneOf("mode", ["min", "max"]),
    compression: read.oneOf("compression", ["zstd", "gzip", "uncompressed"]),
    level: level === undefined ? undefined : Number(level),
    ignoreError: read.flag("ignore-error") ?? false,
  };
}

function attributesOf(option: string, text: string, folder: string | undefined): Map<string, string> {
  return new Map(
    text.split(",").map((field): [string, string] => {
      const [, written = "", value = ""] = /^([^=]+)=(.*)$/s.exec(field) ?? [];
      const name = written.trim().toLowerCase();
      const isPath = folder !== undefined && (name === "src" || name === "dest");
      if (name !== "") return [name, isPath ? resolve(folder, value) : value];
      throw invalid(`${option} ${text}: '${field}' is not NAME=VALUE`);
    }),
  );
}

class Attributes {
  readonly #option: string;
  readonly #values: CacheAttributes;

  constructor(option: string, values: CacheAttributes) {
    this.#option = option;
    this.#values = values;
  }

  refuse(message: string) {
    return invalid(`${this.#option}: ${message}`);
  }

  unknownType(type: string, known: readonly string[]) {
    return this.refuse(`type=${type} is not supported${suggestion(type, known)}; known: ${known.join(", ")}`);
  }

  only(known: readonly string[]): void {
    const unknown = [...this.#values.keys()].find((name) => name !== "type" && !known.includes(name));
    if (unknown === undefined) return;
    throw this.refuse(`unknown attribute '${unknown}'${suggestion(unknown, known)}`);
  }

  text(name: string): string | undefined {
    return this.#values.get(name) || undefined;
  }

  need(name: string): string {
    const value = this.text(name);
    if (value === undefined) throw this.refuse(`${name}=… is missing`);
    return value;
  }

  /** A folder of this machine. */
  folder(name: string): string {
    const path = this.need(name);
    if (path.startsWith("/")) return path;
    throw this.refuse(`${name}=${path} is not an absolute path`);
  }

  flag(name: string): boolean | undefined {
    const value = this.text(name);
    if (value === undefined || value === "true" || value === "1")
      return value === undefined ? undefined : true;
    if (value === "false" || value === "0") return false;
    throw this.refuse(`${name} takes true or false, not '${value}'`);
  }

  /** The first when it is not given. */
  oneOf<T extends string>(name: string, known: readonly [T, ...T[]]): T {
    const value = this.text(name) ?? known[0];
    const found = known.find((one) => one === value);
    if (found === undefined) throw this.refuse(`${name} takes ${known.join(" or ")}, not '${value}'`);
    return found;
  }
}

function invalid(message: string) {
  return fail("invalid", "build.cache-option", message, {
    hint: "write it like type=registry,ref=HOST/NAME:TAG or type=local,src=FOLDER (dest=FOLDER to write)",
  });
}

import { posix } from "node:path";
import { parseBytes } from "../../../base/index.ts";
import { dockerfileError, nearest } from "../dockerfile-error.ts";
import type { SourceLine } from "../source-lines.ts";

/** `RUN --mount=…` as it is written: the values keep their variables, except for `from`, which may have none. */
export interface WrittenMount {
  readonly type: RunMount["type"];
  readonly from: string | undefined;
  readonly fields: ReadonlyMap<string, string>;
}

/** There for one step, and not in the image (reference, "RUN --mount"). */
export type RunMount =
  | {
      readonly type: "bind";
      readonly target: string;
      readonly source: string;
      readonly from: string | undefined;
      /** What is written is thrown away after the step. */
      readonly writable: boolean;
    }
  | {
      readonly type: "cache";
      readonly target: string;
      readonly id: string | undefined;
      /** What a new cache begins with. */
      readonly from: string | undefined;
      readonly source: string;
      readonly readOnly: boolean;
      readonly sharing: "shared" | "private" | "locked";
      readonly owner: MountOwner;
    }
  | { readonly type: "tmpfs"; readonly target: string; readonly size: number | undefined }
  | {
      readonly type: "secret";
      readonly id: string;
      /** Undefined: in the environment alone. */
      readonly target: string | undefined;
      readonly env: string | undefined;
      readonly required: boolean;
      readonly owner: MountOwner;
    }
  | {
      readonly type: "ssh";
      readonly id: string;
      /** Undefined: a name below /run/buildkit. */
      readonly target: string | undefined;
      readonly required: boolean;
      readonly owner: MountOwner;
    };

export interface MountOwner {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

const owner = ["mode", "uid", "gid"];
const optionsOf: Readonly<Record<RunMount["type"], readonly string[]>> = {
  bind: ["type", "target", "source", "from", "readonly", "readwrite"],
  cache: ["type", "id", "target", "source", "from", "readonly", "readwrite", "sharing", ...owner],
  tmpfs: ["type", "target", "size"],
  secret: ["type", "id", "target", "env", "required", ...owner],
  ssh: ["type", "id", "target", "required", ...owner],
};
const aliases: Readonly<Record<string, string>> = {
  dst: "target",
  destination: "target",
  src: "source",
  ro: "readonly",
  rw: "readwrite",
};
const switches = new Set(["readonly", "readwrite", "required"]);

/** Throws `dockerfile.mount`; what has variables in it is looked at when they are known. */
export function parseMount(line: SourceLine, text: string): WrittenMount {
  const fields = new Map(splitFields(line, text).map((field) => parseField(line, field)));
  const type = fields.get("type") ?? "bind";
  if (!isMountType(type)) {
    const guess = nearest(type, Object.keys(optionsOf));
    const meant = guess === undefined ? "" : ` (did you mean ${guess}?)`;
    const hint = `the types are ${Object.keys(optionsOf).join(", ")}`;
    throw dockerfileError("dockerfile.mount", line, `unknown mount type '${type}'${meant}`, hint);
  }
  const known = optionsOf[type];
  const unknown = [...fields.keys()].find((name) => !known.includes(name));
  if (unknown !== undefined) {
    const guess = nearest(unknown, known);
    const meant = guess === undefined ? "" : ` (did you mean ${guess}?)`;
    const message = `unknown option '${unknown}' of a ${type} mount${meant}`;
    throw dockerfileError("dockerfile.mount", line, message, `it takes ${known.join(", ")}`);
  }
  const from = fields.get("from");
  if (from !== undefined && /\$./.test(from)) {
    const hint = "give the image a name with FROM image AS name, and write from=name";
    throw dockerfileError("dockerfile.mount", line, `from=${from}: it can't have variables`, hint);
  }
  const written = { type, from, fields };
  if (![...fields.values()].some((value) => value.includes("$"))) resolveMount(line, written, (word) => word);
  return written;
}

/** The mount with its variables replaced. Throws `dockerfile.mount`. */
export function resolveMount(
  line: SourceLine,
  { type, from, fields }: WrittenMount,
  expand: (word: string) => string,
): RunMount {
  const values = new Map([...fields].map(([name, value]) => [name, name === "from" ? value : expand(value)]));
  const reader = new FieldReader(line, type, values);
  const source = values.get("source") ?? "/";
  switch (type) {
    case "bind":
      return { type, target: reader.target(), source, from, writable: reader.writable() ?? false };
    case "cache": {
      const readOnly = !(reader.writable() ?? true);
      const id = values.get("id") || undefined;
      const sharing = reader.sharing();
      const common = { source, from, readOnly, sharing, owner: reader.owner(0o755) };
      return { type, target: reader.target(), id, ...common };
    }
    case "tmpfs":
      return { type, target: reader.target(), size: reader.size() };
    case "secret": {
      const target = values.get("target") || undefined;
      const env = values.get("env") || undefined;
      const id = values.get("id") || (target === undefined ? "" : posix.basename(target));
      if (id === "") reader.refuse("needs id=<name> or target=<path>");
      const file = target ?? (env === undefined ? `/run/secrets/${id}` : undefined);
      return { type, id, target: file, env, required: reader.flag("required"), owner: reader.owner(0o400) };
    }
    default: {
      const target = values.get("target") || undefined;
      const id = values.get("id") || "default";
      return { type, id, target, required: reader.flag("required"), owner: reader.owner(0o600) };
    }
  }
}

function isMountType(type: string): type is RunMount["type"] {
  return Object.hasOwn(optionsOf, type);
}

/** A line of CSV: a field that has a comma in it stands in double quotes. */
function splitFields(line: SourceLine, text: string): string[] {
  const fields = text.match(/(?:^|,)(?:"(?:[^"]|"")*"|[^",]*)(?=,|$)/g);
  if (!fields || fields.join("") !== text) {
    throw dockerfileError("dockerfile.mount", line, `the quotes in --mount=${text} do not fit`);
  }
  return fields
    .map((field, index) => (index === 0 ? field : field.slice(1)))
    .map((field) => (field.startsWith('"') ? field.slice(1, -1).replaceAll('""', '"') : field));
}

function parseField(line: SourceLine, field: string): [name: string, value: string] {
  const equals = field.indexOf("=");
  const written = (equals < 0 ? field : field.slice(0, equals)).toLowerCase();
  const name = aliases[written] ?? written;
  if (equals >= 0) return [name, field.slice(equals + 1)];
  if (switches.has(name)) return [name, "true"];
  throw dockerfileError("dockerfile.mount", line, `'${field}' has no value; expected ${field}=…`);
}

class FieldReader {
  readonly #line: SourceLine;
  readonly #type: string;
  readonly #fields: ReadonlyMap<string, string>;

  constructor(line: SourceLine, type: string, fields: ReadonlyMap<string, string>) {
    this.#line = line;
    this.#type = type;
    this.#fields = fields;
  }

  refuse(message: string): never {
    throw dockerfileError("dockerfile.mount", this.#line, `a ${this.#type} mount ${message}`);
  }

  target(): string {
    const target = this.#fields.get("target") ?? "";
    return target === "" ? this.refuse("needs target=<path>") : target;
  }

  flag(name: string): boolean {
    const text = this.#fields.get(name)?.toLowerCase();
    if (text === undefined) return false;
    if (["true", "1", "t"].includes(text)) return true;
    if (["false", "0", "f"].includes(text)) return false;
    return this.refuse(`takes ${name}=true or ${name}=false, not '${text}'`);
  }

  /** Of `readonly` and `readwrite`, whichever is given. */
  writable(): boolean | undefined {
    if (this.#fields.has("readwrite")) return this.flag("readwrite");
    return this.#fields.has("readonly") ? !this.flag("readonly") : undefined;
  }

  sharing(): "shared" | "private" | "locked" {
    const sharing = (this.#fields.get("sharing") ?? "shared").toLowerCase();
    if (sharing === "shared" || sharing === "private" || sharing === "locked") return sharing;
    const guess = nearest(sharing, ["shared", "private", "locked"]);
    const meant = guess === undefined ? "" : ` (did you mean ${guess}?)`;
    return this.refuse(`takes sharing=shared, private or locked, not '${sharing}'${meant}`);
  }

  size(): number | undefined {
    const text = this.#fields.get("size");
    if (text === undefined) return undefined;
    try {
      return parseBytes(text);
    } catch {
      return this.refuse(`takes size=<bytes> such as 64m, not '${text}'`);
    }
  }

  owner(mode: number): MountOwner {
    return {
      mode: this.#number("mode", mode, /^[0-7]{1,5}$/, 8),
      uid: this.#number("uid", 0, /^\d{1,10}$/, 10),
      gid: this.#number("gid", 0, /^\d{1,10}$/, 10),
    };
  }

  #number(name: string, otherwise: number, form: RegExp, radix: number): number {
    const text = this.#fields.get(name);
    if (text === undefined) return otherwise;
    if (form.test(text) && Number.parseInt(text, radix) < 2 ** 32 - 1) return Number.parseInt(text, radix);
    return this.refuse(`can't have ${name}=${text}, which is not a number that ${name} can have`);
  }
}

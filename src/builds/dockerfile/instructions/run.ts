import { parseBytes } from "../../../base/index.ts";
import { needArguments, parseCommand, type Command } from "../arguments.ts";
import { dockerfileError, notSupported } from "../dockerfile-error.ts";
import { takeFlags } from "../flags.ts";
import type { SourceLine } from "../source-lines.ts";

export interface RunInstruction extends SourceLine {
  readonly kind: "RUN";
  readonly command: Command;
  readonly mounts: readonly RunMount[];
  readonly network: "default" | "none" | "host";
}

/** `RUN --mount=…`: there for one step, and not in the image. `target` and `from` keep their variables. */
export type RunMount =
  | {
      readonly type: "bind";
      readonly target: string;
      readonly source: string;
      readonly from: string | undefined;
    }
  | {
      readonly type: "cache";
      readonly target: string;
      readonly id: string | undefined;
      readonly readOnly: boolean;
      readonly locked: boolean;
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
    }
  | { readonly type: "tmpfs"; readonly target: string; readonly size: number | undefined };

export function parseRun(line: SourceLine): RunInstruction {
  const { flags, rest } = takeFlags(line, line.rest, {
    mount: "list",
    network: "text",
    security: "text",
    device: "list",
  });
  if (flags.list("device").length > 0) throw notSupported(line, "--device");
  const security = flags.text("security") ?? "sandbox";
  if (security !== "sandbox") throw notSupported(line, `--security=${security}`);
  const network = flags.text("network") ?? "default";
  if (network !== "default" && network !== "none" && network !== "host") {
    throw dockerfileError("dockerfile.flag", line, `--network takes default, none or host, not '${network}'`);
  }
  needArguments(line, rest, "RUN <command>");
  const mounts = flags.list("mount").map((text) => parseMount(line, text));
  return { ...line, kind: "RUN", command: parseCommand(line, rest), mounts, network };
}

type MountFields = ReadonlyMap<string, string>;

const fieldsOf: Readonly<Record<string, readonly string[]>> = {
  bind: ["type", "target", "source", "from", "readonly", "readwrite"],
  cache: ["type", "id", "target", "readonly", "sharing", "mode", "uid", "gid"],
  tmpfs: ["type", "target", "size"],
};
const aliases: Readonly<Record<string, string>> = {
  dst: "target",
  destination: "target",
  src: "source",
  ro: "readonly",
  rw: "readwrite",
};

function parseMount(line: SourceLine, text: string): RunMount {
  const fields = new Map(
    text.split(",").map((field) => {
      const [name, ...value] = field.split("=");
      const key = name!.toLowerCase();
      return [aliases[key] ?? key, value.length === 0 ? "true" : value.join("=")];
    }),
  );
  const type = fields.get("type") ?? "bind";
  if (type === "secret" || type === "ssh") {
    throw notSupported(line, `--mount=type=${type}`, "pass what the step needs as a build argument");
  }
  const known = fieldsOf[type];
  if (!known) throw dockerfileError("dockerfile.mount", line, `unknown mount type '${type}'`);
  const unknown = [...fields.keys()].find((name) => !known.includes(name));
  if (unknown !== undefined) {
    const hint = `it takes ${known.join(", ")}`;
    throw dockerfileError("dockerfile.mount", line, `unknown option '${unknown}' of a ${type} mount`, hint);
  }
  const target = fields.get("target");
  if (target === undefined) {
    throw dockerfileError("dockerfile.mount", line, `a ${type} mount needs target=<path>`);
  }
  if (type === "bind") return bindMount(line, fields, target);
  if (type === "cache") return cacheMount(line, fields, target);
  const size = fields.get("size");
  return { type: "tmpfs", target, size: size === undefined ? undefined : parseBytes(size) };
}

function bindMount(line: SourceLine, fields: MountFields, target: string): RunMount {
  if (fields.get("readwrite") === "true" || fields.get("readonly") === "false") {
    throw notSupported(line, "a writable bind mount", "copy the files with COPY, or leave out rw");
  }
  return { type: "bind", target, source: fields.get("source") ?? "/", from: fields.get("from") };
}

function cacheMount(line: SourceLine, fields: MountFields, target: string): RunMount {
  const sharing = fields.get("sharing") ?? "shared";
  if (sharing === "private") throw notSupported(line, "sharing=private", "use sharing=locked");
  if (sharing !== "shared" && sharing !== "locked") {
    throw dockerfileError("dockerfile.mount", line, `sharing takes shared or locked, not '${sharing}'`);
  }
  return {
    type: "cache",
    target,
    id: fields.get("id"),
    readOnly: fields.get("readonly") === "true",
    locked: sharing === "locked",
    mode: numberField(line, fields, "mode", 0o755, 8),
    uid: numberField(line, fields, "uid", 0, 10),
    gid: numberField(line, fields, "gid", 0, 10),
  };
}

function numberField(
  line: SourceLine,
  fields: MountFields,
  name: string,
  otherwise: number,
  radix: 8 | 10,
): number {
  const text = fields.get(name);
  if (text === undefined) return otherwise;
  if (!(radix === 8 ? /^[0-7]{3,5}$/ : /^\d{1,10}$/).test(text)) {
    throw dockerfileError("dockerfile.mount", line, `${name}=${text} is not a number that ${name} can have`);
  }
  return Number.parseInt(text, radix);
}

import { needArguments, parsePairs, parseWordList, type RawPair } from "../arguments.ts";
import { dockerfileError } from "../dockerfile-error.ts";
import { takeFlags } from "../flags.ts";
import { splitKeyword, type SourceLine } from "../source-lines.ts";

/** What an image says about itself. Words keep their variables. */
export type MetadataInstruction =
  | (SourceLine & { readonly kind: "ENV" | "LABEL"; readonly pairs: readonly RawPair[] })
  | (SourceLine & { readonly kind: "EXPOSE" | "VOLUME"; readonly words: readonly string[] })
  | (SourceLine & { readonly kind: "WORKDIR" | "USER" | "STOPSIGNAL"; readonly value: string })
  | (SourceLine & { readonly kind: "MAINTAINER"; readonly author: string })
  | (SourceLine & { readonly kind: "ONBUILD"; readonly trigger: string });

export function parseEnvOrLabel(line: SourceLine, kind: "ENV" | "LABEL"): MetadataInstruction {
  const { rest } = takeFlags(line, line.rest, {});
  return { ...line, kind, pairs: parsePairs(line, rest) };
}

export function parseExposeOrVolume(line: SourceLine, kind: "EXPOSE" | "VOLUME"): MetadataInstruction {
  const { rest } = takeFlags(line, line.rest, {});
  const expected = kind === "EXPOSE" ? "EXPOSE <port>[/<protocol>] …" : "VOLUME <path> …";
  needArguments(line, rest, expected);
  const words = kind === "VOLUME" ? parseWordList(line, rest) : rest.split(/\s+/);
  if (words.length === 0 || words.includes("")) {
    throw dockerfileError("dockerfile.arguments", line, `a path can't be empty; expected ${expected}`);
  }
  return { ...line, kind, words };
}

export function parseSingle(line: SourceLine, kind: "WORKDIR" | "USER" | "STOPSIGNAL"): MetadataInstruction {
  const { rest } = takeFlags(line, line.rest, {});
  needArguments(line, rest, `${kind} <${{ WORKDIR: "path", USER: "user", STOPSIGNAL: "signal" }[kind]}>`);
  // A path may hold spaces in the old builder and this one; a user and a signal may not.
  if (kind !== "WORKDIR" && /\s/.test(rest)) {
    throw dockerfileError("dockerfile.arguments", line, `exactly one argument is expected, not '${rest}'`);
  }
  return { ...line, kind, value: rest };
}

export function parseMaintainer(line: SourceLine): MetadataInstruction {
  needArguments(line, line.rest, "MAINTAINER <name>");
  return { ...line, kind: "MAINTAINER", author: line.rest };
}

export function parseOnbuild(line: SourceLine): MetadataInstruction {
  const [trigger] = splitKeyword(line.rest);
  needArguments(line, trigger, "ONBUILD <instruction>");
  if (["ONBUILD", "FROM", "MAINTAINER"].includes(trigger)) {
    throw dockerfileError("dockerfile.onbuild", line, `${trigger} isn't allowed as an ONBUILD trigger`);
  }
  const heredocs = line.heredocs.map((one) => `\n${one.content}${one.name}`).join("");
  return { ...line, kind: "ONBUILD", trigger: `${line.rest}${heredocs}` };
}

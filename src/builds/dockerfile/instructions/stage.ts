import { needArguments, wordsOf } from "../arguments.ts";
import { dockerfileError } from "../dockerfile-error.ts";
import { takeFlags } from "../flags.ts";
import type { SourceLine } from "../source-lines.ts";

/** FROM and ARG: what a stage begins with. Words keep their variables until the build knows the values. */
export interface FromInstruction extends SourceLine {
  readonly kind: "FROM";
  readonly base: string;
  /** What follows the flags, as it is written: `image AS Name`. */
  readonly words: readonly string[];
  readonly platform: string | undefined;
  /** Lower case, as stages are found. */
  readonly stageName: string | undefined;
}

export interface ArgInstruction extends SourceLine {
  readonly kind: "ARG";
  readonly args: readonly { readonly name: string; readonly value: string | undefined }[];
}

export function parseFrom(line: SourceLine): FromInstruction {
  const expected = "FROM [--platform=<platform>] <image> [AS <name>]";
  const { flags, rest } = takeFlags(line, line.rest, { platform: "text" });
  needArguments(line, rest, expected);
  const words = rest.split(/\s+/);
  if (words.length !== 1 && (words.length !== 3 || words[1]!.toLowerCase() !== "as")) {
    throw dockerfileError("dockerfile.arguments", line, `'${rest}' is not an image; expected ${expected}`);
  }
  const stageName = words[2]?.toLowerCase();
  if (stageName !== undefined && !/^[a-z][a-z0-9_.-]*$/.test(stageName)) {
    throw dockerfileError(
      "dockerfile.stage-name",
      line,
      `invalid name for a build stage: '${words[2]}'`,
      "begin it with a letter; letters, digits, _, - and . may follow",
    );
  }
  return { ...line, kind: "FROM", base: words[0]!, words, platform: flags.text("platform"), stageName };
}

export function parseArg(line: SourceLine): ArgInstruction {
  needArguments(line, line.rest, "ARG <name>[=<default value>]");
  const args = wordsOf(line, line.rest).map((word) => {
    const equals = word.indexOf("=");
    const name = equals < 0 ? word : word.slice(0, equals);
    if (!/^[A-Za-z_][A-Za-z0-9_.-]*$/.test(name)) {
      throw dockerfileError("dockerfile.arguments", line, `'${name}' can't name a build argument`);
    }
    return { name, value: equals < 0 ? undefined : word.slice(equals + 1) };
  });
  return { ...line, kind: "ARG", args };
}

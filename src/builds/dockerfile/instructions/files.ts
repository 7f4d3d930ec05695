import { parseWordList } from "../arguments.ts";
import { isGitAddress } from "../../remote/git-address.ts";
import { dockerfileError } from "../dockerfile-error.ts";
import { takeFlags, type FlagKind } from "../flags.ts";
import { findHeredocs, type Heredoc, type SourceLine } from "../source-lines.ts";

/** COPY and ADD. Words keep their variables. */
export interface CopyInstruction extends SourceLine {
  readonly kind: "COPY" | "ADD";
  readonly sources: readonly CopySource[];
  readonly destination: string;
  readonly from: string | undefined;
  readonly chown: string | undefined;
  readonly chmod: string | undefined;
  readonly link: boolean;
  readonly parents: boolean;
  readonly exclude: readonly string[];
  /** ADD: `sha256:…` that a download must have, or the commit of a repository. */
  readonly checksum: string | undefined;
  /** ADD of a repository: with its `.git`. */
  readonly keepGitDir: boolean | undefined;
  /** ADD: whether archives are unpacked; undefined is Docker's default (local ones are, downloads are not). */
  readonly unpack: boolean | undefined;
}

export type CopySource =
  | { readonly kind: "path"; readonly path: string }
  | { readonly kind: "url"; readonly url: string }
  | { readonly kind: "git"; readonly url: string }
  | { readonly kind: "text"; readonly heredoc: Heredoc };

const shared = { chown: "text", chmod: "text", link: "boolean", exclude: "list" } as const;
const flagsOf: Readonly<Record<"COPY" | "ADD", Readonly<Record<string, FlagKind>>>> = {
  COPY: { from: "text", parents: "boolean", ...shared },
  ADD: { checksum: "text", unpack: "boolean", "keep-git-dir": "boolean", ...shared },
};

export function parseCopy(line: SourceLine, keyword: "COPY" | "ADD"): CopyInstruction {
  const { flags, rest } = takeFlags(line, line.rest, flagsOf[keyword]);
  const words = parseWordList(line, rest);
  if (words.length < 2) {
    const expected = `${keyword} [flags] <source> … <destination>`;
    throw dockerfileError(
      "dockerfile.arguments",
      line,
      `a source and a destination are needed; expected ${expected}`,
    );
  }
  const destination = words.at(-1)!;
  const sources = words.slice(0, -1).map((word) => parseSource(line, keyword, word));
  if (flags.text("from") !== undefined && sources.some((source) => source.kind === "text")) {
    throw dockerfileError("dockerfile.arguments", line, "a here-document can't be a source with --from");
  }
  const remote = sources.filter((source) => source.kind === "url" || source.kind === "git");
  if (flags.text("checksum") !== undefined && (remote.length !== 1 || sources.length !== 1)) {
    const message = "--checksum goes with one source, which is a URL or a git repository";
    throw dockerfileError("dockerfile.flag", line, message);
  }
  return {
    ...line,
    kind: keyword,
    sources,
    destination,
    from: flags.text("from"),
    chown: flags.text("chown"),
    chmod: flags.text("chmod"),
    link: flags.boolean("link"),
    parents: flags.boolean("parents"),
    exclude: flags.list("exclude"),
    checksum: flags.text("checksum"),
    keepGitDir: flags.text("keep-git-dir") === undefined ? undefined : flags.boolean("keep-git-dir"),
    unpack: flags.text("unpack") === undefined ? undefined : flags.boolean("unpack"),
  };
}

function parseSource(line: SourceLine, keyword: "COPY" | "ADD", word: string): CopySource {
  const announced = findHeredocs(word, line.escape)[0];
  if (announced) {
    const heredoc = line.heredocs.find((one) => one.name === announced.name);
    if (heredoc) return { kind: "text", heredoc };
  }
  const isGit = isGitAddress(word);
  if (isGit || /^https?:\/\//.test(word)) {
    if (keyword === "ADD") return { kind: isGit ? "git" : "url", url: word };
    throw dockerfileError("dockerfile.arguments", line, "a source can't be a URL for COPY", "use ADD");
  }
  return { kind: "path", path: word };
}

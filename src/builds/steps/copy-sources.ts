import { chmodSync, lstatSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { errnoOf, fail, messageOf } from "../../base/index.ts";
import type { BuildRun } from "../build-run.ts";
import type { IgnoreRules } from "../context/ignore.ts";
import { GlobError } from "../context/glob.ts";
import { selectSources, type SelectedSource, type SourceTree } from "../context/source-tree.ts";
import { dockerfileError } from "../dockerfile/dockerfile-error.ts";
import { expandText, ExpansionError } from "../dockerfile/expansion.ts";
import type { CopyInstruction, CopySource } from "../dockerfile/instructions/files.ts";
import type { Heredoc } from "../dockerfile/source-lines.ts";
import { download, nameOfUrl } from "../files/download.ts";

/** What a COPY or ADD brings, in the order of its words. */
export interface CopyItem {
  readonly source: SelectedSource;
  /** A downloaded file is not unpacked unless asked for. */
  readonly remote: boolean;
}

export interface CopyWords {
  readonly sources: readonly CopySource[];
  readonly exclude: IgnoreRules;
  readonly checksum: string | undefined;
  readonly variables: ReadonlyMap<string, string>;
}

/** Finds, writes or fetches all sources. Throws `invalid` / `build.source-not-found` and the errors of `download`. */
export async function collectSources(
  run: BuildRun,
  instruction: CopyInstruction,
  words: CopyWords,
  tree: SourceTree,
): Promise<CopyItem[]> {
  const items: CopyItem[] = [];
  for (const source of words.sources) {
    if (source.kind === "path") {
      items.push(...(await select(run, instruction, source.path, words.exclude, tree)));
    } else if (source.kind === "text") {
      items.push({ source: writeText(run, instruction, source.heredoc, words.variables), remote: false });
    } else {
      items.push({ source: await fetchUrl(run, instruction, source.url, words.checksum), remote: true });
    }
  }
  return items;
}

async function select(
  run: BuildRun,
  instruction: CopyInstruction,
  path: string,
  exclude: IgnoreRules,
  tree: SourceTree,
): Promise<CopyItem[]> {
  try {
    const found = await selectSources(tree, path, { exclude, parents: instruction.parents });
    if (found.length === 0) {
      const where = `${instruction.file}:${instruction.line}: ${instruction.kind}`;
      run.emit({ kind: "warning", text: `${where}: '${path}' matches nothing in ${tree.label}` });
    }
    return found.map((source) => ({ source, remote: false }));
  } catch (error) {
    if (error instanceof GlobError) throw dockerfileError("dockerfile.pattern", instruction, error.message);
    throw errnoOf(error) === "ENOENT" ? contextChanged(error) : error;
  }
}

/** Something was there when a folder was listed, and is not any more. */
export function contextChanged(cause: unknown) {
  return fail(
    "conflict",
    "build.context-changed",
    `the files changed while they were read: ${messageOf(cause)}`,
    {
      hint: "build again when nothing else writes into the context",
      cause,
    },
  );
}

function writeText(
  run: BuildRun,
  instruction: CopyInstruction,
  heredoc: Heredoc,
  variables: ReadonlyMap<string, string>,
): SelectedSource {
  const options = { escape: instruction.escape, lookup: (name: string) => variables.get(name) };
  let text = heredoc.content;
  try {
    if (heredoc.expand) text = expandText(text, options);
  } catch (error) {
    if (!(error instanceof ExpansionError)) throw error;
    throw dockerfileError("dockerfile.variable", instruction, error.message);
  }
  const folder = join(run.folder, `text-${run.next()}`);
  mkdirSync(folder);
  const path = join(folder, "content");
  writeFileSync(path, text);
  chmodSync(path, 0o644);
  return oneFile(path, heredoc.name);
}

async function fetchUrl(
  run: BuildRun,
  instruction: CopyInstruction,
  url: string,
  checksum: string | undefined,
): Promise<SelectedSource> {
  if (checksum !== undefined && !/^sha256:[0-9a-f]{64}$/.test(checksum)) {
    throw dockerfileError("dockerfile.flag", instruction, `--checksum=${checksum} is not sha256:<64 digits>`);
  }
  const name = nameOfUrl(instruction, url);
  if (name === "" && instruction.destination.endsWith("/")) {
    const hint = "write the file's name into the destination";
    throw dockerfileError("dockerfile.url", instruction, `${url} does not name a file`, hint);
  }
  const folder = join(run.folder, `get-${run.next()}`);
  mkdirSync(folder);
  const path = join(folder, "content");
  await download(url, path, checksum, run.signal);
  return oneFile(path, name);
}

function oneFile(path: string, name: string): SelectedSource {
  const stat = lstatSync(path, { bigint: true });
  return { name, parents: "", kind: "file", entries: [{ to: "", absolute: path, stat }] };
}

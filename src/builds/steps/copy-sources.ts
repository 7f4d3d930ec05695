import { chmodSync, lstatSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { errnoOf, fail, messageOf } from "../../base/index.ts";
import type { Digest } from "../../content/index.ts";
import type { BuildRun } from "../build-run.ts";
import type { IgnoreRules } from "../context/ignore.ts";
import { ignoreNothing } from "../context/ignore.ts";
import { GlobError } from "../context/glob.ts";
import { selectSources, type SelectedSource, type SourceTree } from "../context/source-tree.ts";
import { dockerfileError } from "../dockerfile/dockerfile-error.ts";
import { expandText, ExpansionError } from "../dockerfile/expansion.ts";
import type { CopyInstruction, CopySource } from "../dockerfile/instructions/files.ts";
import type { Heredoc } from "../dockerfile/source-lines.ts";
import { download, nameOfUrl } from "../files/download.ts";
import { parseGitAddress } from "../remote/git-address.ts";
import { checkoutCommit, resolveCommit } from "../remote/git-checkout.ts";

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
  /** Commits of the git sources, as far as they are known, by address. */
  readonly commits: Map<string, string>;
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
    } else if (source.kind === "git") {
      items.push(...(await fetchRepository(run, instruction, source.url, words)));
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
  const digest = await download(url, path, { checksum, signal: run.signal, secrets: run.request.secrets });
  run.materials.add({ kind: "download", url, checksum: `sha256:${digest}` });
  return oneFile(path, name);
}

async function fetchRepository(
  run: BuildRun,
  instruction: CopyInstruction,
  url: string,
  words: CopyWords,
): Promise<CopyItem[]> {
  const { address, commit } = await findCommit(run, instruction, url, words);
  const folder = join(run.folder, `get-${run.next()}`);
  const keep = instruction.keepGitDir ?? address.keepGitDir ?? false;
  const root = await checkoutCommit(address, commit, folder, keep, gitAccess(run));
  const tree = { label: address.remote, root, ignore: ignoreNothing, keepOwner: false };
  const options = { exclude: words.exclude, parents: false };
  return (await selectSources(tree, "/", options)).map((source) => ({ source, remote: true }));
}

async function findCommit(run: BuildRun, instruction: CopyInstruction, url: string, words: CopyWords) {
  const written = parseGitAddress(url);
  const checksum = words.checksum ?? written.checksum;
  if (checksum !== undefined && !/^[0-9a-f]{1,64}$/i.test(checksum)) {
    throw dockerfileError("dockerfile.flag", instruction, `--checksum=${checksum} is not a commit`);
  }
  const address = { ...written, checksum };
  const commit = words.commits.get(url) ?? (await resolveCommit(address, gitAccess(run)));
  words.commits.set(url, commit);
  run.materials.add({ kind: "git", url, commit });
  return { address, commit };
}

function gitAccess({ request: { secrets, ssh }, signal }: BuildRun) {
  return { secrets, ssh, signal };
}

/**
 * What remote sources are, known without fetching them: the commits of repositories, the checksums of downloads.
 * Undefined when one of the sources has to be looked at.
 */
export async function remoteIdentities(
  run: BuildRun,
  instruction: CopyInstruction,
  words: CopyWords,
): Promise<readonly unknown[] | undefined> {
  const identities: unknown[] = [];
  for (const source of words.sources) {
    if (source.kind === "git") {
      const { address, commit } = await findCommit(run, instruction, source.url, words);
      const keep = instruction.keepGitDir ?? address.keepGitDir ?? false;
      identities.push([
        commit,
        address.subdir ?? null,
        keep,
        address.submodules,
        keep ? address.remote : null,
      ]);
    } else if (source.kind === "url" && words.checksum !== undefined) {
      identities.push([words.checksum, nameOfUrl(instruction, source.url)]);
      run.materials.add({ kind: "download", url: source.url, checksum: words.checksum as Digest });
    } else return undefined;
  }
  return identities;
}

function oneFile(path: string, name: string): SelectedSource {
  const stat = lstatSync(path, { bigint: true });
  return { name, parents: "", kind: "file", entries: [{ to: "", absolute: path, stat }] };
}

import { copyFileSync, existsSync, mkdirSync, realpathSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { run } from "../../host/index.ts";
import { gitEnvironment } from "./git-environment.ts";

/** The commit that a context on this machine was checked out from. */
export interface ContextCommit {
  readonly commit: string;
  /** Files of the context differ from the commit's, or are not in it; undefined where that can't be told. */
  readonly modified: boolean | undefined;
  /** Where `origin` is, without what may be secret in its address. */
  readonly origin: string | undefined;
  /** Of the context in the repository; empty at its top. */
  readonly path: string;
}

export interface CommitQuestion {
  readonly root: string;
  /** Repositories are not looked for in here and above. */
  readonly ceiling: string;
  /** Of this build; gets a folder. */
  readonly folder: string;
  readonly signal: AbortSignal;
}

/** Undefined for a folder that belongs to no repository, or to one that git can't read. */
export async function contextCommit(question: CommitQuestion): Promise<ContextCommit | undefined> {
  if (Bun.which("git") === null) return undefined;
  const { root, ceiling, signal } = question;
  const env = { PATH: process.env["PATH"] ?? "", ...gitEnvironment, GIT_CEILING_DIRECTORIES: ceiling };
  const git = async (...command: string[]) => {
    const { exitCode, stdout } = await run(["git", "-c", "safe.directory=*", ...command], { env, signal });
    return exitCode === 0 ? stdout.trim() : undefined;
  };
  const asked = ["--show-toplevel", "--absolute-git-dir", "--git-common-dir", "HEAD"];
  const answer = await git("-C", root, "rev-parse", "--path-format=absolute", ...asked);
  const [top, own, common, commit] = answer?.split("\n") ?? [];
  if (top === undefined || own === undefined || common === undefined || commit === undefined)
    return undefined;
  const path = relative(realpathSync(top), realpathSync(root));
  const [modified, origin] = await Promise.all([
    isModified(git, { ...question, top, own, common, commit, path }),
    git("--git-dir", common, "config", "--get", "remote.origin.url"),
  ]);
  return { commit, modified, origin: origin === undefined ? undefined : withoutSecrets(origin), path };
}

interface Repository extends CommitQuestion, Pick<ContextCommit, "commit" | "path"> {
  readonly top: string;
  readonly own: string;
  readonly common: string;
}

/**
 * Asked with a git folder of ours that borrows the objects: the repository's own configuration could name programs that
 * git would run.
 */
async function isModified(
  git: (...command: string[]) => Promise<string | undefined>,
  { folder, top, own, common, commit, path }: Repository,
): Promise<boolean | undefined> {
  const home = join(folder, "context-git");
  for (const name of ["objects/info", "refs", "info"]) mkdirSync(join(home, name), { recursive: true });
  writeFileSync(join(home, "HEAD"), `${commit}\n`);
  writeFileSync(join(home, "objects/info/alternates"), `${join(common, "objects")}\n`);
  if (commit.length > 40) {
    const format = "[core]\n\trepositoryformatversion = 1\n[extensions]\n\tobjectformat = sha256\n";
    writeFileSync(join(home, "config"), format);
  }
  for (const [from, to] of [
    [join(own, "index"), "index"],
    [join(common, "info/exclude"), "info/exclude"],
  ] as const) {
    if (existsSync(from)) copyFileSync(from, join(home, to));
  }
  const options = ["--porcelain", "--untracked-files=normal", "--ignore-submodules=all"];
  const place = ["--git-dir", home, "--work-tree", top];
  const changed = await git(...place, "-C", top, "status", ...options, "--", path === "" ? "." : path);
  return changed === undefined ? undefined : changed !== "";
}

/** Names and passwords in front of a host are nobody else's business; `git@host:path` has none. */
function withoutSecrets(address: string): string {
  return address.replace(/^([a-z+]+:\/\/)[^/@]*@/, "$1");
}

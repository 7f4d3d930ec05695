import { lstatSync, mkdirSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fail, type VirgaError } from "../../base/index.ts";
import { removeTree, run as runProgram, setTimes, type RunResult } from "../../host/index.ts";
import { resolveInRoot } from "../context/root-path.ts";
import type { GitAddress } from "./git-address.ts";

/** What git may use of the build. */
export interface GitAccess {
  readonly secrets: ((id: string) => Promise<Uint8Array | undefined>) | undefined;
  readonly ssh: ((id: string) => Promise<string | undefined>) | undefined;
  readonly signal: AbortSignal;
}

/**
 * The commit that an address means now, asked from its server. Throws `unavailable` / `build.git-failed`, `not-found` /
 * `build.git-ref`, `data-loss` / `build.checksum-mismatch`.
 */
export async function resolveCommit(address: GitAddress, access: GitAccess): Promise<string> {
  const commit = isCommit(address.ref) ? address.ref! : await askCommit(address, access);
  const { checksum } = address;
  if (checksum === undefined || commit.startsWith(checksum.toLowerCase())) return commit;
  const text = `${address.remote} has the commit ${commit}, not ${checksum}`;
  throw fail("data-loss", "build.checksum-mismatch", text, {
    hint: "the branch or tag has moved: look at what changed before you change the checksum",
  });
}

async function askCommit(address: GitAddress, access: GitAccess): Promise<string> {
  const { remote, ref } = address;
  const patterns = ref === undefined ? ["HEAD"] : [ref, `${ref}^{}`];
  const { stdout } = await git(address, access, ["ls-remote", "--", remote, ...patterns]);
  const commits = new Map<string, string>();
  for (const line of stdout.split("\n")) {
    const [commit, name] = line.split("\t");
    if (commit && name) commits.set(name, commit);
  }
  const names = ref === undefined ? ["HEAD"] : [`refs/heads/${ref}`, `refs/tags/${ref}^{}`, `refs/tags/${ref}`, `${ref}^{}`, ref, `refs/${ref}`]; // prettier-ignore
  const found = names.map((name) => commits.get(name)).find((commit) => commit !== undefined);
  if (found !== undefined) return found;
  const what = ref === undefined ? "no HEAD" : `no branch or tag '${ref}'`;
  throw fail("not-found", "build.git-ref", `${remote} has ${what}`, {
    hint: "write a branch, a tag or the whole name of a commit after the #",
  });
}

/**
 * The files of a commit in `folder/tree`: modes 644 and 755, times those of the commit. Returns the path of what is
 * meant of it. Throws as `resolveCommit`.
 */
export async function checkoutCommit(
  address: GitAddress,
  commit: string,
  folder: string,
  keepGitDir: boolean,
  access: GitAccess,
): Promise<string> {
  const tree = join(folder, "tree");
  mkdirSync(tree, { recursive: true });
  const here = async (...command: string[]) => await git(address, access, ["-C", tree, ...command]);
  await here("init", "-q");
  await here("remote", "add", "origin", address.remote);
  await fetchCommit(address, access, tree, commit);
  await here("-c", "advice.detachedHead=false", "checkout", "-q", commit);
  if (address.submodules) await here("submodule", "update", "-q", "--init", "--recursive", "--depth=1");
  const { stdout } = await here("show", "-s", "--format=%ct", commit);
  if (!keepGitDir) await removeGitDirs(tree);
  setTimesBelow(tree, BigInt(stdout.trim()) * 1_000_000_000n);
  const { subdir } = address;
  if (subdir === undefined) return tree;
  const rooted = resolveInRoot(tree, subdir);
  if (rooted.exists && lstatSync(rooted.absolute).isDirectory()) return rooted.absolute;
  throw fail("not-found", "build.git-ref", `${address.remote} has no folder '${subdir}' at ${commit}`);
}

/** Alone, where the server gives single commits; else with its branch or tag, or all of them. */
async function fetchCommit(
  address: GitAddress,
  access: GitAccess,
  tree: string,
  commit: string,
): Promise<void> {
  const fetching = ["-C", tree, "fetch", "-q", "--no-recurse-submodules"];
  const alone = await tryGit(address, access, [...fetching, "--depth=1", "--no-tags", "origin", commit]);
  if (alone.exitCode === 0) return;
  const all = ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"];
  await git(address, access, [...fetching, "origin", ...all]);
}

async function git(address: GitAddress, access: GitAccess, command: readonly string[]): Promise<RunResult> {
  const result = await tryGit(address, access, command);
  if (result.exitCode !== 0) throw failed(address, result);
  return result;
}

async function tryGit(
  address: GitAddress,
  { secrets, ssh, signal }: GitAccess,
  command: readonly string[],
): Promise<RunResult> {
  const program = Bun.which("git");
  if (program === null) {
    throw fail("precondition", "build.no-git", "builds from git repositories need the program git", {
      hint: "apt-get install git",
    });
  }
  const socket = await ssh?.("default");
  const known = `UserKnownHostsFile="${homedir()}/.ssh/known_hosts /etc/ssh/ssh_known_hosts"`;
  const env: Record<string, string> = {
    PATH: process.env["PATH"] ?? "/usr/bin:/bin",
    HOME: "/nonexistent",
    LC_ALL: "C",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_TERMINAL_PROMPT: "0",
    GIT_ALLOW_PROTOCOL: "http:https:git:ssh",
    GIT_SSH_COMMAND: `ssh -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=accept-new -o ${known}`,
    ...proxies(),
    ...(socket === undefined ? {} : { SSH_AUTH_SOCK: socket }),
    ...(await authorization(address.remote, secrets)),
  };
  // Files are 644 and 755 whatever the daemon's umask is.
  const shell = ["sh", "-c", 'umask 022; exec "$@"', "sh", program, ...command];
  return await runProgram(shell, { env, signal });
}

function proxies(): Record<string, string> {
  const names = Object.keys(process.env).filter((name) =>
    /^((https?|all|no)_proxy|GIT_SSL_CAINFO|SSL_CERT_FILE)$/i.test(name),
  );
  return Object.fromEntries(names.map((name) => [name, process.env[name] ?? ""]));
}

/** BuildKit's secrets for private repositories, for the host or for all. In the environment: no list of processes shows it. */
async function authorization(remote: string, secrets: GitAccess["secrets"]): Promise<Record<string, string>> {
  if (!/^https?:\/\//.test(remote) || !URL.canParse(remote)) return {};
  const { origin, host } = new URL(remote);
  const text = async (name: string) => {
    const value = (await secrets?.(`${name}.${host}`)) ?? (await secrets?.(name));
    return value === undefined ? undefined : Buffer.from(value).toString().trim();
  };
  const token = await text("GIT_AUTH_TOKEN");
  const header =
    token === undefined
      ? await text("GIT_AUTH_HEADER")
      : `basic ${Buffer.from(`x-access-token:${token}`).toString("base64")}`;
  if (header === undefined) return {};
  return {
    GIT_CONFIG_COUNT: "1",
    GIT_CONFIG_KEY_0: `http.${origin}/.extraheader`,
    GIT_CONFIG_VALUE_0: `Authorization: ${header}`,
  };
}

function failed({ remote }: GitAddress, { stderr }: RunResult): VirgaError {
  const said = stderr.trim().split("\n").at(-1) ?? "";
  return fail("unavailable", "build.git-failed", `git can't get ${remote}: ${said}`, {
    hint: "for a private repository give the secret GIT_AUTH_TOKEN, or an SSH agent with --ssh default",
  });
}

function isCommit(ref: string | undefined): boolean {
  return ref !== undefined && /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(ref);
}

/** A submodule's `.git` is a file. */
async function removeGitDirs(folder: string): Promise<void> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.name === ".git") await removeTree(path, { within: folder });
    else if (entry.isDirectory()) await removeGitDirs(path);
  }
}

function setTimesBelow(folder: string, time: bigint): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) setTimesBelow(path, time);
    else setTimes(path, time, time);
  }
  setTimes(folder, time, time);
}

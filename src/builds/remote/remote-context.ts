import { mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fail } from "../../base/index.ts";
import type { Archives } from "../../layers/index.ts";
import { openTar } from "../files/archive.ts";
import { download } from "../files/download.ts";
import { isGitAddress, parseGitAddress } from "./git-address.ts";
import { checkoutCommit, resolveCommit, type GitAccess } from "./git-checkout.ts";

export interface FetchedContext {
  readonly root: string;
  /** What was behind the address is no archive: it is the Dockerfile itself. */
  readonly dockerfileText?: string;
  /** Digests of files that were hashed when they were written. */
  readonly hashed?: ReadonlyMap<string, string>;
}

/** So large a Dockerfile is none. */
const largestDockerfile = 4 << 20;

/** Fetches a context into `folder`: a git repository, an archive, or a Dockerfile alone. */
export async function fetchContext(
  archives: Archives,
  url: string,
  folder: string,
  access: GitAccess & { readonly keepGitDir: boolean },
): Promise<FetchedContext> {
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  if (isGitAddress(url)) {
    const address = parseGitAddress(url);
    const commit = await resolveCommit(address, access);
    const keep = address.keepGitDir ?? access.keepGitDir;
    return { root: await checkoutCommit(address, commit, folder, keep, access) };
  }
  if (!/^https?:\/\//.test(url)) {
    const hint = "it is a folder, or the http, https, git or ssh address of a repository or an archive";
    throw fail("invalid", "build.context-address", `'${url}' can't be a build context`, { hint });
  }
  const file = join(folder, "fetched");
  await download(url, file, { signal: access.signal, secrets: access.secrets });
  const root = join(folder, "tree");
  mkdirSync(root);
  const tar = await openTar(file, access.signal);
  if (tar) {
    await archives.extract(tar, root, "/", { signal: access.signal });
    return { root };
  }
  if (statSync(file).size > largestDockerfile) {
    throw fail("invalid", "build.file-too-large", `${url} is no archive, and too large for a Dockerfile`);
  }
  return { root, dockerfileText: readFileSync(file, "utf8") };
}

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { isVirgaError } from "../../base/index.ts";
import { mountsBelow, runChecked } from "../../host/index.ts";
import type { BuildEvent } from "../build-event.ts";
import { testBuilds, type TestBuilds } from "../testing.ts";
import { isGitAddress, parseGitAddress } from "./git-address.ts";
import { serveRepository, type TestRepository } from "./testing.ts";

let t: TestBuilds;
let repository: TestRepository;
let first: string;
let second: string;
beforeAll(async () => {
  t = await testBuilds();
  const worktree = await t.context({
    Dockerfile: "FROM busybox\nCOPY . /all/\n",
    "docs/page": "one",
    run: "#!",
  });
  chmodSync(join(worktree, "run"), 0o755);
  const served = join(t.root, "served");
  mkdirSync(served);
  repository = await serveRepository(served, worktree);
  first = await repository.commit("first");
  await repository.git("tag", "-a", "v1", "-m", "v1");
  await repository.git("push", "-q", "--tags", "origin");
  writeFileSync(join(worktree, "docs/page"), "two");
  second = await repository.commit("second");
}, 30_000);
afterAll(async () => {
  repository[Symbol.dispose]();
  expect(mountsBelow(t.root)).toEqual([]);
  await t[Symbol.asyncDispose]();
});

const dockerfile = (...lines: string[]) => ({ dockerfileText: lines.join("\n") });
const cached = (events: readonly BuildEvent[]) =>
  events.flatMap((event) => (event.kind === "layer" ? [event.cached] : [])).at(-1);
async function codeOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(() => undefined, (reason: unknown) => reason); // prettier-ignore
  if (isVirgaError(error)) return error.code;
  throw error ?? new Error("it did not fail");
}

describe("addresses", () => {
  const repositories: [string, boolean][] = [
    ["https://example.com/a/b.git", true],
    ["https://example.com/a/b.git#v1:docs", true],
    ["https://example.com/b.git?ref=v1", true],
    ["https://example.com/b.git.tar", false],
    ["https://example.com/b#x.git", false],
    ["git@example.com:a/b.git", true],
    ["user@example.com:a", true],
    ["ssh://git@example.com/a", true],
    ["git://example.com/a", true],
    ["git@", false],
    ["folder/b.git", false],
  ];
  for (const [text, is] of repositories) {
    test(`${text} is ${is ? "a" : "no"} repository`, () => expect(isGitAddress(text)).toBe(is));
  }

  test("fragments and queries", () => {
    const plain = {
      ref: undefined,
      subdir: undefined,
      checksum: undefined,
      keepGitDir: undefined,
      submodules: true,
    };
    const remote = "https://h/b.git";
    expect(parseGitAddress(remote)).toEqual({ remote, ...plain });
    expect(parseGitAddress(`${remote}#v1:a/../docs`)).toEqual({
      remote,
      ...plain,
      ref: "v1",
      subdir: "docs",
    });
    expect(parseGitAddress(`${remote}#:../x`)).toEqual({ remote, ...plain, subdir: "x" });
    expect(parseGitAddress(`${remote}?tag=v1&subdir=d&commit=abc&keep-git-dir&submodules=false`)).toEqual({
      remote,
      ref: "refs/tags/v1",
      subdir: "d",
      checksum: "abc",
      keepGitDir: true,
      submodules: false,
    });
    expect(parseGitAddress("git@h:b.git?branch=x")).toMatchObject({
      remote: "git@h:b.git",
      ref: "refs/heads/x",
    });
    for (const wrong of ["?nothing=1", "?ref=a#b", "?submodules=maybe", "#--upload-pack=x"]) {
      expect(() => parseGitAddress(remote + wrong)).toThrow("is not a git repository's address");
    }
  });
});

describe("ADD of a repository", () => {
  test("takes its files with plain modes, without .git", async () => {
    const { image, events } = await t.build(
      await t.context({}),
      dockerfile("FROM busybox", `ADD --chown=app ${repository.url} /src/`),
    );
    await t.inside(image, (root) => {
      expect(readdirSync(`${root}/src`).toSorted()).toEqual(["Dockerfile", "docs", "run"]);
      expect(readFileSync(`${root}/src/docs/page`, "utf8")).toBe("two");
      const modes = ["run", "docs", "docs/page"].map((name) => lstatSync(`${root}/src/${name}`).mode & 0o777);
      expect(modes).toEqual([0o755, 0o755, 0o644]);
      expect(lstatSync(`${root}/src/run`).uid).toBe(1000);
    });
    expect(cached(events)).toBe(false);
  });

  test("tags, branches, commits, folders, queries and --keep-git-dir", async () => {
    const { image } = await t.build(
      await t.context({}),
      dockerfile(
        "FROM busybox",
        `ADD ${repository.url}#v1:docs /tag/`,
        `ADD ${repository.url}?branch=main&subdir=docs /branch/`,
        `ADD --checksum=${first.slice(0, 8)} ${repository.url}#${first} /commit/`,
        `ADD --keep-git-dir=true ${repository.url} /git/`,
        `ADD --exclude=docs ${repository.url}?keep-git-dir=true /query/`,
      ),
    );
    await t.inside(image, (root) => {
      expect(readFileSync(`${root}/tag/page`, "utf8")).toBe("one");
      expect(readFileSync(`${root}/branch/page`, "utf8")).toBe("two");
      expect(readFileSync(`${root}/commit/docs/page`, "utf8")).toBe("one");
      expect(readFileSync(`${root}/git/.git/HEAD`, "utf8").trim()).toBe(second);
      expect(existsSync(`${root}/query/.git`) && !existsSync(`${root}/query/docs`)).toBe(true);
    });
  });

  test("is cached while the commit is the same, without fetching it", async () => {
    const path = await t.context({});
    const lines = dockerfile("FROM busybox", `ADD ${repository.url}#v1 /cached/`);
    await t.build(path, lines);
    const before = repository.authorizations.length;
    expect(cached((await t.build(path, lines)).events)).toBe(true);
    // Two requests to list the references, or one; none for objects.
    expect(repository.authorizations.length - before).toBeLessThanOrEqual(2);
  });

  test("what is not there, and what is another commit", async () => {
    const path = await t.context({});
    const build = (line: string) => codeOf(t.build(path, dockerfile("FROM busybox", line)));
    expect(await build(`ADD ${repository.url}#nothing /x`)).toBe("build.git-ref");
    expect(await build(`ADD ${repository.url}#v1:nothing /x`)).toBe("build.git-ref");
    expect(await build(`ADD --checksum=${first} ${repository.url}#main /x`)).toBe("build.checksum-mismatch");
    expect(await build(`ADD ${new URL("/gone.git", repository.url).href} /x`)).toBe("build.git-failed");
    expect(await build(`COPY ${repository.url} /x`)).toBe("dockerfile.arguments");
  });

  test("a private one gets the token that is given for it", async () => {
    const { host } = new URL(repository.url);
    const before = repository.authorizations.length;
    await t.build(await t.context({}), {
      secrets: (id) => Promise.resolve(id === `GIT_AUTH_TOKEN.${host}` ? Buffer.from("t0ken") : undefined),
      ...dockerfile("FROM busybox", `ADD ${repository.url}#v1 /private/`),
    });
    const basic = `basic ${Buffer.from("x-access-token:t0ken").toString("base64")}`;
    expect(new Set(repository.authorizations.slice(before))).toEqual(new Set([basic]));
  });
});

describe("contexts from elsewhere", () => {
  test("a repository, with a folder of it, with .git when asked for", async () => {
    const build = (url: string, buildArgs: Record<string, string> = {}) =>
      t.build("", { context: { kind: "remote", url }, buildArgs });
    const { image } = await build(`${repository.url}#v1`);
    await t.inside(image, (root) => {
      expect(readdirSync(`${root}/all`).toSorted()).toEqual(["Dockerfile", "docs", "run"]);
      expect(readFileSync(`${root}/all/docs/page`, "utf8")).toBe("one");
    });
    const kept = await build(repository.url, { BUILDKIT_CONTEXT_KEEP_GIT_DIR: "1" });
    expect(await t.inside(kept.image, (root) => existsSync(`${root}/all/.git`))).toBe(true);
    expect(await codeOf(build(`${repository.url}#:docs`))).toBe("build.dockerfile-not-found");
  });

  test("a named one", async () => {
    const { image } = await t.build(await t.context({}), {
      contexts: { repo: { kind: "remote", url: `${repository.url}#v1:docs` } },
      ...dockerfile("FROM scratch", "COPY --from=repo / /"),
    });
    expect(await t.inside(image, (root) => readFileSync(`${root}/page`, "utf8"))).toBe("one");
  });

  test("an archive and a Dockerfile over HTTP, with authorisation", async () => {
    const folder = await t.context({ Dockerfile: "FROM scratch\nCOPY f /\n", f: "in the archive" });
    await runChecked(["tar", "-C", folder, "-czf", `${folder}/c.tgz`, "Dockerfile", "f"]);
    const seen: (string | null)[] = [];
    using server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch(request) {
        seen.push(request.headers.get("authorization"));
        if (request.url.endsWith("tgz")) return new Response(Bun.file(`${folder}/c.tgz`));
        return new Response("FROM busybox\nRUN echo alone > /alone\n");
      },
    });
    const secrets = (id: string) =>
      Promise.resolve(id === `HTTP_AUTH_TOKEN_${server.url.host}` ? Buffer.from("abc") : undefined);
    const archive = await t.build("", {
      context: { kind: "remote", url: `${server.url.href}c.tgz` },
      secrets,
    });
    expect(await t.inside(archive.image, (root) => readFileSync(`${root}/f`, "utf8"))).toBe("in the archive");
    const alone = await t.build("", { context: { kind: "remote", url: `${server.url.href}Dockerfile` } });
    expect(await t.inside(alone.image, (root) => existsSync(`${root}/alone`))).toBe(true);
    expect(seen).toEqual(["Bearer abc", null]);
  });
});

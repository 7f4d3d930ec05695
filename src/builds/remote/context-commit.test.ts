import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runChecked } from "../../host/index.ts";
import { testBuilds } from "../testing.ts";
import { contextCommit } from "./context-commit.ts";

let home: string;
beforeAll(() => void (home = realpathSync(mkdtempSync(join(tmpdir(), "virga-commit-")))));
afterAll(() => rmSync(home, { recursive: true, force: true }));

const user = ["-c", "user.name=t", "-c", "user.email=t@example.com"];
async function repository(name: string): Promise<(...command: string[]) => Promise<string>> {
  const path = join(home, name);
  mkdirSync(join(path, "app"), { recursive: true });
  const git = (...command: string[]) => runChecked(["git", "-C", path, ...user, ...command]);
  await git("init", "-q", "-b", "main");
  for (const [file, text] of [["file", "1"], ["app/Dockerfile", "FROM busybox\nCOPY . /app/\n"], [".gitignore", "*.log\n"]] as const) {
    writeFileSync(join(path, file), text);
  } // prettier-ignore
  await git("add", "-A");
  await git("commit", "-q", "-m", "one");
  return git;
}
let number = 0;
const ask = (root: string) => {
  const folder = join(home, `ask-${++number}`);
  mkdirSync(folder);
  return contextCommit({ root, folder, ceiling: "/", signal: AbortSignal.timeout(60_000) });
};

test("the commit, what differs from it, and where it came from", async () => {
  const git = await repository("plain");
  const commit = (await git("rev-parse", "HEAD")).trim();
  const root = join(home, "plain");
  expect(await ask(root)).toEqual({ commit, modified: false, origin: undefined, path: "" });
  // Other times are no other files, and what .gitignore names does not count.
  utimesSync(join(root, "file"), 1, 1);
  writeFileSync(join(root, "a.log"), "");
  await git("remote", "add", "origin", "https://me:secret@example.com/a.git");
  const origin = "https://example.com/a.git";
  expect(await ask(root)).toEqual({ commit, modified: false, origin, path: "" });
  writeFileSync(join(root, "file"), "2");
  expect((await ask(root))?.modified).toBe(true);
  // Of a folder in it, only that folder counts.
  expect(await ask(join(root, "app"))).toEqual({ commit, modified: false, origin, path: "app" });
  writeFileSync(join(root, "app/new"), "");
  expect((await ask(join(root, "app")))?.modified).toBe(true);
  await git("worktree", "add", "-q", join(home, "linked"));
  expect(await ask(join(home, "linked"))).toEqual({ commit, modified: false, origin, path: "" });
});

test("programs that the repository names are not run", async () => {
  const git = await repository("trap");
  const root = join(home, "trap");
  const trap = `touch ${home}/sprung`;
  for (const key of [
    "core.fsmonitor",
    "filter.t.clean",
    "filter.t.smudge",
    "core.sshCommand",
    "core.pager",
  ]) {
    await git("config", key, trap);
  }
  writeFileSync(join(root, ".git/info/attributes"), "* filter=t\n");
  writeFileSync(join(root, "file"), "other");
  expect(await ask(root)).toMatchObject({ modified: true });
  expect(existsSync(join(home, "sprung"))).toBe(false);
});

test("no repository, and one without a commit", async () => {
  mkdirSync(join(home, "none"));
  expect(await ask(join(home, "none"))).toBeUndefined();
  await runChecked(["git", "-C", join(home, "none"), "init", "-q"]);
  expect(await ask(join(home, "none"))).toBeUndefined();
});

test("it stands in the provenance, and the image can be verified", async () => {
  const git = await repository("built");
  await git("remote", "add", "origin", "git@example.com:team/project.git");
  const commit = (await git("rev-parse", "HEAD")).trim();
  await using t = await testBuilds();
  const path = join(home, "built/app");
  await t.build(path, { tags: ["committed:1"] });
  const statement = (await t.builds.attestations.provenance("committed:1")) as {
    predicate: { buildDefinition: { resolvedDependencies: object[] } };
  };
  expect(statement.predicate.buildDefinition.resolvedDependencies[0]).toEqual({
    name: "context",
    uri: "git+git@example.com:team/project.git",
    digest: { gitCommit: commit },
    annotations: { modified: "no", path: "app" },
  });
  const context = { kind: "directory", path } as const;
  const verified = await t.builds.verify("committed:1", { context }, { onEvent: () => {} });
  expect(verified).toMatchObject({ identical: true });
});

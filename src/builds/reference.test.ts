import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isVirgaError } from "../base/index.ts";
import { mountsBelow, runChecked } from "../host/index.ts";
import type { BuildRequest } from "./build.ts";
import { serveRepository, type TestRepository } from "./remote/testing.ts";
import { testBuilds, type TestBuilds } from "./testing.ts";

/**
 * The Dockerfile reference from its top to its bottom: what each of its examples does, in short files of our own, under
 * the headings that it has. What is allowed a network or privileges of its own runs in test/e2e/commands.test.ts.
 */
interface Example {
  readonly name: string;
  readonly files?: Readonly<Record<string, string>>;
  /** `FROM busybox` is put before them, unless they have a FROM. */
  readonly lines: readonly string[];
  readonly request?: Partial<BuildRequest>;
  /** What RUN steps print. */
  readonly prints?: string;
  /** Of the image's execution parameters. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Content of files in the image; null: there is none. */
  readonly holds?: Readonly<Record<string, string | null>>;
  /** `MODE UID:GID` of paths in the image. */
  readonly modes?: Readonly<Record<string, string>>;
  readonly author?: string;
  /** What the history of the image tells of its last lines. */
  readonly history?: readonly string[];
  /** Part of the error's message. */
  readonly fails?: string;
}

let t: TestBuilds;
let server: Bun.Server<undefined>;
let repository: TestRepository;
let commit: string;
/** Words that are known only when the servers run. */
const words: Record<string, string> = {};

beforeAll(async () => {
  t = await testBuilds();
  const tar = await t.context({ "in/packed": "from the archive" });
  await runChecked(["tar", "-C", `${tar}/in`, "-czf", `${tar}/a.tgz`, "packed"]);
  const archive = readFileSync(`${tar}/a.tgz`);
  server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request) => new Response(request.url.endsWith(".tgz") ? archive : "served"),
  });
  const worktree = await t.context({ file: "1", "docs/page": "text", run: "#!" });
  chmodSync(`${worktree}/run`, 0o755);
  chmodSync(`${worktree}/file`, 0o600);
  mkdirSync(`${t.root}/served`);
  repository = await serveRepository(`${t.root}/served`, worktree);
  commit = await repository.commit("one");
  await repository.git("tag", "v1");
  await repository.git("push", "-q", "--tags", "origin");
  Object.assign(words, {
    HTTP: server.url.href.replace(/\/$/, ""),
    GIT: repository.url,
    COMMIT: commit,
    SUM: new Bun.CryptoHasher("sha256").update("served").digest("hex"),
    DIGEST: t.images.resolve("busybox").id,
  });
  await t.build(await t.context({}), {
    tags: ["base:1"],
    dockerfileText: "FROM busybox\nENV FROM_BASE=1\nLABEL base=1 both=base\nCMD base\nRUN echo base >/base\n",
  });
}, 60_000);
afterAll(async () => {
  repository[Symbol.dispose]();
  await server.stop(true);
  expect(mountsBelow(t.root)).toEqual([]);
  await t[Symbol.asyncDispose]();
});

const filled = (line: string) => line.replaceAll(/@([A-Z]+)@/g, (_, name: string) => words[name]!);

async function prove(example: Example): Promise<void> {
  const path = await t.context(example.files ?? {});
  const lines = example.lines.map(filled);
  const text = (lines.some((line) => /^\s*FROM\b/i.test(line)) ? lines : ["FROM busybox", ...lines]).join(
    "\n",
  );
  const work = t.build(path, { dockerfileText: text, noCache: true, ...example.request });
  if (example.fails !== undefined) {
    const error: unknown = await work.then(() => "it did not fail", (reason: unknown) => reason); // prettier-ignore
    expect(isVirgaError(error) ? error.message : String(error)).toContain(example.fails);
    return;
  }
  const { image, events } = await work;
  const printed = events.map((event) => (event.kind === "output" ? event.text : "")).join("");
  if (example.prints !== undefined) expect(printed).toBe(example.prints);
  const { config } = image;
  for (const [name, value] of Object.entries(example.config ?? {})) {
    expect({ [name]: config.config?.[name as "Env"] }).toEqual({ [name]: value as never });
  }
  if (example.author !== undefined) expect(config.author).toBe(example.author);
  if (example.history) {
    const made = config.history!.map((one) => one.created_by);
    expect(made.slice(-example.history.length)).toEqual([...example.history]);
  }
  await t.inside(image, (root) => {
    for (const [file, content] of Object.entries(example.holds ?? {})) {
      const real = join(root, file);
      const is = existsSync(real)
        ? lstatSync(real).isDirectory()
          ? "a folder"
          : readFileSync(real, "utf8")
        : null;
      expect({ [file]: is }).toEqual({ [file]: content });
    }
    for (const [file, mode] of Object.entries(example.modes ?? {})) {
      const stat = lstatSync(join(root, file));
      expect(`${file} ${(stat.mode & 0o7777).toString(8)} ${stat.uid}:${stat.gid}`).toBe(`${file} ${mode}`);
    }
  });
}

function examples(heading: string, ...list: readonly Example[]): void {
  describe(heading, () => {
    for (const one of list) test(one.name, () => prove(one), 30_000);
  });
}

const env = (...pairs: string[]) => ["PATH=/bin", ...pairs];

examples(
  "Format",
  { name: "instructions in any case", lines: ["from busybox", "run echo a", "Env A=b"], prints: "a\n", config: { Env: env("A=b") } },
  { name: "# inside a line is text", lines: ["RUN echo 'some # of things'"], prints: "some # of things\n" },
  { name: "a comment inside an instruction", lines: ["RUN echo hello \\", "# comment", "world"], prints: "hello world\n" },
  { name: "white space before comments and instructions", lines: ["FROM busybox", "    # a comment", "    RUN echo hello", "RUN echo world"], prints: "hello\nworld\n" },
  { name: "white space inside arguments", lines: ['RUN echo "\\', "     hello\\", '     world"'], prints: "     hello     world\n" },
  { name: "a comment does not go on", lines: ["FROM busybox", "# comment \\", "RUN echo here"], prints: "here\n" },
  { name: "begins with FROM", lines: ["RUN echo x", "FROM busybox"], fails: "Dockerfile:1: RUN: no build stage yet" },
  { name: "ARG before FROM", lines: ["# c", "ARG B=busybox", "FROM $B", "RUN echo x"], prints: "x\n" },
); // prettier-ignore

examples(
  "Parser directives",
  { name: "no continuation", lines: ["# direc \\", "tive=value", "FROM busybox"], fails: "Dockerfile:2: unknown instruction: TIVE=VALUE" },
  { name: "one that stands twice", lines: ["# escape=`", "# escape=`", "FROM busybox"], fails: "'escape' stands twice" },
  { name: "after an instruction it is a comment", lines: ["FROM busybox", "# escape=`", "RUN echo a \\", "b"], prints: "a b\n" },
  { name: "after a comment it is a comment", lines: ["# About", "# escape=`", "FROM busybox", "RUN echo a \\", "b"], prints: "a b\n" },
  { name: "after an unknown one it is a comment", lines: ["# unknowndirective=value", "# escape=`", "FROM busybox", "RUN echo a \\", "b"], prints: "a b\n" },
  { name: "after an empty line it is a comment", lines: ["", "# escape=`", "FROM busybox", "RUN echo a \\", "b"], prints: "a b\n" },
  ...["#escape=`", "# escape =`", "#\tescape= `", "# escape = `", "#\t  eScApE=`"].map((line) => ({
    name: `white space: ${JSON.stringify(line)}`, lines: [line, "FROM busybox", "RUN echo a `", "b"], prints: "a b\n",
  })),
); // prettier-ignore

examples(
  "syntax",
  ...["docker/dockerfile:1", "docker/dockerfile:1.7-labs", "docker.io/docker/dockerfile:1.4", "docker/dockerfile-upstream:master",
    `docker/dockerfile:1@sha256:${"0".repeat(64)}`, "mirror.example.com:5000/hub/docker/dockerfile:1", "dockerfile.v0"].map((name) => ({
    name: `of Dockerfiles: ${name.slice(0, 50)}`, lines: [`# syntax=${name}`, "FROM busybox", "RUN echo x"], prints: "x\n",
  })),
  { name: "of another frontend", lines: ["# syntax=example.com/mocker:2", "FROM busybox"], fails: "Dockerfile:1: the frontend 'example.com/mocker:2' is not supported" },
  { name: "another one by BUILDKIT_SYNTAX", lines: ["FROM busybox"], request: { buildArgs: { BUILDKIT_SYNTAX: "example.com/mocker" } }, fails: "the frontend 'example.com/mocker' is not supported" },
  { name: "BUILDKIT_SYNTAX goes before the line", lines: ["# syntax=example.com/mocker", "FROM busybox", "RUN echo x"], request: { buildArgs: { BUILDKIT_SYNTAX: "dockerfile.v0" } }, prints: "x\n" },
); // prettier-ignore

examples(
  "escape",
  { name: "a backslash", lines: ["# escape=\\", "FROM busybox", "RUN echo a \\", "b"], prints: "a b\n" },
  { name: "a doubled backslash ends no line, one does", files: { f: "1" }, lines: ["COPY f c:\\\\", "RUN ls -d c* \\"], prints: "c:\\\n", holds: { "c:\\": "1" } },
  { name: "a backtick", files: { f: "1" }, lines: ["# escape=`", "FROM busybox", "COPY f /c:\\", "RUN ls -d c*"], prints: "c:\\\n", holds: { "c:\\": "1" } },
); // prettier-ignore

const lower = ["FROM busybox AS Big", "CMD x y"];
examples(
  "check",
  { name: "warnings do not stop a build", lines: lower },
  { name: "error=true", lines: ["# check=error=true", ...lower], fails: "JSONArgsRecommended" },
  { name: "skip of one", lines: ["# check=skip=StageNameCasing;error=true", ...lower], fails: "JSONArgsRecommended" },
  { name: "skip of several", lines: ["# check=skip=JSONArgsRecommended,StageNameCasing;error=true", ...lower] },
  { name: "skip of all", lines: ["# check=skip=all;error=true", ...lower] },
  { name: "names have their case", lines: ["# check=skip=jsonargsrecommended,StageNameCasing;error=true", ...lower], fails: "JSONArgsRecommended" },
); // prettier-ignore

const set = ["ENV set=value empty="];
const expansions: readonly (readonly [written: string, is: string])[] = [
  ["$set", "value"], ["${set}_bar", "value_bar"], ["[$unset]", "[]"],
  ["${set:-word}", "value"], ["${empty:-word}", "word"], ["${unset:-word}", "word"],
  ["${set-word}", "value"], ["${empty-word}", ""], ["${unset-word}", "word"],
  ["${set:+word}", "word"], ["${empty:+word}", ""], ["${unset:+word}", ""],
  ["${set+word}", "word"], ["${empty+word}", "word"], ["${unset+word}", ""],
  ["${unset:-$set}", "value"], ["${unset:-a${unset:-${set}b}}", "avalueb"],
  ["${foo#f*b}", "arbaz"], ["${foo##f*b}", "az"], ["${foo%b*}", "foobar"], ["${foo%%b*}", "foo"],
  ["${foo/ba/fo}", "fooforbaz"], ["${foo//ba/fo}", "fooforfoz"], ["${foo/b?r/}", "foobaz"],
  ["${foo#?}", "oobarbaz"], ["${foo/$cut/}", "foobaz"], ["${foo//nothing/x}", "foobarbaz"],
  ["${glob#a\\*}", "?c"], ["${glob%\\?c}", "a*"], ["${glob/\\*/x}", "ax?c"], ["${glob#\\?}", "a*?c"],
  ["\\$set", "$set"], ["\\${set}", "${set}"],
]; // prettier-ignore
examples(
  "Environment replacement",
  {
    name: "every form",
    lines: [...set, "ENV foo=foobarbaz cut=bar glob=a*?c", ...expansions.map(([written], at) => `ENV V${at}=${written}`)],
    config: { Env: env("set=value", "empty=", "foo=foobarbaz", "cut=bar", "glob=a*?c", ...expansions.map(([, is], at) => `V${at}=${is}`)) },
  },
  { name: "in paths, and a dollar in a name", files: { $FOO: "1", d: "2" }, lines: ["ENV FOO=/bar", "WORKDIR ${FOO}", "ADD . $FOO", "COPY \\$FOO /quux"],
    config: { WorkingDir: "/bar" }, holds: { "bar/d": "2", quux: "1" } },
  { name: "in every instruction of the list", files: { f: "1" },
    lines: ["ARG I=busybox", "FROM $I", "ENV A=f P=90 S=SIGUSR1 U=app D=/dir", "ADD $A $D/add", "COPY $A $D/copy", "EXPOSE $P", "LABEL l=$A", "STOPSIGNAL $S", "USER $U", "VOLUME $D", "WORKDIR $D/w"],
    config: { ExposedPorts: { "90/tcp": {} }, Labels: { l: "f" }, StopSignal: "SIGUSR1", User: "app", Volumes: { "/dir": {} }, WorkingDir: "/dir/w" },
    holds: { "dir/add": "1", "dir/copy": "1" } },
  { name: "not in RUN, CMD and ENTRYPOINT: their shell does it", lines: ["ENV A=1", "RUN A=2; echo $A", "ENTRYPOINT echo $A", 'CMD ["$A"]'],
    prints: "2\n", config: { Entrypoint: ["/bin/sh", "-c", "echo $A"], Cmd: ["$A"] } },
  { name: "one value through a whole instruction", lines: ["ENV abc=hello", "ENV abc=bye def=$abc", "ENV ghi=$abc"], config: { Env: env("abc=bye", "def=hello", "ghi=bye") } },
); // prettier-ignore

examples(
  ".dockerignore file",
  { name: "leaves files out", files: { ".dockerignore": "*.log\n", "a.log": "", b: "" }, lines: ["COPY . /c/"], holds: { "c/b": "", "c/a.log": null } },
); // prettier-ignore

examples(
  "Shell and exec form",
  { name: "exec: no shell", lines: ['RUN [ "echo", "$HOME" ]', 'RUN [ "sh", "-c", "echo $PATH" ]'], prints: "$HOME\n/bin\n" },
  { name: "exec: words", lines: ['ENTRYPOINT ["/bin/bash", "-c", "echo hello"]'], config: { Entrypoint: ["/bin/bash", "-c", "echo hello"] } },
  { name: "single quotes are no JSON", lines: ["CMD ['a']"], config: { Cmd: ["/bin/sh", "-c", "['a']"] } },
  { name: "a backslash that is not doubled is no JSON", lines: ['CMD ["c:\\windows\\tasklist.exe"]', 'ENTRYPOINT ["c:\\\\windows"]'],
    config: { Cmd: ["/bin/sh", "-c", '["c:\\windows\\tasklist.exe"]'], Entrypoint: ["c:\\windows"] } },
  { name: "shell: lines that go on", lines: ["RUN true && \\", "echo $PATH"], prints: "/bin\n" },
  { name: "shell: a here-document", lines: ["RUN <<EOF", "  A=1", "  echo $A", "EOF"], prints: "1\n" },
  { name: "another shell", lines: ['SHELL ["/bin/echo", "says:"]', "RUN echo hello"], prints: "says: echo hello\n" },
); // prettier-ignore

const inArgs = (lines: string[], buildArgs: Record<string, string> = {}) => ({
  lines,
  request: { buildArgs },
});
examples(
  "FROM",
  { name: "a tag, a digest", lines: ["FROM busybox:latest AS a", "FROM @DIGEST@", "COPY --from=a /etc/passwd /p", "RUN echo x"], prints: "x\n" },
  { name: "a tag that is not there", lines: ["FROM busybox:nope"], fails: "busybox:nope" },
  { name: "stages: as base, for COPY, for mounts", lines: ["FROM busybox AS base", "RUN echo shared >/s", "FROM base AS dev", "RUN echo dev >/d",
      "FROM base AS prod", "COPY --from=dev /d /app", "RUN --mount=type=bind,from=dev,source=/d,target=/m cat /m /s"], prints: "dev\nshared\n", holds: { app: "dev\n", s: "shared\n", d: null } },
  { name: "each clears what was before", lines: ["FROM busybox", "ENV A=1", "LABEL a=1", "FROM busybox", "RUN echo [$A]"], prints: "[]\n", config: { Env: env(), Labels: undefined } },
  { name: "--platform with arguments", lines: ["FROM --platform=$BUILDPLATFORM busybox", "ARG TARGETPLATFORM BUILDPLATFORM", "RUN [ $TARGETPLATFORM = $BUILDPLATFORM ] && echo same"], prints: "same\n" },
  { name: "ARG in several FROMs", ...inArgs(["ARG  V=latest", "FROM busybox:${V} AS one", "CMD  /run-app", "FROM base:${V}", "CMD  /run-extras", "COPY --from=one /base /b"], { V: "1" }), fails: "busybox:1" },
  { name: "ARG from before FROM, with its default", lines: ["ARG VERSION=latest", "FROM busybox:$VERSION", "RUN echo [$VERSION]", "ARG VERSION", "RUN echo $VERSION"], prints: "[]\nlatest\n" },
); // prettier-ignore

const secrets = (id: string) => Promise.resolve(id === "aws" ? Buffer.from("key") : undefined);
examples(
  "RUN",
  { name: "a here-document", lines: ["RUN <<EOF", "echo one", "echo two", "EOF"], prints: "one\ntwo\n" },
  { name: "--device is refused by its name", lines: ["RUN --device=vendor1.com/device=foo echo x"], fails: "Dockerfile:2: RUN: --device=vendor1.com/device=foo is not supported" },
  { name: "--mount: bind is the default, and read-only", files: { f: "1" }, lines: ["RUN --mount=target=/m cat /m/f; touch /m/f 2>&1 | wc -l"], prints: "11\n" },
  { name: "bind: written data is thrown away", files: { f: "1" }, lines: ["RUN --mount=type=bind,dst=/m,rw echo 2 >/m/f", "RUN --mount=type=bind,destination=/m,readwrite,source=/f cat /m"], prints: "1" },
  { name: "bind: from an image", lines: ["RUN --mount=from=base:1,target=/m cat /m/base"], prints: "base\n" },
  { name: "cache: kept, not in the image", lines: ["RUN --mount=type=cache,target=/c,id=ref,mode=0700,uid=7,gid=8 echo kept >/c/f; stat -c '%a %u:%g' /c", "RUN --mount=type=cache,id=ref,dst=/other,ro cat /other/f; touch /other/x 2>&1 | wc -l"], holds: { "c/f": null },
    prints: "700 7:8\nkept\n1\n" },
  { name: "cache: of its target, begun from a stage", lines: ["FROM busybox AS s", "RUN mkdir /d && echo seed >/d/f", "FROM busybox", "RUN --mount=type=cache,target=/refcache,from=s,source=/d cat /refcache/f"], prints: "seed\n" },
  ...["shared", "private", "locked"].map((sharing) => ({ name: `cache: sharing=${sharing}`, lines: [`RUN --mount=type=cache,target=/s,sharing=${sharing} echo ${sharing}`], prints: `${sharing}\n` })),
  { name: "tmpfs", lines: ["RUN --mount=type=tmpfs,target=/t,size=1m cat /bin/busybox /bin/busybox 2>&1 >/t/f | wc -l | grep -c [12]; stat -c %s /t/f"], prints: "1\n1048576\n", holds: { "t/f": null } },
  { name: "secret: a file", request: { secrets }, lines: ["RUN --mount=type=secret,id=aws,target=/root/.aws/credentials cat /root/.aws/credentials; stat -c ' %a %u:%g' /root/.aws/credentials"], prints: "key 400 0:0\n" },
  { name: "secret: the default place, the id by the target", request: { secrets }, lines: ["RUN --mount=type=secret,id=aws cat /run/secrets/aws", "RUN --mount=type=secret,target=/x/aws,mode=444,uid=1 stat -c ' %a %u' /x/aws"], prints: "key 444 1\n" },
  { name: "secret: a variable", request: { secrets }, lines: ["RUN --mount=type=secret,id=aws,env=API_KEY echo $API_KEY; ls /run/secrets 2>&1 | wc -l"], prints: "key\n1\n" },
  { name: "secret: required", request: { secrets }, lines: ["RUN --mount=type=secret,id=none echo go on", "RUN --mount=type=secret,id=none,required=true true"], fails: "none" },
  { name: "ssh: not required, and required", lines: ["RUN --mount=type=ssh echo [$SSH_AUTH_SOCK]", "RUN --mount=type=ssh,required true"], fails: "an SSH agent 'default' is required" },
  { name: "--network=host wants to be allowed", lines: ["RUN --network=host true"], fails: "network.host" },
  { name: "--network=none and default", lines: ["RUN --network=none echo a", "RUN --network=default echo b"], prints: "a\nb\n" },
  { name: "--security=insecure wants to be allowed", lines: ["RUN --security=insecure true"], fails: "security.insecure" },
  { name: "--security=sandbox is the default", lines: ["RUN --security=sandbox echo a"], prints: "a\n" },
); // prettier-ignore

examples(
  "CMD",
  { name: "exec form, the last one counts", lines: ["CMD a", 'CMD ["executable","param1","param2"]'], config: { Cmd: ["executable", "param1", "param2"] } },
  { name: "shell form", lines: ["CMD command param1 param2"], config: { Cmd: ["/bin/sh", "-c", "command param1 param2"] } },
); // prettier-ignore

examples(
  "LABEL and MAINTAINER",
  {
    name: "quotes, several lines, several labels",
    lines: ['LABEL "com.example.vendor"="ACME Incorporated"', 'LABEL com.example.label-with-value="foo"', 'LABEL version="1.0"', 'LABEL description="This text illustrates \\',
      'that label-values can span multiple lines."', 'LABEL multi.label1="value1" multi.label2="value2" other="value3"', 'LABEL l1="v1" \\', '      l2="v2"'],
    config: { Labels: { "com.example.vendor": "ACME Incorporated", "com.example.label-with-value": "foo", version: "1.0",
      description: "This text illustrates that label-values can span multiple lines.", "multi.label1": "value1", "multi.label2": "value2", other: "value3", l1: "v1", l2: "v2" } },
  },
  { name: "single quotes take it as it is", lines: ["ENV V=1", `LABEL a="foo-$V" b='foo-$V'`], config: { Labels: { a: "foo-1", b: "foo-$V" } } },
  { name: "inherited, and overridden; not by COPY --from", lines: ["FROM busybox AS other", "LABEL other=1", "FROM base:1", "LABEL both=mine", "COPY --from=other /etc/group /g"], config: { Labels: { base: "1", both: "mine" } } },
  { name: "MAINTAINER", lines: ["MAINTAINER A B <a@example.com>"], author: "A B <a@example.com>" },
); // prettier-ignore

examples(
  "EXPOSE",
  { name: "TCP, UDP, both", lines: ["EXPOSE 81", "EXPOSE 80/tcp", "EXPOSE 80/udp 7000-7001"], config: { ExposedPorts: { "81/tcp": {}, "80/tcp": {}, "80/udp": {}, "7000/tcp": {}, "7001/tcp": {} } } },
); // prettier-ignore

examples(
  "ENV",
  { name: "quotes and escapes", lines: ['ENV MY_NAME="John Doe"', "ENV MY_DOG=Rex\\ The\\ Dog", "ENV MY_CAT=fluffy"], config: { Env: env("MY_NAME=John Doe", "MY_DOG=Rex The Dog", "MY_CAT=fluffy") } },
  { name: "several", lines: ['ENV MY_NAME="John Doe" MY_DOG=Rex\\ The\\ Dog \\', "    MY_CAT=fluffy", "RUN echo $MY_DOG"], prints: "Rex The Dog\n", config: { Env: env("MY_NAME=John Doe", "MY_DOG=Rex The Dog", "MY_CAT=fluffy") } },
  { name: "inherited from the base", lines: ["FROM base:1 AS a", "FROM a", "RUN echo $FROM_BASE"], prints: "1\n" },
  { name: "for one command, and by ARG: not in the image", lines: ["RUN A=1 sh -c 'echo $A'", "ARG B=2", "RUN echo $B"], prints: "1\n2\n", config: { Env: env() } },
  { name: "the old form", lines: ["ENV MY_VAR my-value", "ENV ONE TWO= THREE=world"], config: { Env: env("MY_VAR=my-value", "ONE=TWO= THREE=world") } },
); // prettier-ignore

const tree = {
  "file1.txt": "1",
  "file2.txt": "2",
  "a.png": "p",
  "index.js": "j",
  "index.ts": "t",
  "arr[0].txt": "a",
  "arr0.txt": "no",
  "d/x": "x",
  "d/sub/y": "y",
  "with space/f": "s",
};
const copies = (keyword: "ADD" | "COPY") => [
  { name: "several files into a folder", files: tree, lines: [`${keyword} file1.txt file2.txt /usr/src/things/`], holds: { "usr/src/things/file1.txt": "1", "usr/src/things/file2.txt": "2" } },
  { name: "several want a folder", files: tree, lines: [`${keyword} file1.txt file2.txt /things`], fails: "the destination must be a folder" },
  { name: "spaces", files: tree, lines: [`${keyword} ["with space/f", "/to here/"]`], holds: { "to here/f": "s" } },
  { name: "paths that leave the context, and slashes at the end", files: tree, lines: [`${keyword} ../d /one`, `${keyword} d/ /two`, `${keyword} /d /three`], holds: { "one/x": "x", "two/sub/y": "y", "three/x": "x" } },
  { name: "a folder's content is merged", files: tree, lines: ["RUN mkdir -p /m/sub && echo old >/m/x && echo kept >/m/sub/z", `${keyword} d /m`], holds: { "m/x": "x", "m/sub/y": "y", "m/sub/z": "kept\n" } },
  { name: "a folder onto a file", files: tree, lines: ["RUN echo >/m", `${keyword} d /m`], fails: "/m" },
  { name: "a folder onto a file below", files: tree, lines: ["RUN mkdir /m && echo >/m/sub", `${keyword} d /m`], fails: "sub" },
  { name: "a file onto a folder below", files: { "d/x": "1" }, lines: ["RUN mkdir -p /m/x", `${keyword} d /m`], fails: "x" },
  { name: "patterns", files: tree, lines: [`${keyword} *.png /dest/`, `${keyword} index.?s /dest/`, `${keyword} arr[[]0].txt /dest/`],
    holds: { "dest/a.png": "p", "dest/index.js": "j", "dest/index.ts": "t", "dest/arr[0].txt": "a", "dest/arr0.txt": null } },
  { name: "destinations", files: tree, lines: [`${keyword} file1.txt /abs/`, `${keyword} file1.txt /abs2`, "WORKDIR /usr/src/app", `${keyword} file1.txt rel/`, `${keyword} file1.txt new/deep/er`],
    holds: { "abs/file1.txt": "1", abs2: "1", "usr/src/app/rel/file1.txt": "1", "usr/src/app/new/deep/er": "1" }, modes: { "usr/src/app/new": "755 0:0" } },
  { name: "--chown and --chmod", files: { files1: "1", files2: "2" }, lines: [`${keyword} --chown=55:web files* /a/`, `${keyword} --chown=app files* /b/`, `${keyword} --chown=1 files* /c/`,
      `${keyword} --chown=10:11 files* /d/`, `${keyword} --chown=app:web --chmod=644 files* /e/`, "ARG MODE=440", `${keyword} --chmod=$MODE files1 /f`],
    modes: { "a/files1": "644 55:33", "b/files1": "644 1000:1001", "c/files2": "644 1:1", "d/files1": "644 10:11", "e/files2": "644 1000:33", f: "440 0:0" } },
  { name: "--chmod by letters", files: { "c/run": "#!", "c/t": "" }, lines: [`${keyword} --chmod=+x c/t /x`, `${keyword} --chmod=u=rwX,go=rX c /X/`, `${keyword} --chmod=g=u c/t /gu`],
    modes: { x: "755 0:0", X: "755 0:0", "X/t": "644 0:0", gu: "664 0:0" } },
  { name: "--chown of nobody we know", files: { f: "" }, lines: [`${keyword} --chown=ghost f /`], fails: "there is no user 'ghost'" },
  { name: "--chown by name wants /etc/passwd", files: { f: "" }, lines: ["FROM scratch", `${keyword} --chown=app f /`], fails: "there is no user 'app'" },
  { name: "--chown by numbers does not", files: { f: "" }, lines: ["FROM scratch", `${keyword} --chown=3:4 f /`], modes: { f: "644 3:4" } },
  { name: "--link", files: { foo: "1" }, lines: [`${keyword} --link /foo /bar`, `${keyword} --link=true /foo /x/y`, `${keyword} --link=false /foo /z`], holds: { bar: "1", "x/y": "1", z: "1" } },
  { name: "--exclude, once and several times", files: { "home.txt": "", "home.md": "", "home.c": "", other: "" }, lines: [`${keyword} --exclude=*.txt hom* /one/`, `${keyword} --exclude=*.txt --exclude=*.md hom* /two/`],
    holds: { "one/home.txt": null, "one/home.md": "", "two/home.md": null, "two/home.c": "", "two/other": null } },
]; // prettier-ignore

examples(
  "ADD",
  ...copies("ADD"),
  { name: "addresses: a folder, a name, mode 600", lines: ["ADD @HTTP@/foobar /", "ADD @HTTP@/foo /bar"], holds: { foobar: "served", bar: "served" }, modes: { bar: "600 0:0" } },
  { name: "an address without a name", lines: ["ADD @HTTP@ /d/"], fails: "does not name a file" },
  { name: "--checksum of an address", lines: ["ADD --checksum=sha256:@SUM@ @HTTP@/a /x"], holds: { x: "served" } },
  { name: "--checksum that is another one", lines: [`ADD --checksum=sha256:${"0".repeat(64)} @HTTP@/a /x`], fails: "sha256" },
  { name: "--checksum of another kind", lines: ["ADD --checksum=md5:00 @HTTP@/a /x"], fails: "is not sha256:" },
  { name: "--unpack of what is downloaded", lines: ["ADD @HTTP@/a.tgz /kept/", "ADD --unpack=true @HTTP@/a.tgz /download"], holds: { "download/packed": "from the archive", "download/a.tgz": null } },
  { name: "what is named .tar.gz and is empty is copied", files: { "e.tar.gz": "" }, lines: ["ADD e.tar.gz /e/"], holds: { "e/e.tar.gz": "" } },
  { name: "a repository, its modes", lines: ["ADD @GIT@ /mydir/"], holds: { "mydir/docs/page": "text", "mydir/.git": null }, modes: { "mydir/file": "644 0:0", "mydir/run": "755 0:0", "mydir/docs": "755 0:0" } },
  { name: "a folder of a tag", lines: ["ADD @GIT@#v1:docs /d"], holds: { "d/page": "text", "d/file": null } },
  { name: "--keep-git-dir", lines: ["ADD --keep-git-dir=true @GIT@#v1 /k"], holds: { "k/.git/HEAD": expect.any(String) as never, "k/file": "1" } },
  { name: "--checksum of a repository", lines: ["ADD --checksum=@COMMIT@ @GIT@#v1 /c"], holds: { "c/file": "1" } },
  { name: "--checksum that is another commit", lines: ["ADD --checksum=0000000 @GIT@#v1 /c"], fails: "0000000" },
); // prettier-ignore

test("ADD of local archives: union with what is there; --unpack=false", async () => {
  const path = await t.context({ "in/dir/f": "new", "in/dir/g": "g" });
  await runChecked(["tar", "-C", `${path}/in`, "-czf", `${path}/no-name-of-archives`, "dir"]);
  const dockerfileText = ["FROM busybox", "RUN mkdir -p /u/dir && echo old >/u/dir/f && echo old >/u/dir/h", "ADD no-name-of-archives /u", "ADD --unpack=false no-name-of-archives /p/"].join("\n"); // prettier-ignore
  const { image } = await t.build(path, { dockerfileText });
  await t.inside(image, (root) => {
    expect(["f", "g", "h"].map((name) => readFileSync(`${root}/u/dir/${name}`, "utf8"))).toEqual(["new", "g", "old\n"]); // prettier-ignore
    expect(existsSync(`${root}/p/no-name-of-archives`)).toBe(true);
  });
});

const texts = {
  "x/a.txt": "xa",
  "y/a.txt": "ya",
  "x/y/a.txt": "1",
  "x/y/b.txt": "2",
  "src/a.txt": "a",
  "src/x/b.txt": "b",
  "src/x/y/c.txt": "c",
};
examples(
  "COPY",
  ...copies("COPY"),
  { name: "--from a stage, by the name and from its root", lines: ["FROM busybox AS build", "WORKDIR /app", "RUN --mount=type=bind,target=. echo made >/myapp", "FROM scratch", "COPY --from=build myapp /usr/bin/"], holds: { "usr/bin/myapp": "made\n" } },
  { name: "--from an image", lines: ["COPY --from=base:1 /base /b"], holds: { b: "base\n" } },
  { name: "--parents", files: texts, lines: ["FROM scratch", "COPY ./x/a.txt ./y/a.txt /no_parents/", "COPY --parents ./x/a.txt ./y/a.txt /parents/"],
    holds: { "no_parents/a.txt": "ya", "parents/x/a.txt": "xa", "parents/y/a.txt": "ya" } },
  { name: "--parents after ./", files: texts, lines: ["FROM scratch", "COPY --parents ./x/./y/*.txt /parents/"], holds: { "parents/y/a.txt": "1", "parents/y/b.txt": "2", "parents/x": null } },
  { name: "--parents with **", files: texts, lines: ["FROM scratch", "COPY --parents ./src/**/*.txt /parents/"], holds: { "parents/src/a.txt": "a", "parents/src/x/b.txt": "b", "parents/src/x/y/c.txt": "c" } },
  { name: "--parents from a stage", files: texts, lines: ["FROM scratch AS s", "COPY . /in/", "FROM scratch", "COPY --parents --from=s /in/./src/x/**/*.txt /out/"], holds: { "out/src/x/b.txt": "b", "out/src/x/y/c.txt": "c", "out/in": null } },
); // prettier-ignore

test("COPY --from a named context", async () => {
  const other = await t.context({ "nginx.conf": "conf" });
  const contexts = { other: { kind: "directory", path: other } as const };
  await prove({ name: "", lines: ["FROM scratch", "COPY --from=other /nginx.conf /n"], request: { contexts }, holds: { n: "conf" } }); // prettier-ignore
});

examples(
  "ENTRYPOINT",
  { name: "both forms, the last one counts", lines: ["ENTRYPOINT exec top -b", 'ENTRYPOINT ["executable", "param1"]', 'CMD ["-c"]'], config: { Entrypoint: ["executable", "param1"], Cmd: ["-c"] } },
  { name: "apache", lines: ["EXPOSE 80 443", 'VOLUME ["/var/www", "/var/log/apache2", "/etc/apache2"]', 'ENTRYPOINT ["/usr/sbin/apache2ctl", "-D", "FOREGROUND"]'],
    config: { ExposedPorts: { "80/tcp": {}, "443/tcp": {} }, Volumes: { "/var/www": {}, "/var/log/apache2": {}, "/etc/apache2": {} }, Entrypoint: ["/usr/sbin/apache2ctl", "-D", "FOREGROUND"] } },
  { name: "shell form", lines: ["FROM base:1", "ENTRYPOINT exec_entry p1_entry", "CMD exec_cmd p1_cmd"], config: { Entrypoint: ["/bin/sh", "-c", "exec_entry p1_entry"], Cmd: ["/bin/sh", "-c", "exec_cmd p1_cmd"] } },
  { name: "CMD of the base goes", lines: ["FROM base:1", 'ENTRYPOINT ["e"]'], config: { Entrypoint: ["e"], Cmd: undefined } },
); // prettier-ignore

examples(
  "VOLUME",
  { name: "JSON, and words", lines: ['VOLUME ["/var/log/"]', "VOLUME /var/db /data"], config: { Volumes: { "/var/log/": {}, "/var/db": {}, "/data": {} } } },
  { name: "what a later RUN writes there is kept", lines: ["RUN mkdir /myvol && echo hello >/myvol/greeting", "VOLUME /myvol", "RUN echo more >/myvol/more"], holds: { "myvol/greeting": "hello\n", "myvol/more": "more\n" } },
); // prettier-ignore

examples(
  "USER",
  { name: "names and numbers", lines: ["USER app:web", "USER 7:8"], config: { User: "7:8" } },
); // prettier-ignore

examples(
  "WORKDIR",
  { name: "relative ones", lines: ["WORKDIR /a", "WORKDIR b", "WORKDIR c", "RUN pwd"], prints: "/a/b/c\n", config: { WorkingDir: "/a/b/c" } },
  { name: "variables", lines: ["ENV DIRPATH=/path", "ENV DIRNAME=x", "WORKDIR $DIRPATH/$DIRNAME", "RUN pwd"], prints: "/path/x\n" },
  { name: "made even if nothing uses it; / by default", lines: ["RUN pwd", "WORKDIR /made"], prints: "/\n", holds: { made: "a folder" } },
); // prettier-ignore

const proxied = { HTTP_PROXY: "http://user:pass@proxy.example.com" };
const whoami = ["FROM busybox", "LABEL a=${username:-some_user}", "ARG username", "USER $username"];
const version = (second: string) => [
  "ARG CONT_IMG_VER",
  `ENV CONT_IMG_VER=${second}`,
  "RUN echo $CONT_IMG_VER",
];
examples(
  "ARG",
  { name: "given, and defaults", ...inArgs(["ARG user1", "ARG buildno=1 other=2", "RUN echo $user1 $buildno $other"], { user1: "u", other: "3" }), prints: "u 1 3\n", config: { Env: env() } },
  { name: "counts from its line on", ...inArgs(whoami, { username: "what_user" }), config: { Labels: { a: "some_user" }, User: "what_user" } },
  { name: "inherited by stages built on it, by no other", lines: ["FROM busybox AS a", "ARG X=1", "FROM a", "RUN echo [$X]", "FROM busybox", "COPY --from=1 /etc/group /g", "RUN echo [$X]"], prints: "[1]\n[]\n" },
  { name: "ENV wins", ...inArgs(version("v1.0.0"), { CONT_IMG_VER: "v2.0.1" }), prints: "v1.0.0\n" },
  { name: "ENV that takes it over", ...inArgs(version("${CONT_IMG_VER:-v1.0.0}"), { CONT_IMG_VER: "v2.0.1" }), prints: "v2.0.1\n", config: { Env: env("CONT_IMG_VER=v2.0.1") } },
  { name: "ENV with its own default", lines: version("${CONT_IMG_VER:-v1.0.0}"), prints: "v1.0.0\n" },
  { name: "predefined: there, and not in the history", ...inArgs(["RUN echo $HTTP_PROXY"], proxied), prints: "http://user:pass@proxy.example.com\n", history: ["RUN /bin/sh -c echo $HTTP_PROXY"] },
  { name: "predefined and declared: in the history", ...inArgs(["ARG HTTP_PROXY", "RUN echo x"], proxied), history: ["ARG HTTP_PROXY=http://user:pass@proxy.example.com", "RUN |1 HTTP_PROXY=http://user:pass@proxy.example.com /bin/sh -c echo x"] },
  { name: "platform: only when declared", lines: ["RUN echo [$TARGETOS]", "ARG TARGETPLATFORM TARGETOS TARGETARCH TARGETVARIANT BUILDOS", "RUN echo $TARGETPLATFORM $TARGETVARIANT | grep -c $TARGETOS/$TARGETARCH; [ $BUILDOS = $TARGETOS ]"], prints: "[]\n1\n" },
  { name: "SOURCE_DATE_EPOCH", ...inArgs(["RUN echo $SOURCE_DATE_EPOCH"], { SOURCE_DATE_EPOCH: "1700000000" }), prints: "1700000000\n" },
); // prettier-ignore

describe("Impact on build caching", () => {
  const cachedOf = async (lines: readonly string[], version: string) => {
    const request = {
      buildArgs: { V: version, HTTP_PROXY: version, NO_PROXY: version },
      dockerfileText: ["FROM busybox", ...lines].join("\n"),
    };
    const { events } = await t.build(await t.context({}), request);
    return events.flatMap((event) => (event.kind === "layer" ? [event.cached] : [])).at(-1);
  };
  const cases: [lines: string[], cached: boolean][] = [
    [["ARG V", "RUN echo 1 $V"], false],
    [["ARG V", "RUN echo hello 2"], false],
    [["ARG V", "ENV V=$V", "RUN echo 3 $V"], false],
    [["ARG V", "ENV V=hello", "RUN echo 4 $V"], true],
    [["RUN echo 5 $HTTP_PROXY"], true],
    [["ARG HTTP_PROXY", "RUN echo 6"], false],
    [["ARG V", "COPY <<E /7", "text", "E"], true],
    [["ARG V", "LABEL v=$V", "CMD $V", "RUN echo $V"], false],
    [["LABEL v=1", "EXPOSE 80", "WORKDIR /8"], true],
  ];
  for (const [lines, cached] of cases) {
    test(`${lines.join(" / ")}: ${cached ? "kept" : "missed"}`, async () => {
      await cachedOf(lines, "1");
      expect(await cachedOf(lines, "1")).toBe(true);
      expect(await cachedOf(lines, "2")).toBe(cached);
    });
  }

  test("a RUN again only for --no-cache, or new files before it", async () => {
    const path = await t.context({ f: "1" });
    const build = async (noCache = false) => {
      const before = t.steps.ran.length;
      await t.build(path, { noCache, dockerfileText: "FROM busybox\nCOPY f /\nRUN echo again\n" });
      return t.steps.ran.length - before;
    };
    expect([await build(), await build(), await build(true)]).toEqual([1, 0, 1]);
    await Bun.write(`${path}/f`, "2");
    expect(await build()).toBe(1);
  });
});

describe("ONBUILD", () => {
  const child = async (trigger: string[], example: Example) => {
    const triggers = ["FROM busybox", ...trigger.map((one) => `ONBUILD ${one}`)];
    await t.build(await t.context({}), { tags: ["trigger"], dockerfileText: triggers.join("\n") });
    await prove(example);
  };
  test("in their order, before the rest, and not for grandchildren", async () => {
    await child(["ADD . /app/src", "RUN cat /app/src/f"], { name: "", files: { f: "mine " }, lines: ["FROM trigger AS one", "RUN echo own", "FROM one", "RUN echo last"], prints: "mine own\nlast\n", config: { OnBuild: undefined } }); // prettier-ignore
  });
  test("from a stage, and mounted from a context, of the child's file", async () => {
    const contexts = { config: { kind: "directory", path: await t.context({ c: "conf" }) } as const };
    await child(["COPY --from=build /app /app", "RUN --mount=from=config,target=/opt/c cat /opt/c/c"], { name: "", request: { contexts }, lines: ["FROM busybox AS build", "RUN echo built >/app", "FROM trigger"], prints: "conf", holds: { app: "built\n" } }); // prettier-ignore
  });
  test("one that fails ends the build", async () => {
    await child(["RUN exit 3"], { name: "", lines: ["FROM trigger"], fails: "returned a non-zero code: 3" });
  });
  for (const name of ["ONBUILD", "FROM", "MAINTAINER"]) {
    test(`not ${name}`, () => prove({ name, lines: [`ONBUILD ${name} x`], fails: `Dockerfile:2: ONBUILD: ${name} isn't allowed` })); // prettier-ignore
  }
  test("variables are those of the child", async () => {
    await child(["WORKDIR /$V"], {
      name: "",
      lines: ["ARG V=no", "FROM trigger"],
      config: { WorkingDir: "/" },
    });
  });
});

examples(
  "STOPSIGNAL",
  { name: "a name", lines: ["STOPSIGNAL SIGKILL"], config: { StopSignal: "SIGKILL" } },
  { name: "a number", lines: ["STOPSIGNAL 9"], config: { StopSignal: "9" } },
  { name: "none", lines: ["STOPSIGNAL SIGNOPE"], fails: "Dockerfile:2: STOPSIGNAL: " },
); // prettier-ignore

examples(
  "HEALTHCHECK",
  { name: "options and a command on two lines", lines: ["HEALTHCHECK --interval=5m --timeout=3s \\", "  CMD curl -f http://localhost/ || exit 1"],
    config: { Healthcheck: { Test: ["CMD-SHELL", "curl -f http://localhost/ || exit 1"], Interval: 300e9, Timeout: 3e9 } } },
  { name: "all options, an array, the last one counts", lines: ["HEALTHCHECK CMD a", 'HEALTHCHECK --interval=1s --timeout=2s --start-period=3s --start-interval=4s --retries=5 CMD ["a", "b"]'],
    config: { Healthcheck: { Test: ["CMD", "a", "b"], Interval: 1e9, Timeout: 2e9, StartPeriod: 3e9, StartInterval: 4e9, Retries: 5 } } },
  { name: "none", lines: ["HEALTHCHECK CMD a", "HEALTHCHECK NONE"], config: { Healthcheck: { Test: ["NONE"] } } },
); // prettier-ignore

examples(
  "SHELL",
  { name: "several times, for RUN, CMD and ENTRYPOINT", lines: ["RUN echo default", 'SHELL ["/bin/echo", "one"]', "RUN hello", "ENTRYPOINT a", 'SHELL ["cmd", "/S", "/C"]', "CMD b"],
    prints: "default\none hello\n", config: { Shell: ["cmd", "/S", "/C"], Entrypoint: ["/bin/echo", "one", "a"], Cmd: ["cmd", "/S", "/C", "b"] } },
  { name: "JSON only", lines: ["SHELL cmd /S /C"], fails: "must be a JSON array" },
  { name: "with the escape directive", lines: ["# escape=`", "FROM scratch", 'SHELL ["powershell","-command"]', "WORKDIR c:\\example", "CMD c:\\example\\Execute-MyCmdlet -sample 'hello world'"],
    config: { Cmd: ["powershell", "-command", "c:\\example\\Execute-MyCmdlet -sample 'hello world'"] } },
); // prettier-ignore

examples(
  "Here-Documents",
  { name: "a program reads it", lines: ["RUN <<EOT sh", "  set -e", "  echo one", "  echo two", "EOT"], prints: "one\ntwo\n" },
  { name: "the default shell", lines: ["RUN <<EOT", "  mkdir -p foo/bar", "EOT"], holds: { "foo/bar": "a folder" } },
  { name: "its own interpreter", lines: ["RUN <<EOT", "#!/bin/awk -f", 'BEGIN { print "hello world" }', "EOT"], prints: "hello world\n" },
  { name: "several", lines: ["RUN <<FILE1 cat > file1 && <<FILE2 cat > file2", "I am", "first", "FILE1", "I am", "second", "FILE2"], holds: { file1: "I am\nfirst\n", file2: "I am\nsecond\n" } },
  { name: "a file", lines: ["COPY <<EOF greeting.txt", "hello world", "EOF"], holds: { "greeting.txt": "hello world\n" }, modes: { "greeting.txt": "644 0:0" } },
  { name: "with variables", lines: ["ARG FOO=bar", "COPY <<-EOT /script.sh", '\techo "hello ${FOO}"', "EOT", "ENTRYPOINT ash /script.sh"], holds: { "script.sh": 'echo "hello bar"\n' } },
  { name: "quoted: without", lines: ["ARG FOO=bar", 'COPY <<-"EOT" /script.sh', '  echo "hello ${FOO}"', "EOT"], holds: { "script.sh": '  echo "hello ${FOO}"\n' } },
  { name: "ADD, several into a folder, with a mode", lines: ["ADD --chmod=755 <<a <<b /t/", "1", "a", "2", "b"], holds: { "t/a": "1\n", "t/b": "2\n" }, modes: { "t/a": "755 0:0" } },
); // prettier-ignore

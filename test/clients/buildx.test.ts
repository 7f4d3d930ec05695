import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, linkSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"; // prettier-ignore
import { dirname, join } from "node:path";
import { run } from "../../src/host/index.ts";
import { dockerPackages, unpackClients, type DebianClients } from "../support/debian-clients.ts";
import { eventually, importBusybox, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { startDockerRegistry } from "../support/registries.ts";
import { settledHoldings } from "../support/holdings.ts";

/** buildx, compose and docker as Debian 13 and Debian's unstable release have them, on BuildKit's API. */
const minute = 60_000;
let daemon: TestDaemon;
let folder = "";
let newer: DebianClients;
let older: DebianClients;

beforeAll(async () => {
  folder = mkdtempSync("/tmp/virga-buildx-");
  [daemon, newer, older] = await Promise.all([
    startDaemon(),
    unpackClients(join(folder, "sid"), "sid"),
    unpackClients(
      join(folder, "trixie"),
      "trixie",
      dockerPackages.filter((one) => one !== "docker-compose"),
    ),
  ]);
  await importBusybox(daemon);
}, 3 * minute);

afterAll(async () => {
  await daemon.destroy();
  rmSync(folder, { recursive: true, force: true });
}, minute);

/** A folder with these files; a value of `null` is an empty folder. */
function context(name: string, files: Readonly<Record<string, string | null>>): string {
  const root = join(folder, "contexts", name);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(text === null ? join(root, path) : dirname(join(root, path)), { recursive: true });
    if (text !== null) writeFileSync(join(root, path), text);
  }
  return root;
}

/** What `docker ARGS` prints, as one text; throws when it fails. */
async function ok(clients: DebianClients, ...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await clients.run(daemon, args);
  if (exitCode !== 0) throw new Error(`docker ${args.join(" ")}: ${exitCode}\n${stdout}${stderr}`);
  return stdout + stderr;
}

const plain = ["--progress", "plain"];
/** Bytes that a build was sent of its context, as buildx shows it. */
const transferred = (output: string) => /transferring context: (?:([\d.]+)([kM]?B) )?(?:[\d.]+s )?done/.exec(output.slice(output.indexOf("load build context")))?.slice(1, 3).join(""); // prettier-ignore

describe("docker build through buildx", () => {
  test(
    "an image of the client's files, with their modes and links",
    async () => {
      const root = context("files", {
        Dockerfile: "FROM box:1\nARG GREETING=no\nCOPY . /files/\nRUN echo $GREETING >/greeting\nENV A=b\n",
        ".dockerignore": "left-out\n*.log\n!kept.log\n",
        "left-out/a": "a",
        "b.log": "b",
        "kept.log": "kept",
        "sub/deep/ünï.txt": "deep",
        "run.sh": "#!/bin/sh\necho ran\n",
        empty: null,
      });
      chmodSync(join(root, "run.sh"), 0o751);
      symlinkSync("sub/deep", join(root, "link"));
      symlinkSync("/nowhere", join(root, "dangling"));
      linkSync(join(root, "run.sh"), join(root, "same.sh"));
      const out = await ok(newer, "build", ...plain, "--build-arg", "GREETING=hello", "--label", "l=1", "-t", "files:1", root); // prettier-ignore
      expect(out).toContain("[2/3] COPY . /files/");
      expect(out).toMatch(/naming to docker\.io\/library\/files:1/);
      const script = "cd /files; cat /greeting sub/deep/ünï.txt kept.log; for f in empty left-out b.log; do [ -e $f ] && echo $f; done; readlink link; readlink dangling; stat -c '%a %u' run.sh same.sh; ./run.sh"; // prettier-ignore
      const { stdout } = await newer.run(daemon, ["run", "--rm", "files:1", "sh", "-c", script]);
      expect(stdout.split("\n")).toEqual([
        "hello", "deepkeptempty", "sub/deep", "/nowhere", "751 0", "751 0", "ran", "",
      ]); // prettier-ignore
      expect(await ok(newer, "image", "inspect", "-f", '{{index .Config.Labels "l"}}', "files:1")).toBe(
        "1\n",
      );
      const again = ["build", "-q", "--no-cache", "--build-arg", "GREETING=hello", "--label", "l=1", root];
      expect(await ok(newer, "image", "inspect", "-f", "{{.Id}}", "files:1")).toBe(
        (await daemon.virga(again)).stdout,
      );
    },
    minute,
  );

  test(
    "a second build is sent nothing, and a third only what has changed",
    async () => {
      const many = Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`many/${n}`, `${n}\n`]));
      const large = Buffer.alloc(3_000_000, "large").toString();
      const root = context("again", {
        Dockerfile: "FROM box:1\nCOPY many /many\nCOPY large /\n",
        large,
        ...many,
      });
      expect(transferred(await ok(newer, "build", ...plain, "-t", "again:1", root))).toMatch(/^3\.0\dMB|kB$/);
      const second = await ok(newer, "build", ...plain, "-t", "again:2", root);
      expect(transferred(second)).toBe("");
      expect(second).toMatch(/COPY many \/many\n#\d+ CACHED/);
      writeFileSync(join(root, "many/7"), "changed\n");
      rmSync(join(root, "many/8"));
      expect(transferred(await ok(newer, "build", ...plain, "-t", "again:3", root))).toBe("8B");
      const show = ["run", "--rm", "again:3", "sh", "-c", "cat /many/7; ls /many | wc -l; wc -c </large"];
      expect(await ok(newer, ...show)).toBe("changed\n999\n3000000\n");
    },
    minute,
  );

  test(
    "independent stages, a target, what is told of the result",
    async () => {
      const root = context("stages", {
        Dockerfile: "FROM box:1 AS one\nRUN echo 1 >/1\nFROM box:1 AS two\nRUN echo 2 >/2\nFROM scratch AS both\nCOPY --from=one /1 /\nCOPY --from=two /2 /\nFROM both\nRUN fails\n", // prettier-ignore
      });
      const [meta, iid] = [join(folder, "meta.json"), join(folder, "iid")];
      const out = await ok(newer, "buildx", "build", ...plain, "--target", "both", "--metadata-file", meta, "--iidfile", iid, "-t", "stages:1", root); // prettier-ignore
      expect(out).toContain("[one 2/2] RUN echo 1 >/1");
      expect(out).not.toContain("RUN fails");
      const id = (await ok(newer, "image", "inspect", "-f", "{{.Id}}", "stages:1")).trim();
      expect(readFileSync(iid, "utf8").trim()).toBe(id);
      const metadata = JSON.parse(readFileSync(meta, "utf8")) as Record<string, unknown>;
      expect(metadata).toMatchObject({
        "containerimage.digest": id,
        "containerimage.config.digest": id,
        "containerimage.descriptor": {
          digest: expect.stringMatching(/^sha256:/) as string,
          mediaType: expect.any(String),
        },
        "image.name": "docker.io/library/stages:1",
      });
    },
    minute,
  );

  test(
    "what fails says where, and leaves nothing",
    async () => {
      const root = context("fails", {
        Dockerfile: "FROM box:1\nRUN echo before; exit 3\n",
        wrong: "FROM box:1\nRUNN x\n",
      });
      const before = await settledHoldings(daemon);
      const failed = await newer.run(daemon, ["build", ...plain, root]);
      expect(failed).toMatchObject({ exitCode: 1 });
      expect(failed.stderr).toMatch(/#\d+ [\d.]+ before\n/);
      expect(failed.stderr).toContain("did not complete successfully: exit code: 3");
      expect(failed.stderr).toContain("   2 | >>> RUN echo before; exit 3");
      const wrong = await newer.run(daemon, ["build", ...plain, "-f", join(root, "wrong"), root]);
      expect(wrong.exitCode).toBe(1);
      expect(wrong.stderr).toContain("RUNN");
      const option = await newer.run(daemon, ["build", "--output", "type=image,compression=zstd", root]);
      expect(option.stderr).toContain("compression=zstd");
      expect(await settledHoldings(daemon)).toEqual(before);
    },
    minute,
  );

  test(
    "a client that is killed takes its build with it",
    async () => {
      const root = context("killed", { Dockerfile: "FROM box:1\nRUN echo begun; sleep 1000\n" });
      const before = await settledHoldings(daemon);
      const child = Bun.spawn([newer.docker, "build", ...plain, root], {
        env: newer.environment(daemon), stdout: "ignore", stderr: "pipe",
      }); // prettier-ignore
      let seen = "";
      for await (const chunk of child.stderr) {
        seen += Buffer.from(chunk).toString();
        if (/ begun\n/.test(seen)) child.kill("SIGKILL");
      }
      await child.exited;
      await eventually("nothing is left of the build", async () => {
        return JSON.stringify(await settledHoldings(daemon)) === JSON.stringify(before);
      });
    },
    minute,
  );

  test(
    "buildx of Debian 13, and its docker",
    async () => {
      const root = context("older", { Dockerfile: "FROM box:1\nCOPY a /\nRUN cat /a\n", a: "older\n" });
      const out = await ok(older, "buildx", "build", ...plain, "-t", "older:1", root);
      expect(out).toMatch(/#\d+ [\d.]+ older\n/);
      expect(await ok(older, "buildx", "build", ...plain, "-t", "older:1", root)).toMatch(
        /RUN cat \/a\n#\d+ CACHED/,
      );
      expect(await ok(older, "run", "--rm", "older:1", "cat", "/a")).toBe("older\n");
    },
    minute,
  );

  test(
    "secrets, an SSH agent, named contexts, files from standard input",
    async () => {
      const root = context("lent", {
        Dockerfile: "FROM box:1\nCOPY --from=extra e /e\nRUN --mount=type=secret,id=word cat /run/secrets/word; cat /e\nRUN --mount=type=ssh test -S $SSH_AUTH_SOCK && echo an agent\n", // prettier-ignore
      });
      const extra = context("extra", { e: "extra file\n", ".dockerignore": "large\n" });
      const word = join(context("words", { word: "hush\n" }), "word");
      const agent = Bun.spawn(["ssh-agent", "-D", "-a", join(folder, "agent")], {
        stdout: "ignore",
        stderr: "ignore",
      });
      try {
        await eventually("the agent listens", () => existsSync(join(folder, "agent")));
        const lent = ["--secret", `id=word,src=${word}`, "--ssh", `default=${join(folder, "agent")}`, "--build-context", `extra=${extra}`]; // prettier-ignore
        const out = await ok(newer, "build", ...plain, ...lent, "-t", "lent:1", root);
        for (const line of ["hush", "extra file", "an agent"])
          expect(out).toMatch(new RegExp(`#\\d+ [\\d.]+ ${line}\\n`));
      } finally {
        agent.kill();
        await agent.exited;
      }
      const { stdout: tar } = await run(["tar", "-C", extra, "-cf", "-", "e"]);
      const fromTar = await newer.run(daemon, ["build", ...plain, "-f", "e", "-"], { stdin: tar.replace("extra file\n", "FROM box:1\n") }); // prettier-ignore
      expect({ exitCode: fromTar.exitCode, stderr: fromTar.stderr }).toMatchObject({ exitCode: 0 });
      const typed = await newer.run(daemon, ["build", ...plain, "-f", "-", extra], { stdin: "FROM box:1\nCOPY e /\nRUN cat /e\n" }); // prettier-ignore
      expect(typed.stderr).toMatch(/#\d+ [\d.]+ extra file\n/);
    },
    minute,
  );

  test(
    "several platforms become one index; limits of steps",
    async () => {
      const root = context("platforms", {
        Dockerfile: "FROM --platform=$BUILDPLATFORM box:1 AS make\nARG TARGETARCH\nRUN echo $TARGETARCH > /arch\nFROM scratch\nCOPY --from=make /arch /\n", // prettier-ignore
        limits: 'FROM box:1\nRUN echo "$(hostname) $(ulimit -n) $(ulimit -Hn)"\n',
      });
      const both = ["buildx", "build", ...plain, "--platform", "linux/amd64,linux/arm64"];
      const files = join(folder, "platforms");
      const out = await ok(newer, ...both, "--output", `type=local,dest=${files}`, root);
      for (const arch of ["amd64", "arm64"]) {
        expect(out).toContain(`[linux/${arch} stage-1 2/2] COPY --from=make /arch /`);
        expect(readFileSync(join(files, `linux_${arch}/arch`), "utf8")).toBe(`${arch}\n`);
      }
      const archive = join(folder, "platforms.tar");
      await ok(newer, ...both, "-t", "platforms:1", "--output", `type=oci,dest=${archive}`, root);
      await ok(newer, "load", "-i", archive);
      const loaded = await ok(newer, "image", "inspect", "platforms:1", "--format", "{{.Architecture}}");
      expect(loaded.trim()).toBe(process.arch === "x64" ? "amd64" : process.arch);
      const limits = ["--ulimit", "nofile=100:200", "-f", join(root, "limits"), "-t", "limits:1"];
      expect(await ok(newer, "build", ...plain, ...limits, root)).toMatch(
        /#\d+ [\d.]+ buildkitsandbox 100 200\n/,
      );
      const kept = await newer.run(daemon, [...both, "-t", "platforms:2", root]);
      expect(kept.stderr).toContain("can't name images of several platforms here");
    },
    minute,
  );

  test(
    "results go where the client wants them, and nowhere else",
    async () => {
      const root = context("exports", { Dockerfile: "FROM scratch\nCOPY a /d/a\n", a: "exported\n" });
      const before = await settledHoldings(daemon);
      const out = (name: string) => join(folder, "out", name);
      await ok(newer, "buildx", "build", ...plain, "-o", `type=local,dest=${out("local")}`, root);
      expect(readFileSync(join(out("local"), "d/a"), "utf8")).toBe("exported\n");
      await ok(newer, "buildx", "build", ...plain, "-o", `type=tar,dest=${out("a.tar")}`, root);
      expect((await run(["tar", "-xOf", out("a.tar"), "d/a"])).stdout).toBe("exported\n");
      await ok(newer, "buildx", "build", ...plain, "-o", `type=oci,dest=${out("oci.tar")}`, root);
      expect((await run(["tar", "-tf", out("oci.tar")])).stdout).toContain("oci-layout\n");
      await ok(
        newer,
        "buildx",
        "build",
        ...plain,
        "-o",
        `type=docker,dest=${out("docker.tar")}`,
        "-t",
        "exported:1",
        root,
      );
      expect((await run(["tar", "-xOf", out("docker.tar"), "manifest.json"])).stdout).toContain(
        '"exported:1"',
      );
      const images = (lines: readonly string[]) => lines.filter((one) => one.startsWith("images "));
      expect(images(await settledHoldings(daemon))).toEqual(images(before));
      const refused = await newer.run(daemon, [
        "buildx",
        "build",
        "-o",
        "type=image,compression=estargz",
        root,
      ]);
      expect(refused.stderr).toContain("compression=estargz");
    },
    minute,
  );

  test(
    "a registry that wants to know who asks",
    async () => {
      const hash = await Bun.password.hash("secret", { algorithm: "bcrypt", cost: 4 });
      await using registry = await startDockerRegistry({ htpasswd: `me:${hash.replace("$2b", "$2y")}` });
      const config = join(folder, "logged-in");
      mkdirSync(config);
      const known = JSON.parse(readFileSync(join(folder, "sid/config/config.json"), "utf8")) as object;
      const auths = { [registry.address]: { auth: btoa("me:secret") } };
      writeFileSync(join(config, "config.json"), JSON.stringify({ ...known, auths }));
      const name = `${registry.address}/team/app:1`;
      const root = context("pushed", {
        Dockerfile: "FROM box:1\nRUN echo pushed >/p\n",
        from: `FROM ${name}\nRUN cat /p\n`,
      });
      const [nobody, me] = [{}, { DOCKER_CONFIG: config }].map((env) => async (...args: string[]) => await newer.run(daemon, ["buildx", ...args], { env })); // prettier-ignore
      expect((await nobody!("build", "--push", "-t", name, root)).exitCode).toBe(1);
      const cache = `type=registry,ref=${registry.address}/team/cache:1`;
      expect(await me!("build", "--push", "-t", name, "--cache-to", `${cache},mode=max`, root)).toMatchObject(
        { exitCode: 0 },
      );
      await ok(newer, "rmi", name);
      await me!("prune", "-af");
      const again = await me!("build", ...plain, "--cache-from", cache, root);
      expect(again.stderr).toMatch(/RUN echo pushed >\/p\n#\d+ CACHED/);
      const pulled = await me!("build", ...plain, "-f", join(root, "from"), root);
      expect(pulled.stderr).toMatch(/#\d+ [\d.]+ pushed\n/);
    },
    minute,
  );

  test(
    "bake, with a target that builds upon another",
    async () => {
      const root = context("bake", {
        "docker-bake.json": JSON.stringify({
          group: { default: { targets: ["app", "tool"] } },
          target: {
            base: { "dockerfile-inline": "FROM box:1\nRUN echo base >/base\n" },
            app: { contexts: { base: "target:base" }, "dockerfile-inline": "FROM base\nRUN cat /base\n", tags: ["bake-app:1"] },
            tool: { contexts: { base: "target:base" }, "dockerfile-inline": "FROM scratch\nCOPY --from=base /base /b\n", tags: ["bake-tool:1"] },
          },
        }), // prettier-ignore
      });
      const { exitCode, stderr } = await newer.run(daemon, ["buildx", "bake", ...plain], { cwd: root });
      expect({ exitCode, stderr }).toMatchObject({
        exitCode: 0,
        stderr: expect.stringMatching(/#\d+ [\d.]+ base\n/),
      });
      expect(await ok(newer, "run", "--rm", "bake-app:1", "cat", "/base")).toBe("base\n");
      expect(await ok(newer, "image", "inspect", "-f", "{{len .RootFS.Layers}}", "bake-tool:1")).toBe("1\n");
    },
    minute,
  );

  test(
    "build checks, and what the cache holds",
    async () => {
      const root = context("checks", { Dockerfile: "FROM box:1 as x\nCOPY a /\n", a: "a" });
      const { exitCode, stdout, stderr } = await newer.run(daemon, ["build", "--check", root]);
      expect({ exitCode, stderr }).toMatchObject({ exitCode: 1 });
      expect(stdout).toContain(
        "WARNING: FromAsCasing - https://docs.docker.com/go/dockerfile/rule/from-as-casing/",
      );
      expect(stderr).not.toContain("load build context");
      await ok(newer, "build", root);
      expect(await ok(newer, "buildx", "du", "--filter", "type=source.local")).toMatch(/\w+\*? +true/);
      expect(await ok(newer, "buildx", "prune", "-f", "--filter", "type=source.local")).toMatch(
        /Total:\s+[\d.]+k?M?B/,
      );
      expect(readdirSync(daemon.identity.path("contexts"))).toEqual([]);
      await ok(newer, "buildx", "prune", "-af");
      expect(await ok(newer, "buildx", "du")).toMatch(/Total:\s+0B/);
    },
    minute,
  );

  test("the builder, as buildx lists it", async () => {
    const { exitCode, stdout } = await newer.run(daemon, ["buildx", "inspect"]);
    expect({ exitCode, stdout }).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/Driver:\s+docker\n/),
    });
    expect(stdout).toMatch(/Status:\s+running\n/);
    expect((await newer.run(daemon, ["buildx", "ls"])).stdout).toMatch(/default\*?\s+docker/);
  });

  test(
    "a docker without buildx falls back to the classic builder",
    async () => {
      const root = context("classic", { Dockerfile: "FROM box:1\nRUN echo built >/built\n" });
      const config = context("no-plugins", { "config.json": "{}" });
      const env = { DOCKER_CONFIG: config, HOME: config };
      const { exitCode, stdout, stderr } = await newer.run(daemon, ["build", "-t", "classic:1", root], {
        env,
      });
      // Where the machine itself has the plugin, docker finds it.
      if (existsSync("/usr/libexec/docker/cli-plugins/docker-buildx")) expect(exitCode).toBe(0);
      else expect({ exitCode, text: stdout + stderr }).toMatchObject({ exitCode: 0, text: expect.stringMatching(/Successfully tagged classic:1[^]*DEPRECATED/) }); // prettier-ignore
    },
    minute,
  );
});

describe("docker compose build", () => {
  test(
    "builds through the same API",
    async () => {
      const root = context("shop", {
        "compose.yaml": "services:\n  a: {build: {context: ., args: {WHO: a}}, image: 'shop-a:1'}\n  b: {build: {context: ., dockerfile: Other, args: {WHO: b}}, image: 'shop-b:1'}\n", // prettier-ignore
        Dockerfile: "FROM box:1\nARG WHO\nRUN echo $WHO >/who\n",
        Other: "FROM box:1\nARG WHO\nRUN echo other $WHO >/who\n",
      });
      const { exitCode, stdout, stderr } = await newer.run(daemon, ["compose", "build"], { cwd: root });
      expect({ exitCode, stdout, stderr }).toMatchObject({ exitCode: 0 });
      expect(await ok(newer, "run", "--rm", "shop-b:1", "cat", "/who")).toBe("other b\n");
      expect(await ok(newer, "run", "--rm", "shop-a:1", "cat", "/who")).toBe("a\n");
    },
    minute,
  );
});

import { afterAll, beforeAll, describe, expect, spyOn, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  statfsSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { VirgaError } from "../base/index.ts";
import { mount, mountsBelow, runChecked, unmount } from "../host/index.ts";
import type { BuildEvent } from "./build-event.ts";
import { testBuilds, type TestBuilds } from "./testing.ts";

let t: TestBuilds;
beforeAll(async () => void (t = await testBuilds()));
afterAll(async () => await t[Symbol.asyncDispose]());

async function errorOf(work: Promise<unknown>): Promise<VirgaError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof VirgaError) return error;
  throw error ?? new Error("it did not fail");
}
const dockerfile = (...lines: string[]) => ({ dockerfileText: lines.join("\n") });
const cached = (events: readonly BuildEvent[]) =>
  events.flatMap((event) => (event.kind === "layer" ? [event.cached] : [])).slice(1);
const output = (events: readonly BuildEvent[]) =>
  events.map((event) => (event.kind === "output" ? event.text : "")).join("");
/** Nothing of any build is left: no folder, no mount. */
function nothingLeft() {
  const home = join(t.root, "builds");
  expect(existsSync(home) ? readdirSync(home).filter((name) => name !== "mounts") : []).toEqual([]);
  expect(mountsBelow(home)).toEqual([]);
}

describe("an image", () => {
  test("carries what the instructions say", async () => {
    const path = await t.context({ "a.txt": "a" });
    const { image, events } = await t.build(path, {
      tags: ["app:1", "app:2"],
      labels: { given: "yes" },
      ...dockerfile(
        "ARG BASE=busybox",
        "FROM $BASE",
        "ENV A=1 B=$A",
        'ENV C="$A b"',
        "ARG X=x",
        "LABEL l=$X",
        "WORKDIR /srv",
        "WORKDIR app",
        "COPY a.txt .",
        "EXPOSE 80 53/udp",
        "VOLUME /data /more",
        "USER app:web",
        'ENTRYPOINT ["/bin/app"]',
        "CMD serve --all",
        "STOPSIGNAL SIGINT",
        "HEALTHCHECK --interval=5s CMD wget -q localhost",
        "ONBUILD RUN echo hi",
        "MAINTAINER me",
      ),
    });
    expect(image.config.config).toEqual({
      Env: ["PATH=/bin", "A=1", "B=", "C=1 b"],
      Labels: { l: "x", given: "yes" },
      WorkingDir: "/srv/app",
      ExposedPorts: { "80/tcp": {}, "53/udp": {} },
      Volumes: { "/data": {}, "/more": {} },
      User: "app:web",
      Entrypoint: ["/bin/app"],
      Cmd: ["/bin/sh", "-c", "serve --all"],
      StopSignal: "SIGINT",
      Healthcheck: { Test: ["CMD-SHELL", "wget -q localhost"], Interval: 5e9 },
      OnBuild: ["RUN echo hi"],
    });
    expect(image.config.author).toBe("me");
    expect(image.references.toSorted()).toEqual(["docker.io/library/app:1", "docker.io/library/app:2"]);
    const made = image.config.history!.slice(1);
    expect(made.map((one) => one.created_by)).toContain("COPY a.txt .");
    expect(made.filter((one) => !one.empty_layer)).toHaveLength(3);
    expect(events.find((event) => event.kind === "started")?.step).toMatchObject({
      kind: "from",
      name: "[1/4] FROM $BASE",
      number: 1,
      total: 17,
      text: "FROM $BASE",
    });
    nothingLeft();
  });

  test("CMD of the base goes when ENTRYPOINT changes, a CMD of the file stays", async () => {
    const path = await t.context({});
    const gone = await t.build(path, dockerfile("FROM busybox", 'ENTRYPOINT ["a"]'));
    expect(gone.image.config.config?.Cmd).toBeUndefined();
    const kept = await t.build(path, dockerfile("FROM busybox", 'CMD ["b"]', 'ENTRYPOINT ["a"]'));
    expect(kept.image.config.config?.Cmd).toEqual(["b"]);
  });

  test("ARG: passed, defaulted, from before FROM, overridden by ENV", async () => {
    const path = await t.context({});
    const { events, warnings } = await t.build(path, {
      buildArgs: { B: "passed", UNUSED: "x", HTTP_PROXY: "p", N: null },
      ...dockerfile(
        "ARG G=global",
        "FROM busybox AS one",
        "ARG B=default D=${B}2 G TARGETARCH N=none",
        "ENV E=env",
        "ARG E=arg",
        "RUN echo $B $D $G $E $HTTP_PROXY $N $TARGETARCH",
        "FROM one",
        "RUN echo again $B",
      ),
    });
    const architecture = t.images.resolve("busybox").config.architecture;
    expect(output(events)).toBe(`passed passed2 global env p none ${architecture}\nagain passed\n`);
    expect(warnings).toEqual(["One or more build-args [UNUSED] were not consumed"]);
  });

  test("ONBUILD triggers run in the child, once", async () => {
    const path = await t.context({ f: "1" });
    await t.build(path, { tags: ["trigger"], ...dockerfile("FROM busybox", "ONBUILD COPY f /f") });
    const { image } = await t.build(path, dockerfile("FROM trigger", "RUN cat /f"));
    expect(image.config.config?.OnBuild).toBeUndefined();
    expect(await t.inside(image, (root) => readFileSync(`${root}/f`, "utf8"))).toBe("1");
  });

  test("from scratch", async () => {
    const path = await t.context({ hello: "x" });
    const { image } = await t.build(path, dockerfile("FROM scratch", "COPY hello /", 'CMD ["/hello"]'));
    expect(await t.inside(image, (root) => readdirSync(root))).toEqual(["hello"]);
    expect(image.config.rootfs.diff_ids).toHaveLength(1);
  });
});

describe("COPY and ADD", () => {
  test("modes, owners, links and times", async () => {
    const path = await t.context({ "d/run.sh": "#!", "d/sub/f": "f" });
    chmodSync(`${path}/d/run.sh`, 0o750);
    symlinkSync("run.sh", `${path}/d/link`);
    linkSync(`${path}/d/sub/f`, `${path}/d/sub/g`);
    utimesSync(`${path}/d/run.sh`, 1000, 2000);
    const { image } = await t.build(
      path,
      dockerfile(
        "FROM busybox",
        "COPY d /a/",
        "COPY --chown=app:33 --chmod=u=rwX,go=rX d /b",
        "COPY --chown=7 d/run.sh /c/",
      ),
    );
    await t.inside(image, (root) => {
      const run = lstatSync(`${root}/a/run.sh`);
      // Not the file's own time: that is another one in each checkout.
      const time = Date.parse(t.images.resolve("busybox").config.created!);
      expect([run.mode & 0o7777, run.uid, run.gid, run.mtimeMs]).toEqual([0o750, 0, 0, time]);
      expect(readlinkSync(`${root}/a/link`)).toBe("run.sh");
      expect(lstatSync(`${root}/a/sub/f`).ino).toBe(lstatSync(`${root}/a/sub/g`).ino);
      const other = lstatSync(`${root}/b/run.sh`);
      expect([other.mode & 0o7777, other.uid, other.gid]).toEqual([0o755, 1000, 33]);
      expect(lstatSync(`${root}/b/sub`).uid).toBe(1000);
      expect(lstatSync(`${root}/c/run.sh`).gid).toBe(7);
    });
  });

  test("destinations: a name, a folder, one that is there, the working directory", async () => {
    const path = await t.context({ a: "a", b: "b", "d/x": "x" });
    const { image } = await t.build(
      path,
      dockerfile(
        "FROM busybox",
        "WORKDIR /w",
        "COPY a name",
        "COPY a folder/",
        "COPY a b two/",
        "COPY a /tmp",
        "COPY d .",
        "COPY . /all",
        "COPY ../../d/../a /up",
      ),
    );
    await t.inside(image, (root) => {
      for (const file of ["w/name", "w/folder/a", "w/two/b", "tmp/a", "w/x", "all/d/x", "up"]) {
        expect(lstatSync(join(root, file)).isFile()).toBe(true);
      }
      expect(lstatSync(`${root}/all`).mode & 0o777).toBe(0o755);
    });
  });

  test("patterns, --exclude, --parents and .dockerignore", async () => {
    const path = await t.context({
      ".dockerignore": "*.log\n!keep.log\nsecret\n!secret/open",
      "a.txt": "", "b.txt": "", "x.log": "", "keep.log": "", "secret/s": "", "secret/open": "",
      "src/a.ts": "", "src/b/c.ts": "", "src/b/c.md": "",
    }); // prettier-ignore
    const { image, warnings } = await t.build(
      path,
      dockerfile(
        "FROM busybox",
        "COPY *.txt *.log missing* /some/",
        "COPY --exclude=*.txt --exclude=src . /rest",
        "COPY --parents src/./**/*.ts /deep/",
      ),
    );
    await t.inside(image, (root) => {
      expect(readdirSync(`${root}/some`).toSorted()).toEqual(["a.txt", "b.txt", "keep.log"]);
      expect(readdirSync(`${root}/rest`).toSorted()).toEqual([".dockerignore", "keep.log", "secret"]);
      expect(readdirSync(`${root}/rest/secret`)).toEqual(["open"]);
      expect(existsSync(`${root}/deep/b/c.ts`) && existsSync(`${root}/deep/a.ts`)).toBe(true);
    });
    expect(warnings).toEqual(["Dockerfile:2: COPY: 'missing*' matches nothing in the build context"]);
    const hidden = await errorOf(t.build(path, dockerfile("FROM busybox", "COPY x.log /")));
    expect(hidden.code).toBe("build.source-not-found");
  });

  test("here-documents", async () => {
    const path = await t.context({});
    const { image, events } = await t.build(
      path,
      dockerfile(
        "FROM busybox",
        "ENV V=value",
        "COPY <<one <<'two' /t/",
        'a "$V"',
        "one",
        "$V",
        "two",
        "RUN <<EOF",
        "echo first",
        "echo $V",
        "EOF",
        "RUN cat <<EOF > /out",
        "$V \\$V",
        "EOF",
      ),
    );
    expect(output(events)).toBe("first\nvalue\n");
    await t.inside(image, (root) => {
      expect(readFileSync(`${root}/t/one`, "utf8")).toBe('a "value"\n');
      expect(readFileSync(`${root}/t/two`, "utf8")).toBe("$V\n");
      expect(readFileSync(`${root}/out`, "utf8")).toBe("value $V\n");
    });
  });

  test("a symlink of the context never leads outside of it", async () => {
    const path = await t.context({ in: "x" });
    symlinkSync("../../../../../../etc/shadow", `${path}/out`);
    symlinkSync("/etc", `${path}/folder`);
    symlinkSync("in", `${path}/ok`);
    const escape = await errorOf(t.build(path, dockerfile("FROM busybox", "COPY out /x")));
    expect([escape.kind, escape.code]).toEqual(["invalid", "build.source-escape"]);
    expect((await errorOf(t.build(path, dockerfile("FROM busybox", "COPY folder/shadow /x")))).code).toBe(
      "build.source-escape",
    );
    const { image } = await t.build(path, dockerfile("FROM busybox", "COPY ok /x"));
    expect(await t.inside(image, (root) => readFileSync(`${root}/x`, "utf8"))).toBe("x");
    nothingLeft();
  });

  test("a symlink of the image never leads outside of it", async () => {
    const path = await t.context({ f: "f" });
    const { image } = await t.build(
      path,
      dockerfile(
        "FROM busybox",
        `RUN ln -s ${t.root} /out && ln -s ../../../../.. /up`,
        "COPY f /out/f",
        "COPY f /up/g",
      ),
    );
    expect(existsSync(`${t.root}/f`)).toBe(false);
    await t.inside(image, (root) => {
      expect(existsSync(`${root}${t.root}/f`)).toBe(true);
      expect(existsSync(`${root}/g`)).toBe(true);
    });
  });

  test("ADD unpacks tars, packed or not, and nothing else", async () => {
    const path = await t.context({ "d/f": "f", "plain.gz": "not packed" });
    await runChecked(["tar", "-C", path, "-cf", `${path}/a.tar`, "d"]);
    await runChecked(["tar", "-C", path, "-czf", `${path}/b.tgz`, "d"]);
    await runChecked(["tar", "-C", path, "-cJf", `${path}/c.tar.xz`, "d"]);
    await runChecked(["gzip", "-k", `${path}/d/f`]);
    const { image } = await t.build(
      path,
      dockerfile(
        "FROM busybox",
        "ADD a.tar b.tgz /x/y/",
        "ADD --chown=app c.tar.xz /z",
        "ADD d/f.gz plain.gz /g/",
        "COPY a.tar /c/",
      ),
    );
    await t.inside(image, (root) => {
      expect(readFileSync(`${root}/x/y/d/f`, "utf8")).toBe("f");
      expect(lstatSync(`${root}/z/d/f`).uid).toBe(1000);
      expect(readdirSync(`${root}/g`).toSorted()).toEqual(["f.gz", "plain.gz"]);
      expect(readdirSync(`${root}/c`)).toEqual(["a.tar"]);
    });
  });

  test("ADD fetches addresses", async () => {
    using server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: (request) =>
        request.url.endsWith("/ok.txt")
          ? new Response("body", { headers: { "last-modified": "Thu, 01 Jan 2026 00:00:00 GMT" } })
          : new Response("no", { status: 404 }),
    });
    const path = await t.context({});
    const sum = new Bun.CryptoHasher("sha256").update("body").digest("hex");
    const url = `${server.url.href}ok.txt`;
    const { image } = await t.build(
      path,
      dockerfile("FROM busybox", `ADD --checksum=sha256:${sum} ${url} /d/`),
    );
    await t.inside(image, (root) => {
      const stat = lstatSync(`${root}/d/ok.txt`);
      expect([stat.mode & 0o777, stat.mtimeMs]).toEqual([0o600, Date.UTC(2026, 0, 1)]);
    });
    const missing = await errorOf(t.build(path, dockerfile("FROM busybox", `ADD ${server.url.href}no /x`)));
    expect([missing.kind, missing.code]).toEqual(["unavailable", "build.download-failed"]);
    const wrong = await errorOf(
      t.build(path, dockerfile("FROM busybox", `ADD --checksum=sha256:${"0".repeat(64)} ${url} /x`)),
    );
    expect(wrong.code).toBe("build.checksum-mismatch");
    nothingLeft();
  });

  test("a file does not take a folder's place", async () => {
    const path = await t.context({ "d/tmp": "x", "e/etc/passwd/f": "x" });
    for (const line of ["COPY d /", "COPY e /"]) {
      expect((await errorOf(t.build(path, dockerfile("FROM busybox", line)))).code).toBe(
        "build.copy-conflict",
      );
    }
  });
});

describe("stages", () => {
  const lines = [
    "FROM busybox AS tools",
    "RUN echo tool > /tool && chown 5:6 /tool",
    "FROM busybox AS unneeded",
    "RUN exit 1",
    "FROM busybox AS app",
    "COPY --from=tools /tool /tool",
    "COPY --from=0 /tool /second",
    "FROM app AS last",
    "RUN echo last > /last",
  ];

  test("only those that the target needs are built; owners are kept", async () => {
    const path = await t.context({});
    const { image, events } = await t.build(path, { target: "app", ...dockerfile(...lines) });
    const begun = events.flatMap((event) => (event.kind === "started" ? [event.step] : []));
    expect(begun.filter((step) => step.number !== undefined)).toHaveLength(5);
    await t.inside(image, (root) => {
      expect(lstatSync(`${root}/tool`).uid).toBe(5);
      expect(existsSync(`${root}/second`) && !existsSync(`${root}/last`)).toBe(true);
    });
    const unknown = await errorOf(t.build(path, { target: "nope", ...dockerfile(...lines) }));
    expect([unknown.code, unknown.hint]).toEqual([
      "build.target-not-found",
      "the stages are tools, unneeded, app, last",
    ]);
  });

  test("a copy from a stage stays cached while what it copies is the same", async () => {
    const path = await t.context({});
    const build = (more: string) =>
      t.build(
        path,
        dockerfile(
          "FROM busybox AS one",
          `RUN echo ${more} > /other; echo same > /same; touch -d @1000 /same`,
          "FROM busybox",
          "COPY --from=one /same /same",
        ),
      );
    const first = await build("1");
    const second = await build("2");
    expect(cached(second.events).at(-1)).toBe(true);
    expect(second.image.id).toBe(first.image.id);
  });

  test("copy from an image, and from what is neither", async () => {
    const path = await t.context({});
    const { image } = await t.build(path, dockerfile("FROM scratch", "COPY --from=busybox /bin/busybox /b"));
    expect(await t.inside(image, (root) => existsSync(`${root}/b`))).toBe(true);
    const none = await errorOf(t.build(path, dockerfile("FROM busybox", "COPY --from=7 /x /x")));
    expect(none.message).toContain("Dockerfile:2: COPY: there is no stage '7'");
  });

  test("a copy from a stage further down; never from one that needs this one", async () => {
    const path = await t.context({});
    const lines = ["FROM busybox AS a", "COPY --from=b /b /copied", "FROM busybox AS b", "RUN echo b >/b"];
    const { image, events } = await t.build(path, { target: "a", ...dockerfile(...lines) });
    expect(await t.inside(image, (root) => readFileSync(`${root}/copied`, "utf8"))).toBe("b\n");
    const steps = events.flatMap((event) => (event.kind === "planned" ? event.steps : []));
    const [copy, run] = ["COPY", "RUN"].map((word) => steps.find((one) => one.text.startsWith(word))!);
    expect(copy!.inputs).toContain(run!.id);

    const circles = [
      ["FROM busybox AS a", "COPY --from=b /x /x", "FROM a AS b"],
      ["FROM busybox AS a", "RUN --mount=from=a,target=/x true"],
    ];
    for (const circle of circles) {
      const error = await errorOf(t.build(path, dockerfile(...circle)));
      expect([error.code, error.message]).toEqual([
        "dockerfile.circular",
        expect.stringMatching(/^Dockerfile:\d: FROM: the stage [ab] needs itself/),
      ]);
    }
    // Only the triggers close this one.
    await t.build(path, { tags: ["circle"], ...dockerfile("FROM busybox", "ONBUILD COPY --from=last / /x") });
    const hidden = ["FROM circle AS one", "FROM one AS last"];
    expect((await errorOf(t.build(path, dockerfile(...hidden)))).code).toBe("dockerfile.circular");
  });
});

describe("the cache", () => {
  test("knows unchanged steps, and gives the same image", async () => {
    const path = await t.context({ a: "a" });
    const lines = ["FROM busybox", "ENV X=1", "COPY a /a", "RUN echo r > /r", "WORKDIR /w", 'CMD ["x"]'];
    const first = await t.build(path, dockerfile(...lines));
    await t.clock.advance(5000);
    utimesSync(`${path}/a`, 5, 5);
    const second = await t.build(path, dockerfile(...lines));
    expect(cached(second.events)).toEqual([true, true, true, true, true]);
    expect(second.image.id).toBe(first.image.id);

    writeFileSync(`${path}/a`, "b");
    const third = await t.build(path, dockerfile(...lines));
    expect(cached(third.events)).toEqual([true, false, false, false, false]);

    chmodSync(`${path}/a`, 0o755);
    expect(cached((await t.build(path, dockerfile(...lines))).events)[1]).toBe(false);
  });

  test("an ARG counts where it can be seen", async () => {
    const path = await t.context({});
    const lines = ["FROM busybox", "RUN echo before", "ARG A", "RUN echo $A"];
    await t.build(path, { buildArgs: { A: "1" }, ...dockerfile(...lines) });
    const { events } = await t.build(path, { buildArgs: { A: "2" }, ...dockerfile(...lines) });
    expect(cached(events)).toEqual([true, false, false]);
    const proxied = { A: "2", http_proxy: "elsewhere" };
    expect(cached((await t.build(path, { buildArgs: proxied, ...dockerfile(...lines) })).events)).toEqual([
      true,
      true,
      true,
    ]);
  });

  test("can be left aside", async () => {
    const path = await t.context({});
    const lines = ["FROM busybox", "RUN echo no-cache"];
    await t.build(path, dockerfile(...lines));
    const { events } = await t.build(path, { noCache: true, ...dockerfile(...lines) });
    expect(cached(events)).toEqual([false]);
  });

  test("can be left aside for single stages", async () => {
    const path = await t.context({});
    const lines = ["FROM busybox AS one", "RUN echo 1 > /1", "FROM busybox AS Two", "RUN echo 2 > /2", "COPY --from=one /1 /1"];
    await t.build(path, dockerfile(...lines));
    const before = t.steps.ran.length;
    await t.build(path, { noCacheStages: ["TWO"], ...dockerfile(...lines) });
    expect(t.steps.ran.slice(before)).toEqual([["/bin/sh", "-c", "echo 2 > /2"]]);
  }); // prettier-ignore

  test("the limits and the host's name of RUN steps; another name is another step", async () => {
    const path = await t.context({});
    const lines = ["FROM busybox", "RUN echo limits"];
    const ulimits = [{ name: "nofile", soft: 10, hard: 20 }];
    await t.build(path, { ulimits, cgroupParent: "/some/parent", ...dockerfile(...lines) });
    expect(t.steps.given.at(-1)).toEqual({ hostname: undefined, ulimits, cgroupParent: "/some/parent" });
    await t.build(path, { hostname: "one", ...dockerfile(...lines) });
    expect(t.steps.given.at(-1)).toMatchObject({ hostname: "one" });
    const buildArgs = { BUILDKIT_SANDBOX_HOSTNAME: "two" };
    await t.build(path, { hostname: "one", buildArgs, ...dockerfile(...lines) });
    expect(t.steps.given.at(-1)).toMatchObject({ hostname: "two" });
  });

  test("the same step of two builds at once runs once", async () => {
    const path = await t.context({});
    const lines = ["FROM busybox", "RUN sleep 0.2; echo together > /t"];
    const before = t.steps.ran.length;
    const [one, two] = await Promise.all([
      t.build(path, dockerfile(...lines)),
      t.build(path, dockerfile(...lines)),
    ]);
    expect(two.image.id).toBe(one.image.id);
    expect(t.steps.ran.length - before).toBe(1);
  });

  test("is pruned, except for what images need; cacheFrom takes an image's own steps", async () => {
    const path = await t.context({ f: "cache-from" });
    const lines = ["FROM busybox", "COPY f /f", "RUN echo prune > /p", 'CMD ["x"]'];
    const { image } = await t.build(path, { tags: ["kept"], ...dockerfile(...lines) });
    expect((await t.builds.cacheUsage()).entries).toBeGreaterThan(3);
    const { freed } = await t.builds.pruneCache({ all: true });
    expect(freed).toBeGreaterThan(0);
    expect(await t.builds.cacheUsage()).toEqual({ entries: 0, bytes: 0 });
    expect(await t.inside(image, (root) => readFileSync(`${root}/p`, "utf8"))).toBe("prune\n");

    const again = await t.build(path, {
      cacheFrom: [
        { kind: "image", name: "kept" },
        { kind: "image", name: "not-here" },
      ],
      ...dockerfile(...lines),
    });
    expect(cached(again.events)).toEqual([true, true, true]);
    expect(again.image.id).toBe(image.id);
    expect(again.warnings).toEqual(["nothing is taken as cache from not-here, which is not on this machine"]);
  });

  test("an entry whose layer is gone is made again", async () => {
    const path = await t.context({});
    const lines = ["FROM busybox", "RUN echo gone > /gone"];
    const { image } = await t.build(path, dockerfile(...lines));
    const diffId = image.config.rootfs.diff_ids.at(-1)!;
    await t.layers.remove(diffId);
    const again = await t.build(path, dockerfile(...lines));
    expect(cached(again.events)).toEqual([false]);
    expect(t.layers.has(again.image.config.rootfs.diff_ids.at(-1)!)).toBe(true);
  });
});

describe("RUN", () => {
  test("a command that fails ends the build, and leaves nothing", async () => {
    const path = await t.context({});
    const before = t.images.list().length;
    const error = await errorOf(t.build(path, dockerfile("FROM busybox", "RUN echo x > /x && exit 2")));
    expect([error.kind, error.code]).toEqual(["invalid", "build.step-failed"]);
    expect(error.message).toBe("The command '/bin/sh -c echo x > /x && exit 2' returned a non-zero code: 2");
    expect(t.images.list()).toHaveLength(before);
    nothingLeft();
  });

  test("cancelled in the middle, it leaves nothing", async () => {
    const path = await t.context({});
    const stop = new AbortController();
    const lines = ["FROM busybox", "RUN echo started && sleep 100"];
    const seen: BuildEvent[] = [];
    const work = t.builds.build(
      { context: { kind: "directory", path }, ...dockerfile(...lines) },
      {
        onEvent: (event) => {
          seen.push(event);
          if (event.kind === "output") stop.abort(new Error("enough"));
        },
        signal: stop.signal,
      },
    );
    expect(work).rejects.toThrow("enough");
    await work.catch(() => {});
    expect(output(seen)).toBe("started\n");
    nothingLeft();
  });

  test("SHELL, exec form, and a step that changes no file", async () => {
    const path = await t.context({});
    const { image, events } = await t.build(
      path,
      dockerfile(
        "FROM busybox",
        'RUN ["/bin/echo", "exec $HOME"]',
        'SHELL ["/bin/sh", "-x", "-c"]',
        "RUN true",
      ),
    );
    expect(output(events)).toBe("exec $HOME\n+ true\n");
    expect(image.config.rootfs.diff_ids).toHaveLength(1);
    expect(image.config.history!.at(-1)).toMatchObject({
      created_by: "RUN /bin/sh -x -c true",
      empty_layer: true,
    });
  });
});

test("a tar context is unpacked, used and removed", async () => {
  const path = await t.context({
    Dockerfile: "FROM busybox\nCOPY . /c\n",
    ".dockerignore": "no",
    yes: "1",
    no: "2",
  });
  const tar = Bun.spawn(["tar", "-C", path, "-czf", "-", "."], { stdout: "pipe" });
  const { imageId } = await t.builds.build(
    { context: { kind: "tar", source: tar.stdout } },
    { onEvent: () => {} },
  );
  const names = await t.inside(t.images.resolve(imageId), (root) => readdirSync(`${root}/c`).toSorted());
  expect(names).toEqual([".dockerignore", "Dockerfile", "yes"]);
  nothingLeft();
});

test("SOURCE_DATE_EPOCH gives the same image again", async () => {
  const path = await t.context({ f: "epoch" });
  const request = {
    noCache: true,
    buildArgs: { SOURCE_DATE_EPOCH: "1700000000" },
    ...dockerfile("FROM busybox", "COPY f /e/f", "RUN echo x > /x"),
  };
  const first = await t.build(path, request);
  await t.clock.advance(60_000);
  const second = await t.build(path, request);
  expect(first.image.config.created).toBe("2023-11-14T22:13:20.000Z");
  expect(second.image.config.rootfs.diff_ids).toEqual(first.image.config.rootfs.diff_ids);
  expect(second.image.id).toBe(first.image.id);
});

test("what a killed daemon left is cleared away", async () => {
  const folder = join(t.root, "builds", "0123456789abcdef");
  mkdirSync(`${folder}/context`, { recursive: true });
  const busybox = t.images.resolve("busybox").config.rootfs.diff_ids;
  await t.layers.mount({ layers: busybox, directory: `${folder}/step-1` });
  await t.layers.mount({ layers: busybox, directory: `${folder}/from-2`, readOnly: true });
  await t.builds.recover();
  nothingLeft();
});

describe("stopped in every phase, by its client or by a full disk, it leaves nothing and the cache is sound", () => {
  const lines = ["FROM busybox", "COPY f /f", "RUN cat /f >/made; echo ran", 'CMD ["x"]'];
  /** Archives that never end. */
  async function* endless(path: string, begun: () => void): AsyncGenerator<Uint8Array> {
    const tar = Bun.spawnSync(["tar", "-C", path, "-cf", "-", "."]).stdout;
    yield tar.subarray(0, tar.length - 2048);
    begun();
    await new Promise(() => {});
  }
  const full = () => Promise.reject(Object.assign(new Error("ENOSPC: no space left"), { code: "ENOSPC" }));
  let number = 0;
  /** What was made until then is taken from the cache, and is what a whole build makes. */
  const soundAfter = async (path: string) => {
    nothingLeft();
    const after = await t.build(path, dockerfile(...lines));
    expect(await t.inside(after.image, (root) => readFileSync(`${root}/made`, "utf8"))).toBe(`${number}`);
    const whole = await t.build(path, { noCache: true, ...dockerfile(...lines) });
    expect(after.image.id).toBe(whole.image.id);
  };
  const fresh = () => t.context({ f: `${++number}`, Dockerfile: lines.join("\n") });

  test("while the context arrives", async () => {
    const path = await fresh();
    const stop = new AbortController();
    const source = endless(path, () => stop.abort(new Error("enough")));
    const work = t.builds.build(
      { context: { kind: "tar", source } },
      { onEvent: () => {}, signal: stop.signal },
    );
    expect(work).rejects.toThrow("enough");
    await work.catch(() => {});
    await soundAfter(path);
  });

  type Calls = Record<string, (...args: unknown[]) => Promise<unknown>>;
  const phases: Record<string, () => [calls: Calls, name: string]> = {
    "while a layer is mounted": () => [t.layers as never, "mount"],
    "while a layer is made": () => [t.layers as never, "commit"],
    "while the image is made": () => [t.images as never, "create"],
  };
  for (const [name, phase] of Object.entries(phases)) {
    test(`${name}: cancelled`, async () => {
      const path = await fresh();
      const stop = new AbortController();
      const [calls, call] = phase();
      const really = calls[call]!.bind(calls);
      const spied = spyOn(calls, call).mockImplementationOnce((...args) => {
        stop.abort(new Error("enough"));
        return really(...args);
      });
      const error = await t.build(path, dockerfile(...lines), stop.signal).then(() => undefined, (thrown: unknown) => thrown); // prettier-ignore
      spied.mockRestore();
      // An image that was made by then is one.
      if (name !== "while the image is made") expect(String(error)).toContain("enough");
      await soundAfter(path);
    });

    test(`${name}: the disk is full`, async () => {
      const path = await fresh();
      const before = t.images.list().length;
      const spied = spyOn(...phase()).mockImplementationOnce(full);
      const error = await errorOf(t.build(path, dockerfile(...lines)));
      spied.mockRestore();
      expect([error.kind, error.code]).toEqual(["exhausted", "build.disk-full"]);
      expect(t.images.list()).toHaveLength(before);
      await soundAfter(path);
    });
  }
});

test("a full disk ends the build with a clear error, and leaves nothing", async () => {
  const disk = mkdtempSync("/var/tmp/virga-builds-disk-");
  mount("tmpfs", disk, "tmpfs", 0, "size=24m");
  try {
    await using small = await testBuilds(disk);
    const path = await t.context({});
    writeFileSync(`${path}/big`, Buffer.alloc(30 << 20, 1));
    writeFileSync(`${path}/half`, Buffer.alloc(12 << 20, 1));
    for (const name of ["big", "half"]) {
      const error = await errorOf(small.build(path, dockerfile("FROM busybox", `COPY ${name} /`)));
      expect(error.kind).toBe("exhausted");
      expect(readdirSync(`${small.root}/builds`)).toEqual([]);
    }
    expect(small.layers.list()).toHaveLength(1);

    // What a build writes for itself: here a here-document, on a disk with 64 KB left.
    const { bavail, bsize } = statfsSync(disk);
    writeFileSync(`${disk}/filler`, Buffer.alloc(bavail * bsize - (64 << 10)));
    const heredoc = dockerfile("FROM busybox", "COPY <<E /x", "x".repeat(1 << 20), "E");
    const error = await errorOf(small.build(path, heredoc));
    expect([error.kind, error.code]).toEqual(["exhausted", "build.disk-full"]);
    expect(readdirSync(`${small.root}/builds`)).toEqual([]);
  } finally {
    unmount(disk);
    rmdirSync(disk);
  }
});

test("files that change while they are copied are not remembered under their old digest", async () => {
  const path = await t.context({ a: "first" });
  const lines = ["FROM busybox", "COPY a /a"];
  const mountReally = t.layers.mount.bind(t.layers);
  spyOn(t.layers, "mount").mockImplementationOnce((overlay) => {
    writeFileSync(`${path}/a`, "changed meanwhile");
    return mountReally(overlay);
  });
  const { warnings } = await t.build(path, dockerfile(...lines));
  expect(warnings).toEqual([
    "Dockerfile:2: the files changed while they were copied; the step is not cached",
  ]);
  writeFileSync(`${path}/a`, "first");
  const { image } = await t.build(path, dockerfile(...lines));
  expect(await t.inside(image, (root) => readFileSync(`${root}/a`, "utf8"))).toBe("first");
});

test("missing things have clear errors", async () => {
  const path = await t.context({});
  expect((await errorOf(t.build(path))).code).toBe("build.dockerfile-not-found");
  expect((await errorOf(t.build(`${path}/none`))).code).toBe("build.context-not-found");
  expect((await errorOf(t.build(path, dockerfile("FROM not-there")))).code).toBe("image.no-registry");
  const tag = await errorOf(
    t.build(path, { tags: ["UPPER:x"], ...dockerfile("FROM busybox", "RUN exit 1") }),
  );
  expect(tag.code).toBe("image.reference-invalid");
  const user = await errorOf(t.build(path, dockerfile("FROM busybox", "COPY --chown=ghost <<E /x", "E")));
  expect(user.message).toContain("Dockerfile:2: COPY: there is no user 'ghost'");
});

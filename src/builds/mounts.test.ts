import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, lstatSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import { isVirgaError } from "../base/index.ts";
import { mountsBelow } from "../host/index.ts";
import type { BuildEvent } from "./build-event.ts";
import { testBuilds, type TestBuilds } from "./testing.ts";

let t: TestBuilds;
beforeAll(async () => void (t = await testBuilds()));
afterAll(async () => {
  expect(mountsBelow(t.root)).toEqual([]);
  expect(readdirSync(join(t.root, "builds")).filter((name) => name !== "mounts")).toEqual([]);
  await t[Symbol.asyncDispose]();
});

const dockerfile = (...lines: string[]) => ({ dockerfileText: lines.join("\n") });
const output = (events: readonly BuildEvent[]) =>
  events.map((event) => (event.kind === "output" ? event.text : "")).join("");
async function codeOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(() => undefined, (reason: unknown) => reason); // prettier-ignore
  if (isVirgaError(error)) return error.code;
  throw error ?? new Error("it did not fail");
}

describe("secrets", () => {
  const secrets = (id: string) => Promise.resolve(id === "token" ? Buffer.from("s3cret") : undefined);

  test("are files with an owner, variables, or both, and in no layer", async () => {
    const path = await t.context({});
    const { image, events } = await t.build(path, {
      secrets,
      ...dockerfile(
        "FROM busybox",
        "ARG where=/etc/token",
        "RUN --mount=type=secret,id=token stat -c '%a %u %g' /run/secrets/token; cat /run/secrets/token; echo",
        "RUN --mount=type=secret,id=token,target=$where,mode=0440,uid=7,gid=8 stat -c '%a %u %g' /etc/token",
        "RUN --mount=type=secret,target=/x/token,env=T echo $T; cat /x/token; echo",
        "RUN --mount=type=secret,id=token,env=T echo only $T; [ ! -s /run/secrets/token ]",
        "RUN --mount=type=secret,id=other,env=O echo none $O",
      ),
    });
    expect(output(events)).toBe("400 0 0\ns3cret\n440 7 8\ns3cret\ns3cret\nonly s3cret\nnone\n");
    expect(JSON.stringify(image.config)).not.toContain("s3cret");
  });

  test("that are required and missing stop the build", async () => {
    const lines = ["FROM busybox", "RUN --mount=type=secret,id=gone,required true"];
    expect(await codeOf(t.build(await t.context({}), dockerfile(...lines)))).toBe("build.secret-missing");
  });

  test("do not make a step new when their value changes", async () => {
    const path = await t.context({});
    const lines = ["FROM busybox", "RUN --mount=type=secret,id=a date +%N > /when"];
    const build = (value: string) =>
      t.build(path, { secrets: () => Promise.resolve(Buffer.from(value)), ...dockerfile(...lines) });
    expect((await build("1")).image.id).toBe((await build("2")).image.id);
  });
});

describe("ssh", () => {
  let agent: Server;
  let socket: string;
  beforeAll(async () => {
    socket = join(t.root, "agent");
    agent = createServer((client) => client.on("data", (data) => client.end(`agent got ${data.toString()}`)));
    await new Promise<void>((resolve) => agent.listen(socket, resolve));
  });
  afterAll(() => void agent.close());

  test("a step talks to the agent through a socket of its own", async () => {
    const path = await t.context({});
    let answer = "";
    const asking = { ...t.steps };
    const run = asking.run.bind(asking);
    t.steps.run = async (step, onOutput, signal) => {
      const source = step.mounts.map((one) => (one.type === "bind" ? one.source : ""))[0]!;
      answer = await new Promise((resolve) => {
        const client = connect(source, () => client.write("hello"));
        client.on("data", (data) => resolve(data.toString()));
      });
      return await run(step, onOutput, signal);
    };
    const { events } = await t.build(path, {
      ssh: (id) => Promise.resolve(id === "default" ? socket : undefined),
      ...dockerfile(
        "FROM busybox",
        "RUN --mount=type=ssh,uid=5,mode=0660 echo $SSH_AUTH_SOCK; stat -c '%F %a %u' $SSH_AUTH_SOCK",
      ),
    });
    t.steps.run = run;
    expect(answer).toBe("agent got hello");
    expect(output(events)).toBe("/run/buildkit/ssh_agent.0\nsocket 660 5\n");
  });

  test("without an agent: nothing, or an error when it is required", async () => {
    const path = await t.context({});
    const { events } = await t.build(
      path,
      dockerfile("FROM busybox", "RUN --mount=type=ssh echo $SSH_AUTH_SOCK."),
    );
    expect(output(events)).toBe(".\n");
    const required = dockerfile("FROM busybox", "RUN --mount=type=ssh,id=x,required=true true");
    expect(await codeOf(t.build(path, required))).toBe("build.ssh-missing");
  });
});

describe("bind, cache and tmpfs", () => {
  test("what is written to a bind mount with rw is thrown away", async () => {
    const path = await t.context({ "src/f": "f" });
    const { image, events } = await t.build(
      path,
      dockerfile(
        "FROM busybox AS one",
        "RUN mkdir /d && echo d > /d/x && chown 5 /d/x",
        "FROM busybox",
        "RUN --mount=target=/m,source=src,rw echo new > /m/f && cat /m/f",
        "RUN --mount=target=/n,source=/d,from=one,readwrite echo more >> /n/x && cat /n/x && stat -c %u /n/x",
        "RUN --mount=target=/m,source=src touch /m/f 2>/tmp/e || cat /m/f",
        "RUN --mount=from=one,target=/n cat /n/d/x",
      ),
    );
    expect(output(events)).toBe("new\nd\nmore\n5\nfd\n");
    expect(readFileSync(join(path, "src/f"), "utf8")).toBe("f");
    expect(await t.inside(image, (root) => existsSync(`${root}/m`) || existsSync(`${root}/n`))).toBe(false);
  });

  test("a cache begins with what from has, and keeps what steps write", async () => {
    const path = await t.context({ "seed/a": "a" });
    const { events } = await t.build(
      path,
      dockerfile(
        "FROM scratch AS seed",
        "COPY seed /seed/",
        "FROM busybox",
        "ARG id=mine",
        "RUN --mount=type=cache,id=$id,target=/c,from=seed,source=/seed,mode=0750,uid=3 ls /c; touch /c/b; stat -c '%a %u' /c",
        "RUN --mount=type=cache,id=mine,target=/c,from=seed,source=/seed echo again; ls /c",
        "RUN --mount=type=cache,id=mine,target=/c ls /c",
        "RUN --mount=type=cache,id=p,target=/c,sharing=private touch /c/private",
        "RUN --mount=type=cache,id=p,target=/c,sharing=private,ro ls /c",
        "RUN --mount=type=tmpfs,target=/t,size=64k head -c 1m /bin/busybox > /t/x 2>/tmp/e; wc -c < /t/x",
      ),
    );
    expect(output(events)).toBe("a\n750 3\nagain\na\nb\nprivate\n65536\n");
  });

  test("BUILDKIT_CACHE_MOUNT_NS parts caches of the same id", async () => {
    const path = await t.context({});
    const build = (namespace: string, line: string) =>
      t.build(path, {
        buildArgs: { BUILDKIT_CACHE_MOUNT_NS: namespace },
        ...dockerfile("FROM busybox", `RUN --mount=type=cache,id=ns,target=/c ${line}`),
      });
    await build("one", "touch /c/one");
    expect(output((await build("two", "ls /c")).events)).toBe("");
    expect(output((await build("one", "ls /c # one")).events)).toBe("one\n");
  });
});

describe("named contexts", () => {
  test("folders and images, for FROM, COPY --from and RUN --mount", async () => {
    const path = await t.context({});
    const other = await t.context({ ".dockerignore": "secret", f: "of other", secret: "x", "d/g": "g" });
    symlinkSync("f", join(other, "link"));
    const { image, events } = await t.build(path, {
      contexts: {
        other: { kind: "directory", path: other },
        "docker.io/library/alpine": { kind: "image", reference: "busybox" },
        replaced: { kind: "directory", path: other },
      },
      ...dockerfile(
        "FROM nowhere/at-all AS replaced",
        "RUN exit 1",
        "FROM other AS files",
        "FROM alpine:latest",
        "COPY --from=other . /o/",
        "COPY --from=files /d/g /",
        "COPY --from=replaced f /r",
        "COPY --from=alpine /etc/passwd /p",
        "RUN --mount=from=other,target=/m cat /m/f; ls -A /m",
      ),
    });
    expect(output(events)).toBe("of other.dockerignore\nd\nf\nlink\n");
    await t.inside(image, (root) => {
      expect(readdirSync(`${root}/o`).toSorted()).toEqual([".dockerignore", "d", "f", "link"]);
      expect(lstatSync(`${root}/o/f`).uid).toBe(0);
      expect(readFileSync(`${root}/g`, "utf8") + readFileSync(`${root}/r`, "utf8")).toBe("gof other");
      expect(existsSync(`${root}/p`)).toBe(true);
    });
  });

  test("that are not there", async () => {
    const build = t.build(await t.context({}), {
      contexts: { gone: { kind: "directory", path: "/no/such/folder" } },
      ...dockerfile("FROM gone"),
    });
    expect(await codeOf(build)).toBe("build.context-not-found");
  });
});

test("--network=host, --security=insecure and --device need to be allowed", async () => {
  const path = await t.context({});
  const build = (flag: string, entitlements: ("network.host" | "security.insecure")[] = []) =>
    t.build(path, {
      entitlements,
      ...dockerfile("FROM busybox", `RUN ${flag} true # ${entitlements.length}`),
    });
  expect(await codeOf(build("--network=host"))).toBe("dockerfile.entitlement");
  expect(await codeOf(build("--security=insecure"))).toBe("dockerfile.entitlement");
  expect(await codeOf(build("--device=vendor.com/device"))).toBe("dockerfile.unsupported");
  await build("--security=sandbox");
  await build("--network=host --security=insecure", ["network.host", "security.insecure"]);
});

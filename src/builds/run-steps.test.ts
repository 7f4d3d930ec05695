import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { BuildEvent } from "./build-event.ts";
import { describeFailure, failureOf, LastLines } from "./steps/step-failure.ts";
import { testBuilds, type TestBuilds } from "./testing.ts";

let t: TestBuilds;
const environment: Record<string, string | undefined> = {};
beforeAll(async () => void (t = await testBuilds("/var/tmp", { environment })));
afterAll(async () => await t[Symbol.asyncDispose]());

const dockerfile = (...lines: string[]) => ({ dockerfileText: lines.join("\n") });
const output = (events: readonly BuildEvent[]) =>
  events.map((event) => (event.kind === "output" ? event.text : "")).join("");

describe("a RUN that fails", () => {
  test("tells its place, its exit code and its last lines", async () => {
    const lines = ["FROM busybox", "", "RUN for i in $(seq 20); do echo line $i; done; echo why >&2; exit 3"];
    const error: unknown = await t
      .build(await t.context({}), dockerfile(...lines))
      .catch((thrown: unknown) => thrown);
    const failure = failureOf(error)!;
    expect(failure).toMatchObject({ exitCode: 3, place: { file: "Dockerfile", line: 3, keyword: "RUN" } });
    expect(failure.output).toHaveLength(10);
    const text = describeFailure(failure).split("\n");
    expect(text[0]).toBe("Dockerfile:3: RUN: ended with exit code 3; it wrote at last:");
    expect(text).toContain("  | why");
    expect(text).toContain("  | line 20");
    expect(text).not.toContain("  | line 10");
  });

  test("leaves its files in an image when that is asked for", async () => {
    const path = await t.context({});
    const request = dockerfile(
      "FROM busybox",
      "ENV KEPT=1",
      "WORKDIR /w",
      "ARG ALSO=2",
      "RUN echo done > before",
      "RUN --mount=type=tmpfs,target=/mnt/gone echo half > after; exit 1",
    );
    await t.build(path, { ...request, debugImage: "debug/x:failed" }).catch(() => {});
    const image = t.images.resolve("debug/x:failed");
    await t.inside(image, (root) => {
      expect(readFileSync(`${root}/w/before`, "utf8") + readFileSync(`${root}/w/after`, "utf8")).toBe(
        "done\nhalf\n",
      );
      expect(existsSync(`${root}/mnt/gone`)).toBe(false);
    });
    expect(image.config.config).toMatchObject({ WorkingDir: "/w", Cmd: ["/bin/sh"] });
    expect(image.config.config?.Env).toEqual(expect.arrayContaining(["KEPT=1", "ALSO=2"]));
    await t.build(path, { ...dockerfile("FROM busybox", "RUN true"), debugImage: "debug/y:failed" });
    expect(() => t.images.resolve("debug/y:failed")).toThrow("debug/y");
  });

  test("the last lines: whole ones, of progress bars the last state", () => {
    const last = new LastLines(2);
    for (const text of ["a\nb", "c\n10%\r", "20%\r\n", "end"]) last.add(text);
    expect(last.lines).toEqual(["20%", "end"]);
    last.add("\n");
    expect(last.lines).toEqual(["20%", "end"]);
    expect(new LastLines(3).lines).toEqual([]);
  });
});

describe("the machine's proxy", () => {
  const show = "echo $HTTPS_PROXY $no_proxy $SSL_CERT_FILE; cat $SSL_CERT_FILE; cat $APT_CONFIG $WGETRC";
  const request = dockerfile("FROM busybox", `RUN (${show}) 2>&1; echo of step > /made`);

  test("is in RUN steps, and not in the image", async () => {
    const bundle = join(t.root, "bundle.crt");
    writeFileSync(bundle, "a company's CA\n");
    Object.assign(environment, {
      HTTPS_PROXY: "http://user:pw@proxy.example:3128",
      no_proxy: ".example",
      SSL_CERT_FILE: bundle,
    });
    const { image, events } = await t.build(await t.context({}), {
      ...request,
      hostProxy: true,
      noCache: true,
    });
    const certificates = "/run/virga-proxy/ca-certificates.crt";
    expect(output(events)).toBe(
      `http://user:pw@proxy.example:3128 .example ${certificates}\na company's CA\n` +
        `Acquire::https::CAInfo "${certificates}";\nca_certificate = ${certificates}\n`,
    );
    await t.inside(image, (root) => {
      expect(existsSync(`${root}/made`)).toBe(true);
      expect(existsSync(`${root}/run`)).toBe(false);
    });
    expect(JSON.stringify(image.config)).not.toMatch(/user:pw|virga-proxy/);
  });

  test("is not there without being asked for, and makes no step new", async () => {
    const path = await t.context({});
    const without = await t.build(path, { ...request, noCache: true });
    expect(output(without.events)).not.toContain("proxy.example");
    const cached = await t.build(path, { ...request, hostProxy: true });
    expect(output(cached.events)).toBe("");
  });

  test("what the file sets stays; a proxy on the loopback is warned of", async () => {
    Object.assign(environment, { HTTPS_PROXY: "http://127.0.0.1:3128" });
    const { events, warnings } = await t.build(await t.context({}), {
      hostProxy: true,
      ...dockerfile(
        "FROM busybox",
        "ENV HTTPS_PROXY=mine SSL_CERT_FILE=own",
        "RUN echo $HTTPS_PROXY $SSL_CERT_FILE",
      ),
    });
    expect(output(events)).toBe("mine own\n");
    expect(warnings).toEqual([
      "HTTPS_PROXY names a proxy on this machine's loopback, which RUN steps only reach with --network=host",
    ]);
  });
});

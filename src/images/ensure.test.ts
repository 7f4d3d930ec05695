import { describe, expect, test } from "bun:test";
import { parsePlatform } from "./ensure.ts";
import { hostPlatform } from "./formats.ts";
import { formatReference } from "./reference.ts";
import type { ImageSource } from "./source.ts";
import { errorOf, pieces, tar, testImages } from "./testing.ts";

/** A source of `demo`, with a gate. */
function demoSource() {
  const gate = Promise.withResolvers<void>();
  const asked: string[] = [];
  const source: ImageSource = {
    name: "demo",
    canProvide: (reference) => reference.path === "library/demo",
    async fetch(reference, { importRootfs, report, signal }) {
      asked.push(formatReference(reference));
      report({ task: "image demo", message: "Making demo" });
      const stopped = Promise.withResolvers<never>();
      signal.addEventListener("abort", () => stopped.reject(signal.reason as Error));
      await Promise.race([gate.promise, stopped.promise]);
      const image = await importRootfs(pieces(tar({ a: "demo" })), {
        reference: formatReference(reference),
        created: "2025-01-01T00:00:00Z",
        history: {},
        signal,
      });
      return { image, digest: image.manifest.digest };
    },
  };
  return { gate, asked, source };
}

describe("ensure", () => {
  test("what is here is not asked for; `always` asks; `never` only looks", async () => {
    await using kit = await testImages();
    const { gate, asked, source } = demoSource();
    gate.resolve();
    kit.sources.push(source);
    expect((await errorOf(kit.images.ensure("demo", { policy: "never" }))).message).toBe(
      "No such image: demo:latest",
    );
    const image = await kit.images.ensure("demo");
    expect((await kit.images.ensure("demo")).id).toBe(image.id);
    expect((await kit.images.ensure(image.id.slice(7, 19), { policy: "never" })).id).toBe(image.id);
    expect(asked).toEqual(["docker.io/library/demo:latest"]);
    expect((await kit.images.ensure("demo:latest", { policy: "always" })).id).toBe(image.id);
    expect(asked).toHaveLength(2);
    expect(kit.eventsSoFar()).toEqual(["pull demo", "pull demo"]);
  });

  test("callers at the same time share one fetch, and all hear its progress", async () => {
    await using kit = await testImages();
    const { gate, asked, source } = demoSource();
    kit.sources.push(source);
    const heard: string[] = [];
    const report = ({ message }: { message: string }) => void heard.push(message);
    const all = ["demo", "docker.io/library/demo:latest", "demo:latest"].map((name) =>
      kit.images.ensure(name, { report }),
    );
    gate.resolve();
    expect(new Set((await Promise.all(all)).map((image) => image.id)).size).toBe(1);
    expect(asked).toHaveLength(1);
    expect(heard).toEqual(["Making demo", "Making demo", "Making demo"]);
  });

  test("cancelled: nothing stays", async () => {
    await using kit = await testImages();
    const { source } = demoSource();
    kit.sources.push(source);
    const stop = new AbortController();
    const ensuring = kit.images.ensure("demo", { signal: stop.signal });
    stop.abort(new Error("enough"));
    expect((await errorOf(ensuring)).message).toBe("enough");
    expect(kit.stored()).toEqual([]);
  });

  test("what no source has: says why and what can be done", async () => {
    await using kit = await testImages();
    kit.sources.push(demoSource().source);
    const error = await errorOf(kit.images.ensure("nginx:1.27"));
    expect(error).toMatchObject({ kind: "unavailable", code: "image.no-registry" });
    expect(error.message).toBe("No such image: nginx:1.27, and no registry is configured");
    expect(error).toHaveProperty("hint", expect.stringContaining("virga load"));
    expect(await errorOf(kit.images.ensure("Bad"))).toMatchObject({ code: "image.reference-invalid" });
  });

  test("another platform than the image's is not taken from here", async () => {
    await using kit = await testImages();
    const { os, architecture } = hostPlatform();
    const image = await kit.make("a", "app", { os, architecture });
    expect((await kit.images.ensure("app", { platform: `${os}/${architecture}` })).id).toBe(image.id);
    const error = await errorOf(kit.images.ensure("app", { platform: "linux/s390x" }));
    expect(error.message).toStartWith("No such image: app:latest for linux/s390x");
  });
});

test("platforms", () => {
  expect(parsePlatform("linux/arm64/v8")).toEqual({ os: "linux", architecture: "arm64", variant: "v8" });
  expect(parsePlatform("Linux/x86_64")).toEqual({ os: "linux", architecture: "amd64" });
  expect(parsePlatform("arm64")).toEqual({ os: "linux", architecture: "arm64" });
  for (const text of ["", "/", "linux/", "a/b/c/d", "linux/am d64"]) {
    expect(() => parsePlatform(text)).toThrow("invalid platform");
  }
});

import { describe, expect, test } from "bun:test";
import { familiar, isDigest, normalise, parseDigest, parseReference } from "./reference.ts";

const hex = "a".repeat(64);

describe("normalised and familiar", () => {
  test.each([
    ["debian", "docker.io/library/debian:latest", "debian:latest"],
    ["debian:bookworm", "docker.io/library/debian:bookworm", "debian:bookworm"],
    ["docker.io/debian", "docker.io/library/debian:latest", "debian:latest"],
    ["index.docker.io/library/debian:1", "docker.io/library/debian:1", "debian:1"],
    ["user/app", "docker.io/user/app:latest", "user/app:latest"],
    ["library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest"],
    ["localhost/app", "localhost/app:latest", "localhost/app:latest"],
    ["localhost:5000/app:x", "localhost:5000/app:x", "localhost:5000/app:x"],
    ["registry.example/team/app", "registry.example/team/app:latest", "registry.example/team/app:latest"],
    ["[fe80::1]:5000/app", "[fe80::1]:5000/app:latest", "[fe80::1]:5000/app:latest"],
    ["Host/app", "Host/app:latest", "Host/app:latest"],
    ["x/a__b.c-d--e/f_g:T_.-9", "docker.io/x/a__b.c-d--e/f_g:T_.-9", "x/a__b.c-d--e/f_g:T_.-9"],
    [`app@sha256:${hex}`, `docker.io/library/app@sha256:${hex}`, `app@sha256:${hex}`],
    [`app:1@sha256:${hex}`, `docker.io/library/app:1@sha256:${hex}`, `app:1@sha256:${hex}`],
  ])("%s", (text, normalised, shown) => {
    expect(normalise(text)).toBe(normalised);
    expect(familiar(normalised)).toBe(shown);
  });
});

describe("refused, with Docker's text", () => {
  test.each([
    ["", "invalid reference format: repository name must have at least one component"],
    ["Debian", "invalid reference format: repository name (library/Debian) must be lowercase"],
    ["host.example/Team/app", "invalid reference format: repository name (Team/app) must be lowercase"],
    ["debian:", "invalid reference format"],
    ["debian::x", "invalid reference format"],
    ["debian:-x", "invalid reference format"],
    ["-debian", "invalid reference format"],
    ["a..b", "invalid reference format"],
    ["a___b", "invalid reference format"],
    ["a//b", "invalid reference format"],
    ["a/", "invalid reference format"],
    ["/a", "invalid reference format"],
    ["../../etc", "invalid reference format"],
    ["a b", "invalid reference format"],
    ["a\n", "invalid reference format"],
    [`a:${"t".repeat(129)}`, "invalid reference format"],
    ["host:port/app", "invalid reference format"],
    ["app@sha256:abc", "invalid reference format"],
    [`app@sha256:${"a".repeat(63)}`, "invalid checksum digest length"],
    [`app@sha256:${"A".repeat(64)}`, "invalid checksum digest format"],
    [`app@md5:${"a".repeat(32)}`, "unsupported digest algorithm"],
    [`app@constructor:${"a".repeat(32)}`, "unsupported digest algorithm"],
    [hex, `invalid repository name (${hex}), cannot specify 64-byte hexadecimal strings`],
    ["x".repeat(256), "invalid reference format: repository name must not be more than 255 characters"],
  ])("%j", (text, message) => {
    expect(() => parseReference(text)).toThrow(
      expect.objectContaining({ kind: "invalid", code: "image.reference-invalid", message }),
    );
  });

  test("a hostile name does not stall", () => {
    const started = performance.now();
    expect(() => parseReference(`${"a-".repeat(500)}!`)).toThrow("invalid reference format");
    expect(() => parseReference("a".repeat(10_000_000))).toThrow("invalid reference format");
    expect(performance.now() - started).toBeLessThan(500);
  });
});

test("digests", () => {
  expect(parseDigest(`sha512:${"0".repeat(128)}`)).toStartWith("sha512:");
  expect(isDigest(`sha256:${hex}`)).toBe(true);
  expect(isDigest(`sha256:${hex}0`)).toBe(false);
});

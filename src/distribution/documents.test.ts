import { describe, expect, test } from "bun:test";
import { depthOf, mediaTypeOf } from "./documents.ts";

test("depth of JSON: brackets in texts do not count", () => {
  expect(depthOf(Buffer.from('{"a":["[[[[","\\"[["]}'))).toBe(2);
  expect(depthOf(Buffer.from("[".repeat(500)))).toBe(500);
});

const oci = "application/vnd.oci.image.manifest.v1+json";
const index = "application/vnd.oci.image.index.v1+json";
const bytes = (value: unknown) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value));

describe("kinds of manifests", () => {
  test.each([
    [{ schemaVersion: 2, mediaType: oci }, oci, oci],
    [{ schemaVersion: 2, mediaType: oci }, "application/json; charset=utf-8", oci],
    [{ schemaVersion: 2, config: {}, layers: [] }, `${oci};charset=utf-8`, oci],
    [{ schemaVersion: 2, config: {}, layers: [] }, "", oci],
    [{ schemaVersion: 2, manifests: [] }, "text/plain", index],
  ])("%j as %s", (document, contentType, expected) => {
    expect(mediaTypeOf(bytes(document), contentType, "it")).toBe(expected);
  });

  test.each([
    [{ schemaVersion: 1, name: "x" }, "application/json", "'schema 1', which is not supported"],
    [{}, "application/vnd.docker.distribution.manifest.v1+prettyjws", "'schema 1', which is not supported"],
    [
      { mediaType: "application/x-thing" },
      "",
      "is of the type 'application/x-thing', which is no container image",
    ],
    [{ hello: 1 }, "application/json", "is of the type 'unknown'"],
    [{ mediaType: oci }, index, "the registry that it is"],
    [{ mediaType: index, manifests: [], layers: [] }, index, "an index and a manifest at once"],
    [{ mediaType: 7 }, index, "its mediaType is no text"],
    ["[]", index, "it is not a JSON object"],
    ["{", index, "it is not JSON"],
    ["[".repeat(1_000_000), index, "nested more than 64 deep"],
  ])("%j as %s is refused", (document, contentType, message) => {
    expect(() => mediaTypeOf(bytes(document), contentType, "it")).toThrow(message);
  });
});

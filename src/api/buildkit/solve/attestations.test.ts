import { expect, test } from "bun:test";
import { attestRequest } from "./attestations.ts";

test("what buildx asks for", () => {
  expect(attestRequest({})).toEqual({});
  expect(attestRequest({ "attest:sbom": "", "attest:provenance": "mode=min" })).toEqual({
    sbom: true,
    provenance: "min",
  });
  expect(attestRequest({ "attest:provenance": "mode=min,inline-only=true" })).toEqual({});
  expect(attestRequest({ "attest:sbom": "disabled=true", "attest:provenance": "disabled=true" })).toEqual({
    sbom: false,
    provenance: false,
  });
  const written = "mode=max,version=v1,disabled=false,builder-id=https://example.org/a=b";
  expect(attestRequest({ "attest:provenance": written })).toEqual({
    provenance: "max",
    builderId: "https://example.org/a=b",
  });
});

test("what is not supported is refused by its name", () => {
  for (const [name, value] of [["sbom", "generator=example/scanner"], ["provenance", "mode=some"], ["provenance", "version=v0.2"], ["provenance", "filename=x"]] as const) {
    expect(() => attestRequest({ [`attest:${name}`]: value })).toThrow(`attest:${name} with ${value}`);
  }
}); // prettier-ignore

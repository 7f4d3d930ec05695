import { expect, test } from "bun:test";
import type { Image } from "../../../images/index.ts";
import { decodeAttributes } from "./attributes.ts";
import { contextsFor } from "./contexts.ts";
import { ofPlatforms, platformName } from "./platforms.ts";

test("one name for each platform", () => {
  const names = ["arm64", "linux/aarch64", "linux/arm64/v8", "linux/arm", "x86_64", "linux/386"].map(platformName);
  expect(names).toEqual(["linux/arm64", "linux/arm64", "linux/arm64", "linux/arm/v7", "linux/amd64", "linux/386"]);
  const asked = (given: Record<string, string>) => {
    const { platforms, manyPlatforms } = decodeAttributes(given);
    return { platforms, manyPlatforms };
  };
  expect(asked({ platform: "amd64,linux/arm64,arm64/v8".replace("arm64/v8", "linux/arm64/v8") })).toEqual({
    platforms: ["linux/amd64", "linux/arm64"],
    manyPlatforms: true,
  });
  expect(asked({ platform: "arm64", "multi-platform": "true" }).manyPlatforms).toBe(true);
  expect(asked({})).toEqual({ platforms: [], manyPlatforms: false });
  expect(() => asked({ platform: "amd64,arm64", "multi-platform": "false" })).toThrow("does not go with");
}); // prettier-ignore

test("a context for a platform is taken by its build alone", () => {
  const image = (reference: string) => ({ kind: "image", reference }) as const;
  const contexts = { "base::linux/arm64/v8": image("arm"), base: image("any"), other: image("other") };
  expect(contextsFor(contexts, "linux/arm64")).toEqual({ base: image("arm"), other: image("other") });
  expect(contextsFor(contexts, "linux/amd64")).toEqual({ base: image("any"), other: image("other") });
});

test("what clients tell results of several platforms apart by", () => {
  const image = { config: { os: "linux", architecture: "arm", variant: "v7" } } as Image;
  const { metadata, parts } = ofPlatforms(new Map([["linux/arm/v7", { id: "one", image, metadata: {} }]]));
  expect(parts!.size).toBe(1);
  expect(JSON.parse(Buffer.from(metadata["refs.platforms"]!).toString())).toEqual({
    Platforms: [{ ID: "linux/arm/v7", Platform: { os: "linux", architecture: "arm", variant: "v7" } }],
  });
  expect(Object.keys(metadata)).toContain("containerimage.config/linux/arm/v7");
});

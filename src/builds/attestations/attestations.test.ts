import { Spec, Validation } from "@cyclonedx/cyclonedx-library";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import type { Image } from "../../images/index.ts";
import { testBuilds, type TestBuilds } from "../testing.ts";
import { spdxProblems } from "./spdx-rules.ts";

let t: TestBuilds;
beforeAll(async () => {
  t = await testBuilds();
});
afterAll(() => t[Symbol.asyncDispose]());

const status = (name: string, version: string) =>
  `Package: ${name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: ${version}\n\n`;

const files = {
  Dockerfile: `ARG TAG=latest
FROM busybox:$TAG
ARG SECRET
COPY os-release /etc/os-release
COPY status /var/lib/dpkg/status
COPY package.json /app/node_modules/@scope/left/package.json
RUN echo one
`,
  "os-release": 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian 12"\n',
  status: status("libstdc++6", "1:12.2-14") + status("bash", "5.2"),
  "package.json": '{"name":"@scope/left","version":"1.0.0","license":"MIT OR GPL"}',
};

interface Spdx {
  readonly packages: readonly {
    readonly name: string;
    readonly externalRefs?: readonly { readonly referenceLocator: string }[];
  }[];
}

interface Statement {
  readonly _type: string;
  readonly subject: readonly { readonly name: string; readonly digest: { readonly sha256: string } }[];
  readonly predicateType: string;
  readonly predicate: {
    readonly buildDefinition: {
      readonly buildType: string;
      readonly externalParameters: Readonly<Record<string, unknown>>;
      readonly resolvedDependencies: readonly {
        readonly uri: string;
        readonly digest: Readonly<Record<string, string>>;
      }[];
    };
    readonly runDetails: {
      readonly builder: { readonly id: string };
      readonly metadata: { readonly startedOn: string; readonly finishedOn: string };
    };
  };
}

const typesOf = (image: Image) =>
  t.images.referrers.ofImage(image.id).map((one) => one.artifactType).toSorted(); // prettier-ignore
const provenance = async (name: string) => (await t.builds.attestations.provenance(name)) as Statement;

describe("the list of packages", () => {
  test("is a referrer of each image that is built, and goes with it", async () => {
    const { image } = await t.build(await t.context(files), { tags: ["app:1"] });
    const sbom = (await t.builds.attestations.sbom("app:1", "spdx")) as Spdx;
    expect(typesOf(image)).toEqual(["application/spdx+json", "application/vnd.in-toto+json"]);
    expect(spdxProblems(sbom)).toEqual([]);
    const purls = sbom.packages.flatMap((one) => one.externalRefs?.[0]?.referenceLocator ?? []);
    expect(purls).toEqual([
      "pkg:deb/debian/bash@5.2?arch=amd64&distro=debian-12",
      "pkg:deb/debian/libstdc%2B%2B6@1:12.2-14?arch=amd64&distro=debian-12",
      "pkg:npm/%40scope/left@1.0.0",
    ]);
    await t.images.remove("app:1");
    expect(t.images.referrers.of(image.manifest.digest)).toEqual([]);
  });

  test("is the same for the same image, valid CycloneDX too, and there is one of images that came without", async () => {
    await t.build(await t.context(files), { tags: ["app:1"], attest: { sbom: false, provenance: false } });
    expect(typesOf(t.images.resolve("app:1"))).toEqual([]);
    const spdx = await t.builds.attestations.sbom("app:1", "spdx");
    expect(await t.builds.attestations.sbom("app:1", "spdx")).toEqual(spdx);
    const cyclonedx = await t.builds.attestations.sbom("app:1", "cyclonedx");
    const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6);
    expect(await validator.validate(JSON.stringify(cyclonedx))).toBeNull();
    expect(
      await validator.validate(JSON.stringify({ ...cyclonedx, components: [{ name: 1 }] })),
    ).not.toBeNull();
    const { components } = cyclonedx as { components: { name: string }[] };
    expect(components.map((one) => one.name)).toEqual(["debian", "bash", "libstdc++6", "@scope/left"]);
    const empty = (await t.builds.attestations.sbom("busybox", "spdx")) as Spdx;
    expect(spdxProblems(empty)).toEqual([]);
    expect(empty.packages).toHaveLength(1);
    await t.images.remove("app:1");
  });
});

describe("provenance", () => {
  test("names what the image was made of", async () => {
    using server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("content") });
    const url = `http://127.0.0.1:${server.port}/file`;
    const path = await t.context({ ...files, Dockerfile: `${files.Dockerfile}ADD ${url} /file\n` });
    const buildArgs = { TAG: "latest", SECRET: "abc" };
    const { image } = await t.build(path, { tags: ["app:2"], buildArgs, target: "0" });
    const base = t.images.resolve("busybox");
    const { _type, subject, predicateType, predicate } = await provenance("app:2");
    const { buildDefinition, runDetails } = predicate;
    expect([_type, predicateType]).toEqual([
      "https://in-toto.io/Statement/v1",
      "https://slsa.dev/provenance/v1",
    ]);
    expect(subject).toEqual([
      { name: "pkg:docker/app@2", digest: { sha256: image.manifest.digest.slice(7) } },
    ]);
    expect(buildDefinition.externalParameters).toMatchObject({ target: "0", buildArgs });
    expect(buildDefinition.externalParameters["dockerfile"]).toMatchObject({ path: "Dockerfile" });
    expect(buildDefinition.resolvedDependencies).toMatchObject([
      { uri: url, digest: { sha256: new Bun.CryptoHasher("sha256").update("content").digest("hex") } },
      { digest: { sha256: base.manifest.digest.slice(7) }, annotations: { image: base.id } },
    ]);
    expect(buildDefinition.resolvedDependencies[1]!.uri).toStartWith(
      "pkg:docker/busybox@latest?platform=linux",
    );
    expect(runDetails.builder.id).toBe("urn:virga:builder");
    expect(Date.parse(runDetails.metadata.startedOn)).toBe(t.clock.now().getTime());
    const min = { provenance: "min", builderId: "https://example.org/ci" } as const;
    await t.build(path, { tags: ["app:3"], buildArgs, noCache: true, attest: min });
    const short = await provenance("app:3");
    expect(short.predicate.runDetails.builder.id).toBe("https://example.org/ci");
    expect(JSON.stringify(short)).not.toContain("abc");
    await t.images.remove("app:2");
    await t.images.remove("app:3");
  });

  test("stays when a build does the same again, follows when the manifest changes", async () => {
    const path = await t.context(files);
    const { image } = await t.build(path, { tags: ["app:4"] });
    const first = await provenance("app:4");
    await t.clock.advance(5000);
    await t.build(path, { tags: ["app:4"], noCache: true });
    expect(await provenance("app:4")).toEqual(first);
    expect(typesOf(image)).toHaveLength(2);
    const settled = await t.images.referrers.settle("app:4");
    expect(settled).not.toBe(image.manifest.digest);
    const moved = await provenance("app:4");
    expect(moved).toEqual({
      ...first,
      subject: [{ name: "pkg:docker/app@4", digest: { sha256: settled.slice(7) } }],
    });
    await t.images.remove("app:4");
    rmSync(path, { recursive: true });
  });

  test("is missing for images from elsewhere", async () => {
    const error: unknown = await t.builds.attestations
      .provenance("busybox")
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ kind: "not-found", code: "image.no-provenance" });
  });
});

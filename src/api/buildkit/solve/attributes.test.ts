import { expect, test } from "bun:test";
import { decodeAttributes } from "./attributes.ts";

test("what buildx sends", () => {
  expect(
    decodeAttributes({
      filename: "sub/Dockerfile", target: "app", "no-cache": "", "image-resolve-mode": "pull", platform: "linux/amd64",
      "build-arg:A": "1", "label:b": "2", "add-hosts": "x=1.2.3.4,y=::1", "shm-size": "1024",
      "force-network-mode": "host", "context:base": "docker-image://debian", "vcs:source": "x", "local-sessionid:context": "s",
      hostname: "h", ulimit: "nofile=1:2,core=-1", "cgroup-parent": "/x", "frontend.caps": "moby.buildkit.frontend.subrequests+forward",
      "cache-imports": '[{"Type":"registry","Attrs":{"ref":"r.example/c"}}]',
    }),
  ).toEqual({
    filename: "sub/Dockerfile", target: "app", buildArgs: { A: "1" }, labels: { b: "2" }, noCache: true, noCacheStages: [],
    hostname: "h", cgroupParent: "/x", ulimits: [{ name: "nofile", soft: 1, hard: 2 }, { name: "core", soft: -1, hard: -1 }], pull: true,
    platforms: ["linux/amd64"], manyPlatforms: false, networkMode: "host", extraHosts: ["x:1.2.3.4", "y:::1"], shmSize: 1024,
    contextName: "context", dockerfileName: "dockerfile", localDockerfile: false, remoteContext: undefined,
    namedContexts: { base: "docker-image://debian" }, cacheFrom: [{ kind: "registry", reference: "r.example/c" }],
    attest: {},
    subrequest: undefined, sessions: { context: "s" },
  });
}); // prettier-ignore

test("what is not supported is refused by its name", () => {
  for (const [name, value] of [["ulimit", "nofile"], ["frontend.caps", "moby.buildkit.frontend.new"], ["platform", "linux/amd64/v9/x"], ["shm-size", "much"], ["new-option", "x"]] as const) {
    expect(() => decodeAttributes({ [name]: value })).toThrow(value.replaceAll(",", ", ").split(", ")[0]!);
  }
}); // prettier-ignore

test("stages that are built anew", () => {
  expect(decodeAttributes({ "no-cache": "one,two" })).toMatchObject({
    noCache: false,
    noCacheStages: ["one", "two"],
  });
});

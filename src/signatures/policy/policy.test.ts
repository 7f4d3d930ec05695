import { describe, expect, test } from "bun:test";
import { parseReference } from "../../images/index.ts";
import { identityFault } from "./identity.ts";
import { ruleForName, scopesOf, type SignedIdentity } from "./policy.ts";
import { readPolicy } from "./read-policy.ts";

const read = (content: string) => readPolicy("/etc/policy.json", content);
const of = (value: unknown) => read(JSON.stringify(value));
const accept = [{ type: "insecureAcceptAnything" }];

function messageOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return (error as Error).message;
  }
  return "no error";
}

describe("scopes of a name", () => {
  test("the most specific first, then wildcards of the host without its port", () => {
    const name = parseReference("registry.example.com:5000/team/app:1");
    expect(scopesOf(name)).toEqual([
      "registry.example.com:5000/team/app:1",
      "registry.example.com:5000/team/app",
      "registry.example.com:5000/team",
      "registry.example.com:5000",
      "*.example.com",
      "*.com",
    ]);
    expect(scopesOf(parseReference("debian"))).toEqual([
      "docker.io/library/debian",
      "docker.io/library",
      "docker.io",
      "*.io",
    ]);
  });

  test("the rule of the first that there is", () => {
    const reject = [{ type: "reject" }];
    const docker = { "*.example.com": reject, "r.example.com/team": accept, "": reject };
    const policy = of({ default: accept, transports: { docker } });
    const shown = (name: string) => ruleForName(policy, parseReference(name)).shown;
    expect(shown("r.example.com/team/app:1")).toBe('docker "r.example.com/team"');
    expect(shown("r.example.com/teams/app:1")).toBe('docker "*.example.com"');
    expect(shown("debian")).toBe('docker ""');
    expect(ruleForName(of({ default: accept }), parseReference("debian")).shown).toBe("default");
  });
});

describe("reading", () => {
  test("what podman's own policies have", () => {
    const policy = read(`{
      "default": [{"type": "insecureAcceptAnything"}],
      "transports": {
        "docker-daemon": {"": [{"type": "insecureAcceptAnything"}]},
        "docker": {
          "registry.access.redhat.com": [{"type": "signedBy", "keyType": "GPGKeys", "keyPath": "/etc/pki/x"}],
          "a.example": [{"type": "sigstoreSigned", "keyPath": "/k.pub", "signedIdentity": {"type": "matchRepository"}}],
          "b.example": [{"type": "sigstoreSigned", "keyDatas": ["AAAA", "BBBB"]}],
          "c.example": [{"type": "sigstoreSigned", "keyPath": "k.pub", "rekorPublicKeyPath": "/r.pub"}]
        }
      }
    }`);
    const rule = (name: string) => ruleForName(policy, parseReference(`${name}/app:1`)).requirements[0];
    expect(rule("registry.access.redhat.com")).toEqual({
      type: "unsupported",
      what: "signedBy (GPG signatures)",
    });
    expect(rule("a.example")).toEqual({
      type: "sigstoreSigned",
      keys: [{ path: "/k.pub" }],
      identity: { type: "matchRepository" },
    });
    expect(rule("b.example")).toMatchObject({ identity: { type: "matchRepoDigestOrExact" } });
    expect(rule("c.example")).toMatchObject({ type: "unsupported" });
  });

  test("the file may be indented with tabs", () => {
    expect(read(`{\n\t"default": [\n\t\t{"type": "reject"}\n\t]\n}\n`).default).toEqual([{ type: "reject" }]);
  });

  test.each([
    ["{", "/etc/policy.json:1:2: it is not JSON"],
    ['{"default": [{"type": "reject"}],\n}', "/etc/policy.json"],
    ["[]", "/etc/policy.json:1:1: "],
    ["{}", "default"],
    ['{"default": []}', "/etc/policy.json:1:13: default: needs at least one requirement"],
    ['{"default": [{"type": "rejct"}]}', "/etc/policy.json:1:23: default.0.type: is none of"],
    [
      '{"default": [{"type": "reject"}],\n  "transport": {}}',
      "/etc/policy.json:2:16: unknown key 'transport' – did you mean 'transports'?",
    ],
    [
      '{"default": [{"type": "reject"}], "transports": {"docker": {"a": [\n {"type": "sigstoreSigned"}]}}}',
      "/etc/policy.json:2:2: transports.docker.a.0: wants exactly one of keyPath",
    ],
    [
      '{"default": [{"type": "reject"}], "transports": {"docker": {"a": [{"type": "reject"}],\n"a": [{"type": "reject"}]}}}',
      "/etc/policy.json:2:1: ",
    ],
    [
      '{"default": [{"type": "reject"}], "transports": {"docker": {"https://a": [{"type": "reject"}]}}}',
      "the scope 'https://a' is a URL",
    ],
    [
      '{"default": [{"type": "reject"}], "transports": {"docker": {"a/*": [{"type": "reject"}]}}}',
      "the scope 'a/*' has a *",
    ],
    [
      '{"default": [{"type": "sigstoreSigned", "keyPath": "/a", "signedIdentity": {"type": "x"}}]}',
      "signedIdentity.type: is none of a kind of identity",
    ],
  ])("%s", (content, message) => {
    expect(messageOf(() => read(content))).toContain(message);
  });
});

describe("the name in a signature", () => {
  const repository = "r.example/team/app";
  const cases: [SignedIdentity, string, string | undefined, boolean][] = [
    [{ type: "matchRepoDigestOrExact" }, `${repository}:1`, `${repository}:1`, true],
    [{ type: "matchRepoDigestOrExact" }, `${repository}:1`, `${repository}:2`, false],
    [{ type: "matchRepoDigestOrExact" }, `${repository}:1`, repository, false],
    [{ type: "matchRepoDigestOrExact" }, `${repository}@sha256:${"a".repeat(64)}`, `${repository}:2`, true],
    [{ type: "matchRepoDigestOrExact" }, `${repository}@sha256:${"a".repeat(64)}`, "r.example/other", false],
    [{ type: "matchExact" }, `${repository}:1`, `${repository}:1`, true],
    [{ type: "matchExact" }, `${repository}@sha256:${"a".repeat(64)}`, `${repository}:1`, false],
    [{ type: "matchRepository" }, `${repository}:1`, repository, true],
    [{ type: "matchRepository" }, `${repository}:1`, "r.example/other:1", false],
    [{ type: "exactReference", dockerReference: "x.example/y:3" }, `${repository}:1`, "x.example/y:3", true],
    [{ type: "exactReference", dockerReference: "x.example/y:3" }, `${repository}:1`, "x.example/y:4", false],
    [{ type: "exactRepository", dockerRepository: "x.example/y" }, `${repository}:1`, "x.example/y:4", true],
    [{ type: "exactRepository", dockerRepository: "x.example/y" }, `${repository}:1`, repository, false],
    [{ type: "remapIdentity", prefix: "r.example", signedPrefix: "v.example" }, `${repository}:1`, "v.example/team/app:1", true],
    [{ type: "remapIdentity", prefix: "r.example/team", signedPrefix: "v.example" }, `${repository}:1`, "v.example/app:1", true],
    [{ type: "remapIdentity", prefix: "r.example/te", signedPrefix: "v.example" }, `${repository}:1`, `${repository}:1`, true],
    [{ type: "remapIdentity", prefix: "r.example", signedPrefix: "v.example" }, `${repository}:1`, `${repository}:1`, false],
    [{ type: "matchRepository" }, `${repository}:1`, undefined, false],
    [{ type: "matchDigest" }, `${repository}:1`, undefined, true],
    [{ type: "matchRepository" }, `${repository}:1`, "Not A Name", false],
    [{ type: "matchRepository" }, "debian:12", "debian", true],
  ]; // prettier-ignore
  test.each(cases)("%j of %s signed as %s: %s", (wanted, name, signed, good) => {
    expect(identityFault(wanted, parseReference(name), signed) === undefined).toBe(good);
  });

  test("an image without a name meets what needs none", () => {
    expect(identityFault({ type: "matchRepository" }, undefined, repository)).toContain("has no name");
    const exact = { type: "exactRepository", dockerRepository: repository } as const;
    expect(identityFault(exact, undefined, `${repository}:1`)).toBeUndefined();
  });
});

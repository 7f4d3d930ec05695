import { describe, expect, test } from "bun:test";
import { fail, isVirgaError } from "../../base/index.ts";
import type { Image } from "../../images/index.ts";
import { ignoreNothing, parseIgnore } from "../context/ignore.ts";
import { parseDockerfile } from "../dockerfile/parse.ts";
import { planBuild } from "../evaluation/plan.ts";
import { platformArgs, platformOf } from "../evaluation/platform.ts";
import { globalArguments } from "../evaluation/variables.ts";
import { lintDockerfile } from "./lint.ts";
import { ruleUrl, rules, type RuleName } from "./rules.ts";

function lint(text: string, options: { args?: Record<string, string>; ignore?: string } = {}) {
  const dockerfile = parseDockerfile(text, "Dockerfile");
  const automatic = platformArgs(platformOf("linux/amd64"), "default");
  const passed = new Map(Object.entries(options.args ?? {}));
  const global = globalArguments(dockerfile.args, passed, automatic, dockerfile.escape);
  const plan = planBuild(dockerfile, undefined, global);
  const ignore = options.ignore === undefined ? ignoreNothing : parseIgnore(options.ignore, ".dockerignore");
  const resolve = (name: string): Image => {
    if (name === "unknown") throw fail("not-found", "image.not-found", "no");
    return { config: { config: { Env: ["PATH=/bin", "HOME=/root"] } } } as unknown as Image;
  };
  const stages = plan.stages.map((_, index) => index);
  return lintDockerfile({ dockerfile, plan, stages, global, automatic, ignore, resolve });
}
const found = (text: string, options: Parameters<typeof lint>[1] = {}) =>
  lint(text, options).linter.warnings.map(({ rule, start, end, message }) => [
    rule,
    `${start}${end === start ? "" : `-${end}`}`,
    message,
  ]);

/** Each rule of docs.docker.com/reference/build-checks, with its page's bad example and its good one. */
const cases: Record<RuleName, { bad: string; good: string; at: string; message: string; ignore?: string }> = {
  StageNameCasing: {
    bad: "FROM alpine AS BuilderBase",
    good: "FROM alpine AS builder-base",
    at: "1",
    message: "Stage name 'BuilderBase' should be lowercase",
  },
  FromAsCasing: {
    bad: "FROM debian:latest as builder",
    good: "FROM debian:latest AS deb-builder\nFROM debian AS x",
    at: "1",
    message: "'as' and 'FROM' keywords' casing do not match",
  },
  NoEmptyContinuation: {
    bad: "FROM alpine\nEXPOSE \\\n\n80",
    good: "FROM alpine\nEXPOSE \\\n# Port\n80",
    at: "4",
    message: "Empty continuation line",
  },
  ConsistentInstructionCasing: {
    bad: "FROM alpine\nrun echo hello > /greeting.txt\nEXPOSE 80",
    good: "from alpine as app\nrun echo hello",
    at: "2",
    message: "Command 'run' should match the case of the command majority (uppercase)",
  },
  DuplicateStageName: {
    bad: "FROM debian:latest AS builder\nFROM golang:latest AS builder",
    good: "FROM debian:latest AS deb-builder\nFROM golang:latest AS go-builder",
    at: "2",
    message: 'Duplicate stage name "builder", stage names should be unique',
  },
  ReservedStageName: {
    bad: "FROM alpine AS scratch",
    good: "FROM alpine AS builder",
    at: "1",
    message: 'Stage name should not use the same name as reserved stage "scratch"',
  },
  JSONArgsRecommended: {
    bad: "FROM alpine\nENTRYPOINT my-program start",
    good: 'FROM alpine\nENTRYPOINT ["my-program", "start"]\nFROM alpine\nSHELL ["/bin/bash", "-c"]\nCMD x',
    at: "2",
    message: "JSON arguments recommended for ENTRYPOINT to prevent unintended behavior related to OS signals",
  },
  MaintainerDeprecated: {
    bad: "FROM a\nMAINTAINER moby@example.com",
    good: "FROM a\nLABEL org.opencontainers.image.authors=moby@example.com",
    at: "2",
    message: "Maintainer instruction is deprecated in favor of using label",
  },
  UndefinedArgInFrom: {
    bad: "FROM node:22${VARIANT} AS jsbuilder",
    good: 'ARG VARIANT="-alpine3.20"\nFROM node:22${VARIANT} AS jsbuilder',
    at: "1",
    message: "FROM argument 'VARIANT' is not declared",
  },
  WorkdirRelativePath: {
    bad: "FROM nginx AS web\nWORKDIR usr/share/nginx/html",
    good: "FROM nginx AS web\nWORKDIR /usr/share/nginx/html\nWORKDIR more",
    at: "2",
    message: 'Relative workdir "usr/share/nginx/html" can have unexpected results if the base image changes',
  },
  UndefinedVar: {
    bad: "FROM alpine AS base\nCOPY $foo .",
    good: "FROM alpine AS base\nARG foo\nCOPY $foo .\nENV P=$PATH:$HOME\nFROM base\nCOPY $foo .\nFROM unknown\nENV A=$B",
    at: "2",
    message: "Usage of undefined variable '$foo'",
  },
  MultipleInstructionsDisallowed: {
    bad: 'FROM alpine\nENTRYPOINT ["echo", "Hello, Norway!"]\nENTRYPOINT ["echo", "Hello, Sweden!"]',
    good: 'FROM alpine AS a\nCMD ["a"]\nFROM a\nCMD ["b"]',
    at: "2",
    message:
      "Multiple ENTRYPOINT instructions should not be used in the same stage because only the last one will be used",
  },
  LegacyKeyValueFormat: {
    bad: "FROM alpine\nARG foo\nENV DIR /a \\\n  b",
    good: "FROM alpine\nENV DIR=/a",
    at: "3-4",
    message: '"ENV key=value" should be used instead of legacy "ENV key value" format',
  },
  RedundantTargetPlatform: {
    bad: "FROM --platform=$TARGETPLATFORM alpine AS builder",
    good: "FROM --platform=$BUILDPLATFORM alpine AS builder",
    at: "1",
    message:
      "Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior",
  },
  SecretsUsedInArgOrEnv: {
    bad: "FROM scratch\nARG AWS_SECRET_ACCESS_KEY",
    good: "FROM scratch\nARG PUBLIC_KEY KEYS\nENV TOKEN_FILE=x MONKEY=y",
    at: "2",
    message: 'Do not use ARG or ENV instructions for sensitive data (ARG "AWS_SECRET_ACCESS_KEY")',
  },
  InvalidDefaultArgInFrom: {
    bad: "ARG TAG\nFROM busybox:${TAG}",
    good: "ARG TAG=latest\nFROM busybox:${TAG}",
    at: "2",
    message: "Default value for ARG busybox:${TAG} results in empty or invalid base image name",
  },
  FromPlatformFlagConstDisallowed: {
    bad: "FROM --platform=linux/amd64 alpine AS base",
    good: "FROM --platform=linux/arm64 alpine AS build_arm64",
    at: "1",
    message: 'FROM --platform flag should not use constant value "linux/amd64"',
  },
  CopyIgnoredFile: {
    bad: "FROM scratch\nADD ./tmp/hello.txt /helloworld.txt",
    good: "FROM scratch\nCOPY . /\nCOPY --from=x tmp /",
    at: "2",
    message: 'Attempting to Add file "tmp/hello.txt" that is excluded by .dockerignore',
    ignore: "*/tmp/*\n*.tar\ntmp/",
  },
  InvalidDefinitionDescription: {
    bad: "# check=experimental=all\nFROM scratch AS base\n# and a version\nARG VERSION=1",
    good: "# check=experimental=all\n# base is where it begins\nFROM scratch AS base\n# other words\n\nARG VERSION=1",
    at: "4",
    message: "Comment for ARG should follow the format: `# VERSION <description>`",
  },
  ExposeProtoCasing: {
    bad: "FROM alpine\nEXPOSE 80/TcP",
    good: "FROM alpine\nEXPOSE 80/tcp",
    at: "2",
    message: "Defined protocol '80/TcP' in EXPOSE instruction should be lowercase",
  },
  ExposeInvalidFormat: {
    bad: "FROM alpine\nEXPOSE 127.0.0.1:80:80",
    good: "FROM alpine\nEXPOSE 80",
    at: "2",
    message:
      "EXPOSE instruction should not define an IP address or host-port mapping, found '127.0.0.1:80:80'",
  },
};

describe("each check finds what its page calls bad, and not what it calls good", () => {
  for (const [rule, { bad, good, at, message, ignore }] of Object.entries(cases)) {
    test(rule, () => {
      const options = ignore === undefined ? {} : { ignore };
      if (rule === "InvalidDefinitionDescription") expect(found(bad.replace(/^.*\n/, ""))).toEqual([]);
      expect(found(bad, options)).toContainEqual([rule, at, message]);
      expect(found(good, options).filter(([name]) => name === rule)).toEqual([]);
    });
  }
  test("there is no other check", () => expect(Object.keys(cases)).toEqual(Object.keys(rules)));
});

test("a warning carries what an API tells about it", () => {
  const [warning] = lint("FROM alpine\nCMD x").linter.warnings;
  expect(warning).toEqual({
    rule: "JSONArgsRecommended",
    description: rules.JSONArgsRecommended.description,
    url: "https://docs.docker.com/go/dockerfile/rule/json-args-recommended/",
    message: "JSON arguments recommended for CMD to prevent unintended behavior related to OS signals",
    file: "Dockerfile",
    start: 2,
    end: 2,
  });
  expect(ruleUrl("SecretsUsedInArgOrEnv")).toEndWith("/secrets-used-in-arg-or-env/");
  expect(ruleUrl("UndefinedArgInFrom")).toEndWith("/undefined-arg-in-from/");
});

describe("which checks count", () => {
  const bad = "FROM alpine AS One\nCMD x";

  test("skip and all, for the file and for one instruction", () => {
    expect(found(`# check=skip=JSONArgsRecommended\n${bad}`).map(([rule]) => rule)).toEqual([
      "StageNameCasing",
    ]);
    expect(found(`# check=skip=all\n${bad}`)).toEqual([]);
    expect(found("FROM alpine\n# check=skip=JSONArgsRecommended\nCMD x")).toEqual([]);
  });

  test("error=true makes warnings errors", () => {
    const { linter } = lint(`# check=skip=StageNameCasing;error=true\n${bad}`);
    expect(() => linter.stopOnErrors()).toThrow("lint violation found for rules: JSONArgsRecommended");
    lint("# check=error=true\nFROM alpine").linter.stopOnErrors();
  });

  test("BUILDKIT_DOCKERFILE_CHECK comes before the directive", () => {
    expect(found(bad, { args: { BUILDKIT_DOCKERFILE_CHECK: "skip=all" } })).toEqual([]);
  });

  test("a wrong option is an error", () => {
    try {
      lint(`# check=ship=all\n${bad}`);
      throw new Error("nothing was thrown");
    } catch (error) {
      expect(isVirgaError(error) && error.code).toBe("dockerfile.check");
    }
  });
});

test("a misspelt variable is compared with those there are", () => {
  expect(found("FROM alpine\nENV PATH=$PAHT:/x")).toEqual([
    ["UndefinedVar", "2", "Usage of undefined variable '$PAHT' (did you mean $PATH?)"],
  ]);
});

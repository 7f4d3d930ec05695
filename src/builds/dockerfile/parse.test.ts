import { describe, expect, test } from "bun:test";
import { VirgaError } from "../../base/index.ts";
import { parseDockerfile } from "./parse.ts";

const parse = (...lines: string[]) => parseDockerfile(lines.join("\n"), "Dockerfile");
const first = (...lines: string[]) => parse("FROM a", ...lines).stages[0]!.instructions[0]!;
function errorOf(...lines: string[]): VirgaError {
  try {
    parse(...lines);
  } catch (error) {
    if (error instanceof VirgaError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("lines", () => {
  test("comments and empty lines inside a continued instruction are left out", () => {
    const { stages } = parse("FROM a", "RUN one \\", "  # why", "  && two \\", "", "  && three", "CMD x");
    expect(stages[0]!.instructions).toMatchObject([
      {
        kind: "RUN",
        command: { form: "shell", line: "one   && two   && three" },
        line: 2,
        end: 6,
        emptyLines: [5],
      },
      { kind: "CMD" },
    ]);
  });

  test("an escaped backslash at the end of a line does not continue it", () => {
    expect(parse("FROM a", "RUN echo a\\\\", "RUN b").stages[0]!.instructions).toHaveLength(2);
    expect(first("RUN echo a \\ \\", " b")).toMatchObject({ command: { line: "echo a \\  b" } });
  });

  test("the escape directive changes what continues a line", () => {
    const { stages } = parse(
      "# syntax=docker/dockerfile:1",
      "# escape=`",
      "FROM a",
      "RUN dir c:\\",
      "RUN a `",
      "b",
    );
    expect(stages[0]!.instructions.map((one) => one.rest)).toEqual(["dir c:\\", "a b"]);
    expect(errorOf("# escape=x", "FROM a").message).toContain("Dockerfile:1: the escape character must be");
    expect(errorOf("#escape=`", "#escape=\\", "FROM a").code).toBe("dockerfile.directive");
  });

  test("a directive after a comment is a comment", () => {
    expect(parse("# About", "# escape=`", "FROM a").escape).toBe("\\");
  });

  test("CRLF and a byte order mark", () => {
    expect(parse("\uFEFFFROM a\r", "RUN b \\\r", " c\r").stages[0]!.instructions[0]!.rest).toBe("b  c");
  });
});

describe("here-documents", () => {
  test("are cut off their instruction, with expansion unless the name is quoted", () => {
    const { stages } = parse("FROM a", "COPY <<one <<-'two' /to/", "1", "one", "\t2", "\ttwo", "RUN x");
    expect(stages[0]!.instructions).toMatchObject([
      {
        destination: "/to/",
        sources: [
          { kind: "text", heredoc: { name: "one", content: "1\n", expand: true } },
          { kind: "text", heredoc: { name: "two", content: "2\n", expand: false } },
        ],
      },
      { kind: "RUN" },
    ]);
  });

  test("quoted text, here-strings and arithmetic announce none", () => {
    const { stages } = parse(
      "FROM a",
      "RUN sh -c 'cat <<EOF'",
      "RUN cat <<< x",
      "RUN echo $((1 << 2))",
      "RUN x",
    );
    expect(stages[0]!.instructions).toHaveLength(4);
  });

  test("one that does not end is an error at its instruction", () => {
    expect(errorOf("FROM a", "RUN <<EOF", "x", "RUN y").message).toBe(
      "Dockerfile:2: RUN: the here-document 'EOF' does not end",
    );
  });
});

describe("errors say where and what", () => {
  const cases: [lines: string[], code: string, message: string][] = [
    [
      ["FROM a", "COPPY x y"],
      "dockerfile.unknown",
      "Dockerfile:2: unknown instruction: COPPY (did you mean COPY?)",
    ],
    [["FROM a", "constructor"], "dockerfile.unknown", "Dockerfile:2: unknown instruction: CONSTRUCTOR"],
    [["RUN x"], "dockerfile.no-stage", "Dockerfile:1: RUN: no build stage yet"],
    [["ARG X"], "dockerfile.no-stage", "Dockerfile:1: the file has no FROM"],
    [["# nothing"], "dockerfile.empty", "the file has no instructions"],
    [["FROM"], "dockerfile.arguments", "expected FROM [--platform=<platform>] <image> [AS <name>]"],
    [["FROM a b"], "dockerfile.arguments", "'a b' is not an image"],
    [["FROM a AS 1x"], "dockerfile.stage-name", "invalid name for a build stage: '1x'"],
    [["FROM a", "COPY x"], "dockerfile.arguments", "expected COPY [flags] <source> … <destination>"],
    [["FROM a", "COPY --form=x a b"], "dockerfile.flag", "unknown flag: --form (did you mean --from?)"],
    [["FROM a", "COPY --from a b"], "dockerfile.flag", "--from needs a value"],
    [["FROM a", "COPY --link=maybe a b"], "dockerfile.flag", "--link takes true or false"],
    [["FROM a", "COPY https://x/y b"], "dockerfile.arguments", "a source can't be a URL for COPY"],
    [["FROM a", "ENV A"], "dockerfile.arguments", "'A' has no value; expected name=value"],
    [["FROM a", "ENV A=1 B"], "dockerfile.arguments", "'B' has no ="],
    [["FROM a", 'ENV A="x'], "dockerfile.quote", "a double quote is not closed"],
    [["FROM a", "SHELL bash"], "dockerfile.arguments", "must be a JSON array"],
    [["FROM a", "CMD [1]"], "dockerfile.json", "only strings"],
    [["FROM a", "HEALTHCHECK curl"], "dockerfile.arguments", "expected HEALTHCHECK [flags] CMD"],
    [["FROM a", "HEALTHCHECK --interval=5 CMD x"], "dockerfile.flag", "'5' is not a duration"],
    [["FROM a", "ONBUILD FROM b"], "dockerfile.onbuild", "FROM isn't allowed"],
    [["FROM a", "USER a b"], "dockerfile.arguments", "exactly one argument"],
    [["FROM a", "RUN --mount=type=cache x"], "dockerfile.mount", "a cache mount needs target=<path>"],
    [["FROM a", "RUN --mount=type=secrt x"], "dockerfile.mount", "'secrt' (did you mean secret?)"],
    [["FROM a", "RUN --mount=type=secret,ident=x y"], "dockerfile.mount", "unknown option 'ident'"],
    [["FROM a", "RUN --mount=type=secret y"], "dockerfile.mount", "needs id=<name> or target=<path>"],
    [["FROM a", "RUN --mount=type=secret,id y"], "dockerfile.mount", "'id' has no value; expected id=…"],
    [["FROM a", "RUN --mount=type=tmpfs,target=/x,size=much y"], "dockerfile.mount", "size=<bytes>"],
    [["FROM a", "RUN --mount=from=$X,target=/x y"], "dockerfile.mount", "it can't have variables"],
    [
      ["FROM a", "RUN --mount=type=cache,target=/x,sharing=lock y"],
      "dockerfile.mount",
      "did you mean locked?",
    ],
    [["FROM a", "RUN --security=none y"], "dockerfile.flag", "sandbox or insecure"],
  ];
  for (const [lines, code, message] of cases) {
    test(lines.join(" / "), () => {
      const error = errorOf(...lines);
      expect(error.code).toBe(code);
      expect(error.message).toContain(message);
    });
  }
});

test("what looks like a JSON array but is none runs in the shell", () => {
  expect(first("CMD ['x']")).toMatchObject({ command: { form: "shell", line: "['x']" } });
});

test("flags, JSON forms and mounts", () => {
  expect(first('COPY --from=b --chown=1:2 --exclude=*.md --exclude=x ["a b", "c"]')).toMatchObject({
    from: "b",
    chown: "1:2",
    exclude: ["*.md", "x"],
    sources: [{ kind: "path", path: "a b" }],
    destination: "c",
  });
  expect(first("RUN --mount=type=cache,target=/c,sharing=locked,mode=0700 --network=none x")).toMatchObject({
    mounts: [{ type: "cache", from: undefined }],
    network: "none",
    command: { form: "shell", line: "x" },
  });
  expect(first('HEALTHCHECK --interval=1m30s --retries=2 CMD ["a"]')).toMatchObject({
    check: { interval: 90e9, retries: 2, command: { form: "exec", arguments: ["a"] } },
  });
  expect(first("ENV a b  c")).toMatchObject({ pairs: [{ name: "a", value: "b  c" }] });
});

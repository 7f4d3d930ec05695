import { expect, test } from "bun:test";
import type { Command } from "./command.ts";
import { helpOf } from "./help.ts";
import { parseInvocation } from "./invocation.ts";
import { table } from "./output.ts";

const command: Command = {
  name: "up",
  summary: "Start it",
  usage: "[FOLDER]",
  options: {
    build: { type: "boolean", help: "build" },
    file: { type: "string", short: "f", multiple: true, value: "FILE", help: "a file" },
    tail: { type: "number", value: "LINES", help: "lines" },
    memory: { type: "size", short: "m", help: "memory" },
    quiet: { type: "boolean", short: "q", help: "quiet" },
    when: { type: "string", choices: ["always", "never"], help: "when" },
  },
  arguments: { max: 1 },
  run: () => Promise.resolve(0),
};
const parse = (...args: string[]) => parseInvocation(command, args, "/default");

test("options, repeated options and arguments in any order", () => {
  const invocation = parse("-f", "a", "folder", "--file=b", "--build", "--root", "/r");
  expect(invocation.root).toBe("/r");
  expect(invocation.arguments).toEqual(["folder"]);
  expect(invocation.texts("file")).toEqual(["a", "b"]);
  expect(invocation.flag("build")).toBe(true);
  expect(invocation.number("tail")).toBeUndefined();
  expect(parse().root).toBe("/default");
});

test.each([
  [["--bild"], "--bild"],
  [["--file"], "--file"],
  [["a", "b"], "too many arguments"],
])("refuses %p and names the help", (args, message) => {
  try {
    parse(...args);
    expect.unreachable();
  } catch (error) {
    expect(error).toMatchObject({ kind: "invalid", code: "cli.usage", hint: "virga up --help" });
    expect((error as Error).message).toContain(message);
  }
});

test.each([
  [["--tail", "many"], "--tail takes a whole number, not 'many'"],
  [["-m", "lots"], "--memory takes a size such as 512m, not 'lots'"],
  [["--when=alway"], "--when takes always, never, not 'alway' – did you mean 'always'?"],
  [["--build=maybe"], "--build takes true or false, not 'maybe'"],
  [["-z"], "there is no option '-z'"],
  [["--biuld"], "there is no option '--biuld' – did you mean '--build'?"],
])("%p is refused before anything is done", (args, message) => {
  expect(() => parse(...args)).toThrow(message);
});

test("short options in one word, with and without their value", () => {
  const invocation = parse("-qfa", "-m=1g", "-f", "b");
  expect(invocation.flag("quiet")).toBe(true);
  expect(invocation.texts("file")).toEqual(["a", "b"]);
  expect(invocation.number("memory")).toBe(2 ** 30);
  expect(parse("--build=false").flag("build", true)).toBe(false);
  expect(parse().flag("build", true)).toBe(true);
});

test("what follows the image belongs to the container's command", () => {
  const run: Command = { ...command, arguments: { min: 1 }, restAfter: 1 };
  const invocation = parseInvocation(run, ["-q", "debian", "ls", "-q", "--build", "--", "x"], "/default");
  expect(invocation.arguments).toEqual(["debian", "ls", "-q", "--build", "--", "x"]);
  expect(invocation.flag("build")).toBe(false);
  expect(parseInvocation(run, ["--", "debian", "-q"], "/default").arguments).toEqual(["debian", "-q"]);
});

test("help shows every option", () => {
  const help = helpOf(command);
  expect(help).toContain("Usage: virga up [OPTIONS] [FOLDER]");
  expect(help).toContain("  -f, --file FILE");
  expect(help).toContain("--root DIR");
});

test("a table has columns as wide as they need", () => {
  expect(
    table(
      ["A", "LONG"],
      [
        ["one", "x"],
        ["è", ""],
      ],
    ),
  ).toBe("A     LONG\none   x\nè\n");
});

test("on a terminal the widest columns give way", () => {
  const rows = [["web", "x".repeat(40), "y".repeat(20)]];
  const text = table(["NAME", "COMMAND", "PORTS"], rows, 50);
  expect(text.split("\n")[1]).toBe(`web    ${"x".repeat(19)}…   ${"y".repeat(20)}`);
  expect(table(["NAME"], [["a".repeat(40)]], 4)).toContain("aaaaaaa…");
});

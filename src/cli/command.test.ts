import { expect, test } from "bun:test";
import { helpOf, parseInvocation, type Command } from "./command.ts";
import { table } from "./output.ts";

const command: Command = {
  name: "up",
  summary: "Start it",
  usage: "[FOLDER]",
  options: {
    build: { type: "boolean", help: "build" },
    file: { type: "string", short: "f", multiple: true, value: "FILE", help: "a file" },
    tail: { type: "string", value: "LINES", help: "lines" },
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

test("a number that is none is refused", () => {
  expect(() => parse("--tail", "many").number("tail")).toThrow("--tail takes a whole number, not 'many'");
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

import { expect, test } from "bun:test";
import { fail } from "../../../base/index.ts";
import { codes } from "../rpc/status.ts";
import { buildError } from "./build-error.ts";

const file = { name: "app.Dockerfile", text: "FROM a\nRUN x\n" };

test("the place in the Dockerfile goes with the error", () => {
  const error = buildError(fail("invalid", "dockerfile.x", "app.Dockerfile:2: RUN: what"), file);
  expect(error).toMatchObject({ code: codes.unknown, message: "app.Dockerfile:2: RUN: what" });
  expect(JSON.parse(Buffer.from(error.details[0]!.value!).toString())).toEqual({
    info: {
      filename: "app.Dockerfile",
      data: Buffer.from(file.text).toString("base64"),
      language: "Dockerfile",
    },
    ranges: [{ start: { line: 2 }, end: { line: 2 } }],
  });
});

test("a RUN that has failed is told as BuildKit does", () => {
  const place = { file: "app.Dockerfile", line: 2, keyword: "RUN" };
  const cause = { exitCode: 3, place, output: [] };
  const text = "The command '/bin/sh -c echo \"a\"; exit 3' returned a non-zero code: 3";
  const error = buildError(fail("invalid", "build.step-failed", text, { cause }), file);
  expect(error.message).toBe(
    'process "/bin/sh -c echo \\"a\\"; exit 3" did not complete successfully: exit code: 3',
  );
  expect(error.details).toHaveLength(1);
});

test("what has no place has none", () => {
  expect(buildError(fail("unavailable", "x", "the mirror is away"), file)).toMatchObject({
    code: codes.unavailable, message: "the mirror is away", details: [],
  }); // prettier-ignore
});

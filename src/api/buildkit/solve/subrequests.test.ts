import { expect, test } from "bun:test";
import { fail } from "../../../base/index.ts";
import type { Builds } from "../../../builds/index.ts";
import { codes } from "../rpc/status.ts";
import { failure } from "../testing.ts";
import { answerSubrequest } from "./subrequests.ts";

const builds: Pick<Builds, "check" | "outline"> = {
  check: () => Promise.reject(fail("invalid", "dockerfile.x", "a.Dockerfile:4: unknown instruction: BAD")),
  outline: ({ target }) =>
    Promise.resolve({
      name: target ?? "b",
      description: "",
      targets: [
        { name: "b", description: "is b", isDefault: true, base: "x", platform: "", start: 1, end: 1 },
      ],
      args: [{ name: "A", value: undefined, description: "", start: 2, end: 3 }],
      secrets: [{ name: "s", required: true, start: 4, end: 4 }],
      ssh: [{ name: "default", required: false, start: 5, end: 5 }],
    }),
};
const request = { context: { kind: "directory", path: "/" }, dockerfile: "a.Dockerfile", dockerfileText: "FROM x", target: "t" } as const; // prettier-ignore
const ask = async (name: string) => {
  const { metadata } = await answerSubrequest(builds, name, request, new AbortController().signal);
  const text = (key: string) => Buffer.from(metadata[key] ?? []).toString();
  return { json: JSON.parse(text("result.json")) as unknown, text: text("result.txt"), status: text("result.statuscode") };
}; // prettier-ignore
const at = (start: number, end = start) => ({
  ranges: [{ start: { line: start }, end: { line: end } }],
});
const sources = [Buffer.from("FROM x").toString("base64")];

test("outline and targets in BuildKit's form", async () => {
  expect((await ask("frontend.outline")).json).toEqual({
    name: "t",
    description: "",
    args: [{ name: "A", description: "", value: "", location: at(2, 3) }],
    secrets: [{ name: "s", required: true, location: at(4) }],
    ssh: [{ name: "default", location: at(5) }],
    sources,
  });
  expect((await ask("frontend.targets")).json).toEqual({
    targets: [{ name: "b", description: "is b", default: true, base: "x", platform: "", location: at(1) }],
    sources,
  });
});

test("a file that can't be read is an answer to the checks", async () => {
  const { json, status } = await ask("frontend.lint");
  expect(status).toBe("1");
  expect(json).toMatchObject({
    warnings: [],
    buildError: { message: "a.Dockerfile:4: unknown instruction: BAD", location: at(4) },
  });
});

test("what is not known is refused in the way that clients look for", async () => {
  const error = (await failure(ask("frontend.new"))) as { code: number; details: { typeUrl: string; value: Uint8Array }[] };
  expect(error.code).toBe(codes.unimplemented);
  const [detail] = error.details;
  expect(detail!.typeUrl).toBe("github.com/moby/buildkit/errdefs.Subrequest+json");
  expect(Buffer.from(detail!.value).toString()).toBe('{"name":"frontend.new"}');
}); // prettier-ignore

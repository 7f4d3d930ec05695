import { describe, expect, test } from "bun:test";
import { applyChanges } from "./changes.ts";

describe("applyChanges", () => {
  test("carries out instructions on what is there", () => {
    const before = { Env: ["A=1"], Cmd: ["old"], ExposedPorts: { "80/tcp": {} } };
    const changes = [
      'CMD ["/bin/sh", "-c", "echo hi"]',
      "ENV B=$A",
      "EXPOSE 443",
      "WORKDIR /srv",
      "LABEL a=b c=d",
    ];
    expect(applyChanges(before, changes)).toEqual({
      Env: ["A=1", "B=1"],
      Cmd: ["/bin/sh", "-c", "echo hi"],
      ExposedPorts: { "80/tcp": {}, "443/tcp": {} },
      WorkingDir: "/srv",
      Labels: { a: "b", c: "d" },
    });
    expect(before.Cmd).toEqual(["old"]);
  });

  test("an entrypoint drops the command, unless a change sets one", () => {
    expect(applyChanges({ Cmd: ["x"] }, ["ENTRYPOINT /app"])).not.toHaveProperty("Cmd");
    const changes = ['CMD ["y"]', "ENTRYPOINT /app"];
    expect(applyChanges({ Cmd: ["x"] }, changes)).toMatchObject({ Cmd: ["y"] });
  });

  test("refuses what changes files, and nonsense", () => {
    expect(() => applyChanges({}, ["RUN touch /x"])).toThrow("not a valid change command");
    expect(() => applyChanges({}, ["NONSENSE x"])).toThrow("NONSENSE");
  });
});

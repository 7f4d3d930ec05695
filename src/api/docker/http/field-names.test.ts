import { expect, test } from "bun:test";
import { z } from "zod";
import { withFieldNames } from "./field-names.ts";

const schema = z.looseObject({
  Image: z.string().nullish(),
  Labels: z.record(z.string(), z.string()).nullish(),
  HostConfig: z
    .looseObject({
      Memory: z.int().nullish(),
      PortBindings: z.record(
        z.string(),
        z.array(z.looseObject({ HostPort: z.string().nullish() })).nullish(),
      ),
    })
    .nullish(),
});

test("fields are found whatever the case of their letters, keys of maps stay", () => {
  const given = {
    image: "box",
    labels: { Image: "1", image: "2" },
    HOSTCONFIG: { memory: 1, portbindings: { "80/TCP": [{ hostport: "1" }] }, unknownField: 1 },
  };
  expect(withFieldNames(given, schema)).toEqual({
    Image: "box",
    Labels: { Image: "1", image: "2" },
    HostConfig: { Memory: 1, PortBindings: { "80/TCP": [{ HostPort: "1" }] }, unknownField: 1 },
  });
});

test("the field's own spelling counts first", () => {
  expect(withFieldNames({ image: "no", Image: "yes" }, schema)).toEqual({ image: "no", Image: "yes" });
});

test("what has another shape is left for the check", () => {
  for (const value of [null, "text", 1, [1]]) expect(withFieldNames(value, schema)).toEqual(value);
  expect(withFieldNames({ hostconfig: [1], labels: [2] }, schema)).toEqual({ HostConfig: [1], Labels: [2] });
});

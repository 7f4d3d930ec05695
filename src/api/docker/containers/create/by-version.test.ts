import { expect, test } from "bun:test";
import { inVersion } from "./by-version.ts";

test("fields of HostConfig beside it have no effect, and the client is told so", () => {
  const { body, warnings } = inVersion({ Image: "box", Dns: ["10.0.0.1"], Nonsense: 1 }, 51);
  expect(body).toMatchObject({ Image: "box", Nonsense: 1 });
  expect(body).not.toHaveProperty("Dns");
  expect(warnings).toEqual(["Dns has no effect here: it belongs into HostConfig"]);
});

import { expect, test } from "bun:test";
import { inVersion, mountsInVersion } from "./by-version.ts";

test("fields of HostConfig beside it have no effect, and the client is told so", () => {
  const { body, warnings } = inVersion({ Image: "box", Dns: ["10.0.0.1"], Nonsense: 1 }, 51);
  expect(body).toMatchObject({ Image: "box", Nonsense: 1 });
  expect(body).not.toHaveProperty("Dns");
  expect(warnings).toEqual(["Dns has no effect here: it belongs into HostConfig"]);
});

test("read-only binds of older clients leave what is mounted below them writable", () => {
  const [bind, volume] = [
    { type: "bind", source: "/s", target: "/t", readOnly: true },
    { type: "volume", target: "/v", readOnly: true },
  ] as const;
  const spec = { image: "box", mounts: [bind, volume, { ...bind, readOnly: false }] };
  expect(mountsInVersion(spec, 44)).toBe(spec);
  expect(mountsInVersion(spec, 43).mounts).toEqual([
    { ...bind, readOnlyBelow: "unasked" },
    volume,
    { ...bind, readOnly: false },
  ]);
});

import { describe, expect, test } from "bun:test";
import { checkSettings, defaultSettings, isInsecure } from "./settings.ts";

const settings = (over: Partial<typeof defaultSettings>) => ({ ...defaultSettings, ...over });
const noLookUp = () => Promise.reject(new Error("looked up"));

describe("settings", () => {
  test.each([
    [{ mirrors: ["mirror.example"] }, "is not an https:// or http:// URL"],
    [{ mirrors: ["ftp://mirror.example"] }, "is not an https:// or http:// URL"],
    [{ mirrors: ["https://mirror.example/path"] }, "has a path, query or fragment"],
    [
      { mirrors: ["https://user:secret@mirror.example"] },
      "registry mirror 'mirror.example' has a name or password",
    ],
    [
      { mirrorsOf: { "https://quay.io": ["https://m.example"] } },
      "'https://quay.io' is not the name of a registry",
    ],
    [{ insecure: ["http://registry.example"] }, "is neither a host nor a CIDR"],
    [{ insecure: ["10.0.0.0/33"] }, "is neither a host nor a CIDR"],
    [{ maxDownloads: 0 }, "0 downloads at once"],
  ])("%j is refused", (over, message) => {
    expect(() => checkSettings(settings(over))).toThrow(message);
  });

  test("what dockerd takes passes, and mirrors of other registries may have a path", () => {
    const good = settings({
      mirrors: ["https://mirror.example", "http://10.1.1.1:5000/"],
      mirrorsOf: { "quay.io": ["https://harbor.example/quay"] },
      insecure: ["registry.example:5000", "10.0.0.0/8", "[fd00::1]:5000", "fd00::/8"],
    });
    expect(checkSettings(good)).toBe(good);
  });

  test.each([
    ["127.0.0.1:5000", true],
    ["127.9.9.9", true],
    ["localhost:5000", true],
    ["[::1]:5000", true],
    ["128.0.0.1", false],
    ["registry.example", false],
    ["plain.example:5000", true],
    ["plain.example:5001", false],
    ["any.example:77", true],
  ])("%s may be insecure: %p", async (host, expected) => {
    const given = settings({ insecure: ["plain.example:5000", "any.example"] });
    expect(await isInsecure(host, given, noLookUp)).toBe(expected);
  });

  test("a network in the settings counts for the addresses of names", async () => {
    const given = settings({ insecure: ["10.0.0.0/8"] });
    const lookUp = (name: string) =>
      Promise.resolve(name === "inside.example" ? ["10.2.3.4"] : ["192.0.2.1"]);
    expect(await isInsecure("inside.example:5000", given, lookUp)).toBe(true);
    expect(await isInsecure("outside.example:5000", given, lookUp)).toBe(false);
    expect(await isInsecure("10.1.1.1", given, noLookUp)).toBe(true);
  });
});

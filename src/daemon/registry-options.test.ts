import { describe, expect, test } from "bun:test";
import { isOwnDomain, registryOptions } from "./registry-options.ts";

const address = { host: "127.0.0.1", port: 5000 };

describe("where and how the registry is served", () => {
  test("an address, a port alone, and nothing", () => {
    expect(registryOptions({}, {})).toBeUndefined();
    expect(registryOptions({}, { registry: "5000" })).toEqual({ address });
    expect(registryOptions({ registry: "localhost:5000" }, {})).toEqual({ address });
    expect(registryOptions({ registry: "1" }, { registry: "[::1]:5" })).toEqual({
      address: { host: "::1", port: 5 },
    });
  });
  test.each(["x", "127.0.0.1", "127.0.0.1:99999", ":5000", "example.com:5000"])(
    "%s is no address",
    (registry) => {
      expect(() => registryOptions({}, { registry })).toThrow(`not '${registry}'`);
    },
  );
  test("certificates", () => {
    const files = { "registry-tls-cert": "a", "registry-tls-key": "b" };
    expect(registryOptions({}, { registry: "5000", ...files })?.tls).toEqual({ certificate: "a", key: "b" });
    const own = registryOptions({}, { registry: "5000", "registry-own-ca": true, "registry-name": ["box"] });
    expect(own?.tls).toEqual({ names: ["localhost", "127.0.0.1", "::1", "box"] });
    for (const wrong of [
      { "registry-own-ca": true },
      { registry: "5000", "registry-tls-cert": "a" },
      { registry: "5000", "registry-name": ["box"] },
      { registry: "5000", "registry-own-ca": true, ...files },
    ]) {
      expect(() => registryOptions({}, wrong)).toThrow();
    }
  });
  test("the names that lead to it", () => {
    const own = registryOptions({}, { registry: "5000", "registry-own-ca": true, "registry-name": ["box"] });
    for (const domain of ["localhost:5000", "127.0.0.1:5000", "[::1]:5000", "box:5000"]) {
      expect(isOwnDomain(own, domain)).toBe(true);
    }
    for (const domain of ["localhost", "localhost:5001", "docker.io"])
      expect(isOwnDomain(own, domain)).toBe(false);
    expect(isOwnDomain(undefined, "localhost:5000")).toBe(false);
  });
});

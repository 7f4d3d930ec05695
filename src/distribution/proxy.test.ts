import { describe, expect, test } from "bun:test";
import { fetchThrough, proxyFor } from "./proxy.ts";

describe("proxies", () => {
  const environment = {
    HTTPS_PROXY: "http://proxy.example:3128",
    http_proxy: "plain.example:80",
    NO_PROXY: "intern.example,.sub.example, 10.0.0.0/8,192.0.2.7,port.example:8443,*.star.example",
  };
  test.each([
    ["https://registry.example/v2/", "http://proxy.example:3128"],
    ["http://registry.example/v2/", "http://plain.example:80"],
    ["https://intern.example/", undefined],
    ["https://deep.intern.example/", undefined],
    ["https://notintern.example/", "http://proxy.example:3128"],
    ["https://a.sub.example/", undefined],
    ["https://sub.example/", "http://proxy.example:3128"],
    ["https://10.3.2.1:5000/", undefined],
    ["https://192.0.2.7/", undefined],
    ["https://port.example:8443/", undefined],
    ["https://port.example/", "http://proxy.example:3128"],
    ["https://x.star.example/", undefined],
    ["https://localhost:5000/", undefined],
    ["https://127.0.0.1/", undefined],
    ["https://[::1]/", undefined],
  ])("%s goes through %p", (url, expected) => {
    expect(proxyFor(new URL(url), environment)).toBe(expected as string);
  });

  test("a direct request ignores the environment's proxy, and leaves the environment as it was", async () => {
    using server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("direct") });
    using proxy = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("proxied") });
    const before = process.env["HTTP_PROXY"];
    process.env["HTTP_PROXY"] = proxy.url.origin;
    try {
      expect(await (await fetchThrough(undefined, server.url.href, {})).text()).toBe("direct");
      expect(await (await fetchThrough(proxy.url.origin, server.url.href, {})).text()).toBe("proxied");
      expect(process.env["NO_PROXY"]).toBeUndefined();
    } finally {
      if (before === undefined) delete process.env["HTTP_PROXY"];
      else process.env["HTTP_PROXY"] = before;
    }
  });
});

import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { listensOn, zoneFile } from "./dns-config.ts";
import { checkNames } from "./endpoints.ts";
import { bridgeOptions } from "./options.ts";
import { containerSettings, formatResolvConf, type ResolverPlace } from "./resolv-conf.ts";
import { difference, elementsOf } from "./ruleset.ts";

describe("driver options", () => {
  test("have Docker's defaults and meanings", () => {
    expect(bridgeOptions({})).toEqual({
      mtu: 1500,
      interContainer: true,
      masquerade: true,
      hostBinding: "0.0.0.0",
    });
    expect(
      bridgeOptions({
        "com.docker.network.bridge.name": "br-x",
        "com.docker.network.driver.mtu": "9000",
        "com.docker.network.bridge.enable_icc": "false",
        "com.docker.network.bridge.enable_ip_masquerade": "0",
        "com.docker.network.bridge.host_binding_ipv4": "127.0.0.1",
      }),
    ).toEqual({
      interfaceName: "br-x",
      mtu: 9000,
      interContainer: false,
      masquerade: false,
      hostBinding: "127.0.0.1",
    });
  });

  test.each([
    ["com.docker.network.bridge.gateway_mode_ipv4", "nat", "unimplemented"],
    ["com.docker.network.bridge.name", "too-long-for-a-name", "invalid"],
    ["com.docker.network.bridge.name", "a b", "invalid"],
    ["com.docker.network.driver.mtu", "1500; reboot", "invalid"],
    ["com.docker.network.bridge.enable_icc", "maybe", "invalid"],
    ["com.docker.network.bridge.host_binding_ipv4", "here", "invalid"],
  ])("%s=%s is refused by name", (key, value, kind) => {
    expect(() => bridgeOptions({ [key]: value })).toThrow(
      expect.objectContaining({ kind, message: expect.stringContaining(key) as string }),
    );
  });
});

describe("the DNS server's files", () => {
  test("have a line a container", () => {
    const zone = {
      networkId: "n1",
      internal: true,
      listen: ["10.0.0.1"],
      entries: [
        { containerId: "c1", addresses: ["10.0.0.2", "fd00::2"], names: ["web", "www"], servers: [] },
        { containerId: "c2", addresses: ["10.0.0.3"], names: ["db"], servers: ["9.9.9.9"] },
      ],
    };
    expect(zoneFile(zone)).toEqual({
      name: "n1%int",
      text: "10.0.0.1\nc1 10.0.0.2 fd00::2 web,www\nc2 10.0.0.3  db 9.9.9.9\n",
    });
  });

  test.each(["a b", "a,b", "a\nb", "", "ü"])("can't be broken by the name %j", (name) => {
    expect(() => checkNames(["fine", name])).toThrow("invalid network alias");
  });

  test("are read when the server listens on every address", () => {
    const table = "  1: 0100000A:1F90 00000000:0000 07\n  2: 0101000A:1F90 00000000:0000 07\n";
    expect(listensOn(table, ["10.0.0.1", "10.0.1.1"], 8080)).toBe(true);
    expect(listensOn(table, ["10.0.0.1", "10.0.2.1"], 8080)).toBe(false);
    expect(listensOn(table, ["10.0.0.1"], 8081)).toBe(false);
  });
});

describe("resolv.conf", () => {
  const settings = (host: string, place: ResolverPlace, overrides = {}, resolved = "") => {
    const folder = mkdtempSync(join(tmpdir(), "virga-resolv-"));
    try {
      const files = { host: join(folder, "host"), resolved: join(folder, "resolved") };
      writeFileSync(files.host, host);
      if (resolved) writeFileSync(files.resolved, resolved);
      return formatResolvConf(containerSettings(files, place, overrides));
    } finally {
      rmSync(folder, { recursive: true });
    }
  };
  const host =
    "# mine\nsearch corp.example\nnameserver 10.0.0.53 # first\nnameserver 127.0.0.1\noptions edns0\n";

  test("of a container on a user network names the network's server", () => {
    expect(settings(host, { kind: "named", server: "172.18.0.1" }, { servers: ["9.9.9.9"] })).toBe(
      "search corp.example\nnameserver 172.18.0.1\noptions edns0 ndots:0\n",
    );
  });

  test("of a container on the default bridge leaves out servers that it can't reach", () => {
    expect(settings(host, { kind: "bridge" })).toBe(
      "search corp.example\nnameserver 10.0.0.53\noptions edns0\n",
    );
    expect(settings("nameserver 127.0.0.53\n", { kind: "bridge" }, {}, "nameserver 10.1.1.1\n")).toBe(
      "nameserver 10.1.1.1\n",
    );
    expect(settings("nameserver ::1\n", { kind: "bridge" })).toBe("nameserver 8.8.8.8\nnameserver 8.8.4.4\n");
  });

  test("of a container in the host's network keeps them", () => {
    expect(settings("nameserver 127.0.0.53\n", { kind: "host" })).toBe("nameserver 127.0.0.53\n");
  });

  test("takes what the user sets", () => {
    const overrides = { servers: ["9.9.9.9"], search: ["."], options: ["timeout:1"] };
    expect(settings(host, { kind: "bridge" }, overrides)).toBe("nameserver 9.9.9.9\noptions timeout:1\n");
  });
});

test("a change of the packet filter is a change of elements", () => {
  const bridge = {
    name: "vbr1",
    subnets: ["10.0.0.0/24", "fd00::/64"],
    internal: false,
    interContainer: true,
    masquerade: true,
    names: false,
  };
  const port = {
    protocol: "tcp",
    hostIp: "0.0.0.0",
    hostPort: 80,
    address: "10.0.0.2",
    containerPort: 8080,
  } as const;
  const before = elementsOf({ bridges: [bridge], ports: [port], dnsPorts: [5000] });
  const moved = { ...port, address: "10.0.0.3" };
  const after = elementsOf({
    bridges: [bridge],
    ports: [
      moved,
      { ...moved, hostIp: "::", address: "fd00::3" },
      { ...moved, hostIp: "127.0.0.1", hostPort: 81 },
    ],
    dnsPorts: [5000, 6000],
  });
  expect(difference("t", before, before)).toBe("");
  expect(difference("t", before, after).split("\n")).toEqual([
    "delete element inet t ports4any { tcp . 80 : 10.0.0.2 . 8080 }",
    "add element inet t ports4any { tcp . 80 : 10.0.0.3 . 8080 }",
    "add element inet t ports6any { tcp . 80 : fd00::3 . 8080 }",
    "add element inet t ports4 { tcp . 127.0.0.1 . 81 : 10.0.0.3 . 8080 }",
    "add element inet t dns14 { 53 : 6000 }",
    "add element inet t dnsports { 6000 }",
  ]);
});

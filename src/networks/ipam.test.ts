import { describe, expect, test } from "bun:test";
import { formatAddress, formatCidr, parseAddress, parseCidr, type Cidr } from "./address.ts";
import {
  checkFixed,
  checkSubnet,
  choosePool,
  defaultPools,
  localPool6,
  nextAddress,
  subnetOf,
} from "./ipam.ts";

const cidrs = (...texts: string[]) => texts.map((text) => parseCidr(text)!);
const noneTaken = new Map<string, Cidr>();

describe("addresses", () => {
  test.each([
    ["0.0.0.0", "0.0.0.0"],
    ["255.255.255.255", "255.255.255.255"],
    ["::", "::"],
    ["::1", "::1"],
    ["fd00:0:0:1::", "fd00:0:0:1::"],
    ["FD00::1:0:0:2", "fd00::1:0:0:2"],
    ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["::ffff:10.0.0.1", "::ffff:a00:1"],
    ["10:0:0:100::", "10:0:0:100::"],
  ])("%s is read and written as %s", (text, plain) => {
    expect(formatAddress(parseAddress(text)!)).toBe(plain);
  });

  test.each(["1.2.3", "1.2.3.4.5", "01.2.3.4", "fe80::1%eth0", "", "1.2.3.4 ", "g::1"])(
    "%j is none",
    (text) => {
      expect(parseAddress(text)).toBeUndefined();
    },
  );

  test.each(["10.0.0.0/33", "10.0.0.0/x", "10.0.0.0/8/8", "::/129", "10.0.0.0/-1"])(
    "%j is no block",
    (text) => {
      expect(parseCidr(text)).toBeUndefined();
    },
  );
});

describe("pools", () => {
  test("are Docker's, in its order", () => {
    const pools = defaultPools().map(formatCidr);
    expect([pools[0], pools[14], pools[15], pools[30]]).toEqual([
      "172.17.0.0/16",
      "172.31.0.0/16",
      "192.168.0.0/20",
      "192.168.240.0/20",
    ]);
    expect(pools).toHaveLength(31);
  });

  test("skip what overlaps, smaller or larger", () => {
    const taken = cidrs("172.17.42.1/24", "172.18.0.0/15", "172.20.0.1");
    expect(formatCidr(choosePool(defaultPools(), taken))).toBe("172.21.0.0/16");
  });

  test("run out with a clear error", () => {
    expect(() => choosePool(defaultPools(), cidrs("172.16.0.0/12", "192.168.0.0/16"))).toThrow(
      "all predefined address pools have been fully subnetted",
    );
  });

  test("for IPv6 are unique local blocks of the daemon", () => {
    const first = choosePool(localPool6("a1b2c3"), []);
    expect(formatCidr(first)).toBe("fda1:b2c3:0:1::/64");
    expect(formatCidr(choosePool(localPool6("a1b2c3"), [first]))).toBe("fda1:b2c3:0:2::/64");
  });
});

describe("a subnet that a user asks for", () => {
  test("gets a gateway when none is given", () => {
    expect(checkSubnet({ subnet: "10.9.0.0/24" }, noneTaken)).toEqual(subnetOf(parseCidr("10.9.0.0/24")!));
    expect(
      checkSubnet({ subnet: "10.9.0.0/24", gateway: "10.9.0.254", ipRange: "10.9.0.128/25" }, noneTaken),
    ).toEqual({ subnet: "10.9.0.0/24", gateway: "10.9.0.254", ipRange: "10.9.0.128/25" });
  });

  test.each([
    [{ subnet: "10.9.0.1/24" }, "invalid subnet 10.9.0.1/24: it should be 10.9.0.0/24"],
    [{ subnet: "10.9.0.0" }, "invalid subnet 10.9.0.0"],
    [{ subnet: "10.9.0.0/31" }, "it has no room for a container"],
    [{ subnet: "10.9.0.0/24", gateway: "10.8.0.1" }, "invalid gateway 10.8.0.1"],
    [{ subnet: "10.9.0.0/24", gateway: "10.9.0.255" }, "broadcast"],
    [{ subnet: "10.9.0.0/24", ipRange: "10.9.1.0/25" }, "invalid ip-range 10.9.1.0/25"],
    [{ subnet: "10.9.0.0/24", ipRange: "10.9.0.0/16" }, "invalid ip-range 10.9.0.0/16"],
    [{ subnet: "10.9.0.0/24", auxiliary: { router: "10.9.0.1" } }, "auxiliary address router is the gateway"],
  ])("%j is refused", (spec, message) => {
    expect(() => checkSubnet(spec, noneTaken)).toThrow(message);
  });

  test("must not overlap another; the error says which", () => {
    const taken = new Map([["network web", parseCidr("10.9.0.0/16")!]]);
    expect(() => checkSubnet({ subnet: "10.9.4.0/24" }, taken)).toThrow(
      expect.objectContaining({
        kind: "conflict",
        message: "Pool overlaps with other one on this address space",
        hint: "10.9.4.0/24 overlaps 10.9.0.0/16 (network web); choose another subnet",
      }),
    );
  });
});

describe("an endpoint's address", () => {
  const subnet = { subnet: "10.9.0.0/29", gateway: "10.9.0.1", auxiliary: { router: "10.9.0.3" } };

  test("is the next free one after the last, then from the start again", () => {
    expect(nextAddress(subnet, new Set(), undefined)).toBe("10.9.0.2");
    expect(nextAddress(subnet, new Set(), "10.9.0.2")).toBe("10.9.0.4");
    expect(nextAddress(subnet, new Set(["10.9.0.5"]), "10.9.0.4")).toBe("10.9.0.6");
    expect(nextAddress(subnet, new Set(), "10.9.0.6")).toBe("10.9.0.2");
    expect(nextAddress(subnet, new Set(), "10.1.1.1")).toBe("10.9.0.2");
  });

  test("comes from the range when there is one", () => {
    const ranged = { ...subnet, ipRange: "10.9.0.4/31" };
    expect(nextAddress(ranged, new Set(), undefined)).toBe("10.9.0.4");
    expect(nextAddress(ranged, new Set(["10.9.0.4"]), undefined)).toBe("10.9.0.5");
    expect(() => nextAddress(ranged, new Set(["10.9.0.4", "10.9.0.5"]), "10.9.0.5")).toThrow(
      "no available IP",
    );
  });

  test("gives out every address once, then is exhausted", () => {
    const used = new Set<string>();
    for (let last: string | undefined; used.size < 4; used.add(last)) last = nextAddress(subnet, used, last);
    expect([...used]).toEqual(["10.9.0.2", "10.9.0.4", "10.9.0.5", "10.9.0.6"]);
    expect(() => nextAddress(subnet, used, "10.9.0.6")).toThrow(
      expect.objectContaining({ kind: "exhausted", code: "network.addresses-exhausted" }),
    );
  });

  test("that a user asks for must be inside and free", () => {
    expect(checkFixed(subnet, "10.9.0.5", new Set())).toBe("10.9.0.5");
    for (const address of ["10.9.0.1", "10.9.0.0", "10.9.0.7"]) {
      expect(() => checkFixed(subnet, address, new Set())).toThrow("Address already in use");
    }
    expect(() => checkFixed(subnet, "10.9.0.5", new Set(["10.9.0.5"]))).toThrow("Address already in use");
    expect(() => checkFixed(subnet, "10.9.1.5", new Set())).toThrow(
      "no configured subnet contains IP address 10.9.1.5",
    );
  });
});

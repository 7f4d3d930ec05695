import { expect, test } from "bun:test";
import { checkLinkLocal, endpointSettings } from "./endpoint-options.ts";

const of = (text: string) => endpointSettings({ "com.docker.network.endpoint.sysctls": text });

test("settings of an endpoint's interface", () => {
  expect(of("net.ipv4.conf.IFNAME.log_martians=1,net.ipv6.neigh.IFNAME.app_solicit=2")).toEqual([
    { name: "net.ipv4.conf.IFNAME.log_martians", value: "1" },
    { name: "net.ipv6.neigh.IFNAME.app_solicit", value: "2" },
  ]);
  expect(of("")).toEqual([]);
});

test("what is not the interface's own is refused, and so is an unknown option of Docker's", () => {
  const wrong = [
    "net.ipv4.ip_forward=1",
    "kernel.msgmax=1",
    "net.ipv4.conf.eth0.forwarding=1",
    "net.ipv4.conf.IFNAME.x",
  ];
  for (const text of wrong) expect(() => of(text)).toThrow(`invalid endpoint sysctl: '${text}'`);
  const unknown = "com.docker.network.speed";
  expect(() => endpointSettings({ [unknown]: "1" })).toThrow(`${unknown} is not supported`);
  expect(endpointSettings({ "com.example.note": "1" })).toEqual([]);
});

test("addresses of a link's own", () => {
  expect(() => checkLinkLocal(["169.254.1.2", "fe80::1", "FEBF::1"])).not.toThrow();
  for (const wrong of ["10.0.0.1", "fec0::1", "169.254.1", "x"]) {
    expect(() => checkLinkLocal([wrong])).toThrow(`invalid link-local IP address: ${wrong}`);
  }
});

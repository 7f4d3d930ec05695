import { expect, test } from "bun:test";
import { checkTexts } from "./texts.ts";
import type { ContainerSpec } from "../spec.ts";

const refused: readonly (readonly [string, Partial<ContainerSpec>])[] = [
  ["a hostname longer than the kernel's", { hostname: "h".repeat(65) }],
  ["a hostname that makes a line of its own", { hostname: "a\n1.2.3.4 example.org" }],
  ["a domain name with a space", { domainname: "a b" }],
  ["a path longer than the kernel's", { user: "x".repeat(4096) }],
  ["a long name of a setting", { sysctls: { ["x".repeat(4096)]: "1" } }],
  ["a variable longer than the kernel's", { env: [`A=${"x".repeat(128 * 1024)}`] }],
  ["hiding the root", { security: { maskedPaths: ["/proc/../.."] } }],
  ["hiding a path that cannot be", { security: { readonlyPaths: [`/${"x".repeat(256)}`] } }],
  [
    "a device at no place",
    { resources: { devices: [{ hostPath: "/dev/null", containerPath: "../null", permissions: "r" }] } },
  ],
  ["a cgroup that cannot be", { resources: { cgroupParent: "x".repeat(256) } }],
];
const taken: readonly (readonly [string, Partial<ContainerSpec>])[] = [
  ["a long label", { labels: { a: "x".repeat(1_000_000) } }],
  ["a long profile", { security: { seccomp: "x".repeat(100_000) } }],
  ["a long variable", { env: [`A=${"x".repeat(100_000)}`] }],
  ["the longest hostname", { hostname: "h".repeat(64) }],
  ["a hostname with a dot and an underscore", { hostname: "web_1.example.org" }],
  ["a cgroup above others", { resources: { cgroupParent: "/a/b" } }],
];

test.each(refused)("refuses %s", (_what, spec) => {
  expect(() => checkTexts({ image: "x", ...spec })).toThrow();
});

test.each(taken)("takes %s", (_what, spec) => {
  expect(() => checkTexts({ image: "x", ...spec })).not.toThrow();
});

import { describe, expect, test } from "bun:test";
import { plan, type Wanted } from "./plan.ts";

const bridge = { name: "vbr1", up: true, kind: "bridge", addresses: ["172.17.0.1/16"] };
const link = { name: "v0001", up: true, kind: "veth", master: "vbr1", addresses: [] };
const nothing: Wanted = { bridges: [], links: [], names: false };
const one: Wanted = {
  bridges: [{ networkId: "n1", name: "vbr1", addresses: ["172.17.0.1/16"] }],
  links: [{ endpointId: "e1", containerId: "c1", hostName: "v0001", bridge: "vbr1" }],
  names: true,
};

describe("plan", () => {
  test("nothing runs and nothing is there: only what can't be seen is made sure of", () => {
    expect(plan({ interfaces: [] }, nothing)).toEqual([{ kind: "stop-names" }, { kind: "remove-table" }]);
  });

  test("nothing runs: leftovers go", () => {
    expect(plan({ interfaces: [bridge, link] }, nothing)[0]).toEqual({
      kind: "delete-interfaces",
      names: ["vbr1", "v0001"],
    });
  });

  test("all as it should be: no interface is touched, and the new table knows the new server", () => {
    expect(plan({ interfaces: [bridge, link] }, one)).toEqual([
      { kind: "serve-names" },
      { kind: "replace-table" },
    ]);
  });

  test.each([
    ["is missing", []],
    ["is down", [{ ...bridge, up: false }]],
    ["lost its address", [{ ...bridge, addresses: [] }]],
  ])("a bridge that %s is raised before what hangs on it", (_what, interfaces) => {
    const steps = plan({ interfaces: [...interfaces, { ...link, master: "" }] }, one);
    expect(steps.slice(0, 2)).toEqual([
      { kind: "raise-bridge", networkId: "n1" },
      { kind: "join-bridge", hostName: "v0001", bridge: "vbr1" },
    ]);
  });

  test("missing links of a container are plugged in together", () => {
    const two: Wanted = {
      ...one,
      links: [...one.links, { ...one.links[0]!, endpointId: "e2", hostName: "v0002" }],
    };
    expect(plan({ interfaces: [bridge] }, two)[0]).toEqual({
      kind: "plug",
      containerId: "c1",
      endpointIds: ["e1", "e2"],
    });
  });
});

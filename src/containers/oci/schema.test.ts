import { expect, test } from "bun:test";
import { hasSchemas, schemaOf } from "../../content/testing.ts";
import type { ContainerSpec } from "../spec.ts";
import { buildOciConfig, mergeProcess, readHostFacts } from "./index.ts";

/** Real runtimes judge configurations in `real.test.ts`; where the specification's schema is at hand, it does, too. */
const specs: Readonly<Record<string, Omit<ContainerSpec, "image">>> = {
  plain: {},
  "with limits": { resources: { memory: 64 << 20, nanoCpus: 500_000_000, pidsLimit: 100, cpuShares: 512 } },
  privileged: { security: { privileged: true } },
  "with a terminal, variables and a hostname": {
    tty: true,
    env: ["A=1"],
    hostname: "box",
    workingDir: "/srv",
  },
};

test.skipIf(!hasSchemas).each(Object.entries(specs))(
  "a configuration %s is as config-schema has it",
  (_, spec) => {
    const validate = schemaOf("oci-runtime", "config-schema");
    const full = { image: "x", command: ["sh"], ...spec };
    const { config } = buildOciConfig({
      id: "0123456789abcdef",
      spec: full,
      process: mergeProcess({}, full),
      user: { uid: 0, gid: 0, additionalGids: [0], home: "/root" },
      rootfs: "/root/fs",
      mounts: [],
      etc: {},
      network: { kind: "new" },
      cgroupPath: "/virga/x",
      host: readHostFacts(),
      pidOf: () => undefined,
    });
    expect(validate(JSON.parse(JSON.stringify(config)))).toBeUndefined();
    expect(validate({ ...JSON.parse(JSON.stringify(config)), root: undefined, ociVersion: 1 })).toContain(
      "ociVersion",
    );
  },
);

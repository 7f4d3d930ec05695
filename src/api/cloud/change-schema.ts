import { z } from "zod";

/** `POST /v1/containers/:id/recreate`: the body. Unknown keys are refused. */
const texts = z.array(z.string());

const port = z.strictObject({
  protocol: z.enum(["tcp", "udp", "sctp"]),
  containerPort: z.number().int().min(1).max(65_535),
  hostIp: z.string(),
  hostPort: z.number().int().min(0).max(65_535),
  hostPortEnd: z.number().int().min(1).max(65_535).exactOptional(),
});

const target = z.string().startsWith("/");
const mount = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("bind"),
    source: z.string().startsWith("/"),
    target,
    readOnly: z.boolean().exactOptional(),
    propagation: z.enum(["private", "rprivate", "shared", "rshared", "slave", "rslave"]).exactOptional(),
    nonRecursive: z.boolean().exactOptional(),
    readOnlyBelow: z.enum(["no", "force", "unasked"]).exactOptional(),
    createSource: z.boolean().exactOptional(),
  }),
  z.strictObject({
    type: z.literal("volume"),
    name: z.string().min(1).exactOptional(),
    target,
    readOnly: z.boolean().exactOptional(),
    noCopy: z.boolean().exactOptional(),
    subpath: z.string().exactOptional(),
    driverOptions: z.record(z.string(), z.string()).exactOptional(),
    labels: z.record(z.string(), z.string()).exactOptional(),
  }),
  z.strictObject({
    type: z.literal("image"),
    source: z.string().min(1),
    target,
    subpath: z.string().exactOptional(),
  }),
  z.strictObject({
    type: z.literal("tmpfs"),
    target,
    size: z.number().int().nonnegative().exactOptional(),
    mode: z.number().int().nonnegative().exactOptional(),
    options: texts.exactOptional(),
  }),
]);

const number = z.number().int().exactOptional();
const resources = z.strictObject({
  memory: number,
  memorySwap: number,
  memoryReservation: number,
  nanoCpus: number,
  cpuShares: number,
  cpuPeriod: number,
  cpuQuota: number,
  cpusetCpus: z.string().exactOptional(),
  cpusetMems: z.string().exactOptional(),
  pidsLimit: number,
  blkioWeight: number,
});

const restart = z.strictObject({
  name: z.enum(["no", "always", "unless-stopped", "on-failure"]),
  maximumRetryCount: z.number().int().nonnegative().exactOptional(),
});

const change = z.strictObject({
  image: z.string().min(1).exactOptional(),
  command: texts.exactOptional(),
  entrypoint: texts.exactOptional(),
  env: z.strictObject({ set: texts.exactOptional(), remove: texts.exactOptional() }).exactOptional(),
  labels: z
    .strictObject({
      set: z.record(z.string(), z.string()).exactOptional(),
      remove: texts.exactOptional(),
    })
    .exactOptional(),
  ports: z
    .strictObject({
      set: z.array(port).exactOptional(),
      add: z.array(port).exactOptional(),
      remove: texts.exactOptional(),
    })
    .exactOptional(),
  publishAll: z.boolean().exactOptional(),
  mounts: z
    .strictObject({ add: z.array(mount).exactOptional(), remove: z.array(target).exactOptional() })
    .exactOptional(),
  user: z.string().exactOptional(),
  workingDir: z.string().exactOptional(),
  stopSignal: z.string().exactOptional(),
  stopTimeout: z.number().int().exactOptional(),
  init: z.boolean().exactOptional(),
  resources: resources.exactOptional(),
  restart: restart.exactOptional(),
});

export const recreateBody = z.strictObject({
  plan: z.boolean().exactOptional(),
  timeout: z.number().int().min(-1).exactOptional(),
  change,
});

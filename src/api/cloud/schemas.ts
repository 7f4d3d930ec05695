import { z } from "zod";

/** Request bodies of `/v1`. Unknown keys are refused, so a misspelt option never passes in silence. */
const source = z.strictObject({
  directory: z.string().startsWith("/"),
  files: z.array(z.string()),
  projectName: z.string().exactOptional(),
  profiles: z.array(z.string()),
  environment: z.record(z.string(), z.string()),
  envFiles: z.array(z.string()).exactOptional(),
});

const target = z.union([source, z.strictObject({ name: z.string().min(1) })]);

const upOptions = z.strictObject({
  services: z.array(z.string()),
  build: z.enum(["missing", "always", "never"]).exactOptional(),
  forceRecreate: z.boolean().exactOptional(),
  removeOrphans: z.boolean().exactOptional(),
  noStart: z.boolean().exactOptional(),
  wait: z.boolean().exactOptional(),
  scale: z.record(z.string(), z.number().int().nonnegative()).exactOptional(),
});

const downOptions = z.strictObject({
  volumes: z.boolean().exactOptional(),
  removeOrphans: z.boolean().exactOptional(),
  images: z.enum(["all", "local"]).exactOptional(),
  timeout: z.number().int().exactOptional(),
});

/** Seconds since 1970, as nanoseconds. */
const instant = z
  .string()
  .regex(/^\d{1,12}(\.\d{1,9})?$/, "expected seconds since 1970")
  .transform((text) => {
    const [seconds = "", fraction = ""] = text.split(".");
    return BigInt(seconds + fraction.padEnd(9, "0"));
  });

const logOptions = z
  .strictObject({
    services: z.array(z.string()),
    follow: z.boolean(),
    tail: z.number().int().nonnegative().exactOptional(),
    since: instant.exactOptional(),
    until: instant.exactOptional(),
  })
  .transform(({ since, until, ...rest }) => ({
    ...rest,
    ...(since === undefined ? {} : { sinceNs: since }),
    ...(until === undefined ? {} : { untilNs: until }),
  }));

export const stopBody = z.strictObject({
  /** Seconds until SIGKILL; -1 waits without end. */
  timeout: z.number().int().min(-1).exactOptional(),
  signal: z.string().min(1).exactOptional(),
});

export const pruneBody = z.strictObject({
  plan: z.boolean().exactOptional(),
  all: z.boolean().exactOptional(),
  volumes: z.boolean().exactOptional(),
  until: z.iso.datetime({ offset: true }).exactOptional(),
  only: z.array(z.string()).exactOptional(),
});

/** Docker's AuthConfig by registry, as `docker login` keeps it. */
const registryAuth = z.record(z.string(), z.record(z.string(), z.unknown()));

export const upBody = z.strictObject({
  source,
  options: upOptions,
  registryAuth: registryAuth.exactOptional(),
});
export const planBody = z.strictObject({ source, options: upOptions });
export const configBody = z.strictObject({ source });
export const downBody = z.strictObject({ target, options: downOptions });
export const statusBody = z.strictObject({ target });
export const logsBody = z.strictObject({ target, options: logOptions });

const names = z.array(z.string());

export const buildBody = z.strictObject({
  directory: z.string().min(1),
  dockerfile: z.string().exactOptional(),
  dockerfileText: z.string().exactOptional(),
  tags: names.exactOptional(),
  target: z.string().exactOptional(),
  buildArgs: z.record(z.string(), z.string().nullable()).exactOptional(),
  labels: z.record(z.string(), z.string()).exactOptional(),
  noCache: z.boolean().exactOptional(),
  pull: z.boolean().exactOptional(),
  networkMode: z.string().exactOptional(),
  extraHosts: names.exactOptional(),
  shmSize: z.number().int().positive().exactOptional(),
  memory: z.number().int().positive().exactOptional(),
  cacheFrom: names.exactOptional(),
  cacheTo: names.exactOptional(),
  platform: z.string().exactOptional(),
  contexts: z.record(z.string(), z.string()).exactOptional(),
  secrets: z.record(z.string(), z.base64()).exactOptional(),
  ssh: z.record(z.string(), z.string().startsWith("/")).exactOptional(),
  hostProxy: z.boolean().exactOptional(),
  debugImage: z.string().exactOptional(),
  lock: z.boolean().exactOptional(),
  locked: z.unknown().exactOptional(),
  entitlements: z.array(z.enum(["network.host", "security.insecure"])).exactOptional(),
});

export const sbomBody = z.strictObject({
  image: z.string(),
  format: z.enum(["spdx", "cyclonedx"]).exactOptional(),
});
export const provenanceBody = z.strictObject({
  image: z.string(),
  registryAuth: registryAuth.exactOptional(),
});
export const verifyBody = z.strictObject({
  image: z.string(),
  directory: z.string().min(1),
  dockerfile: z.string().exactOptional(),
  registryAuth: registryAuth.exactOptional(),
});

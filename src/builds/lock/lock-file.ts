import { z } from "zod";
import { fail } from "../../base/index.ts";

/**
 * Dockerfile.lock: what a build took from elsewhere, so that a later one can take the same or say what is different.
 * docs/builds.md describes it.
 */
const digest = z.string().regex(/^sha(256|512):[0-9a-f]+$/);
const versions = z.record(z.string(), z.string());

const schema = z.strictObject({
  version: z.literal(1),
  images: z.array(
    z.strictObject({
      /** As the Dockerfile names it. */
      reference: z.string(),
      platform: z.string(),
      /** Of the manifest, as its registry has it; what `docker pull NAME@DIGEST` takes. */
      digest,
      /** Of the configuration: the image's id, the same in every registry. */
      image: digest,
    }),
  ),
  downloads: z.array(z.strictObject({ url: z.string(), checksum: digest })),
  repositories: z.array(z.strictObject({ url: z.string(), commit: z.string() })),
  steps: z.array(
    z.strictObject({
      stage: z.string(),
      /** The instruction, and which one it is when the stage has several that read the same. */
      step: z.string(),
      /** By kind (`deb`, `apk`, `rpm`) the versions of the packages that the step installs or changes. */
      packages: z.record(z.string(), versions),
    }),
  ),
});

export type LockFile = z.infer<typeof schema>;
export type LockedStep = LockFile["steps"][number];

/** Throws `invalid` / `build.lock-malformed`. */
export function parseLock(value: unknown): LockFile {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const where = issue === undefined || issue.path.length === 0 ? "it" : issue.path.join(".");
  throw fail(
    "invalid",
    "build.lock-malformed",
    `the lock file is not one: ${where}: ${issue?.message ?? ""}`,
    {
      hint: "write it again: virga build --lock FOLDER",
    },
  );
}

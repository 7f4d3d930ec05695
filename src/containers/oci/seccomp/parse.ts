import { z } from "zod";
import { fail } from "../../../base/index.ts";
import type { SeccompProfile } from "./profile.ts";

const action = z.enum([
  "SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_TRAP", "SCMP_ACT_ERRNO",
  "SCMP_ACT_TRACE", "SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_NOTIFY",
]); // prettier-ignore
const operator = z.enum([
  "SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE", "SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ",
]); // prettier-ignore
const filter = z.object({
  caps: z.array(z.string()).optional(),
  arches: z.array(z.string()).optional(),
  minKernel: z.string().optional(),
});
const argument = z.object({
  index: z.number().int().min(0).max(5),
  value: z.number(),
  valueTwo: z.number().optional(),
  op: operator,
});
const profile = z.object({
  defaultAction: action,
  defaultErrnoRet: z.number().int().optional(),
  architectures: z.array(z.string()).optional(),
  archMap: z
    .array(z.object({ architecture: z.string(), subArchitectures: z.array(z.string()).nullish() }))
    .optional(),
  flags: z.array(z.string()).optional(),
  listenerPath: z.string().optional(),
  listenerMetadata: z.string().optional(),
  syscalls: z
    .array(
      z.object({
        name: z.string().optional(),
        names: z.array(z.string()).optional(),
        action,
        errnoRet: z.number().int().optional(),
        args: z.array(argument).nullish(),
        includes: filter.optional(),
        excludes: filter.optional(),
        comment: z.string().optional(),
      }),
    )
    .optional(),
});

/** A profile as a user writes it: JSON in Docker's format. Throws `invalid` / `seccomp.invalid`. */
export function parseProfile(text: string): SeccompProfile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw fail("invalid", "seccomp.invalid", "Decoding seccomp profile failed: it is not JSON", {
      hint: "give `unconfined`, or the content of a profile in Docker's format",
      cause: error,
    });
  }
  const result = profile.safeParse(value);
  if (result.success) return result.data as SeccompProfile;
  const [issue] = result.error.issues;
  throw fail(
    "invalid",
    "seccomp.invalid",
    `Decoding seccomp profile failed: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? "wrong"}`,
  );
}

import { fail } from "../../base/index.ts";
import type { SyntaxLine } from "./source-lines.ts";

/** Docker's own frontend for Dockerfiles, from wherever a copy of it is kept. */
const ours = /^(?:[^@]+\/)?docker\/dockerfile(?:-upstream)?(?::[^/@]+)?(?:@.+)?$/;

/**
 * A `# syntax=` line, or `BUILDKIT_SYNTAX` instead of it, may name any version of Docker's frontend: this builder is
 * one. Another frontend is a program that reads the file in its own way. Throws `unimplemented` / `dockerfile.frontend`.
 */
export function refuseForeignFrontend(
  syntax: SyntaxLine | undefined,
  instead: string | null | undefined,
): void {
  const written = instead ?? syntax?.frontend;
  // Words after the name are options of BuildKit's gateway.
  const frontend = written?.split(/\s/)[0];
  if (frontend === undefined || frontend === "" || frontend === "dockerfile.v0" || ours.test(frontend))
    return;
  const where = instead || !syntax ? "BUILDKIT_SYNTAX" : `${syntax.file}:${syntax.line}`;
  throw fail(
    "unimplemented",
    "dockerfile.frontend",
    `${where}: the frontend '${frontend}' is not supported`,
    {
      hint: "Dockerfiles are read without a frontend image: write docker/dockerfile:1, or leave the line out",
    },
  );
}

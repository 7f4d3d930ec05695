import { fail, parseBytes } from "../../base/index.ts";
import { diskImageProgram } from "../../host/index.ts";
import type { ContainerSpec } from "../spec.ts";

const mib = 2 ** 20;
const tib = 2 ** 40;

/** The most that an ext4 with blocks of 4 KiB can be in a file of another ext4. */
const largest = 15 * tib;

/**
 * The bytes that a container may write by `options` (Docker's `StorageOpt`); undefined: no limit. Throws `invalid`, in
 * Docker's words where it has some.
 */
export function writableLimit(options: Readonly<Record<string, string>>): number | undefined {
  let bytes: number | undefined;
  for (const [key, value] of Object.entries(options)) {
    if (key.toLowerCase() !== "size") {
      throw fail("invalid", "container.storage-option", `Unknown option ${key.toLowerCase()}`, {
        hint: "there is size, such as size=10G",
      });
    }
    bytes = parseBytes(value);
  }
  if (bytes === undefined || bytes === 0) return undefined;
  if (bytes >= mib && bytes <= largest) return bytes;
  throw fail(
    "invalid",
    "container.storage-size",
    `invalid size: '${options["size"] ?? bytes}': the files of a container can be limited to 1 MiB and more, and to 15 TiB at most`,
  );
}

/** Throws `precondition` / `container.no-mkfs` where a limit is asked for, and there is no program to make it with. */
export function checkStorage(spec: ContainerSpec): void {
  if (spec.writableLimit === undefined || diskImageProgram() !== undefined) return;
  throw fail(
    "precondition",
    "container.no-mkfs",
    "the size of a container's files cannot be limited: mkfs.ext4 was not found on this machine",
    { hint: "apt-get install e2fsprogs, or leave the storage option out" },
  );
}

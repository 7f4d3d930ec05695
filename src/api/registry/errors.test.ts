import { expect, test } from "bun:test";
import { fail } from "../../base/index.ts";
import { refuse } from "../../registry/index.ts";
import { encodeError, isServerFault, statusOfCode, statusOfKind } from "./errors.ts";

test.each([
  [refuse("exhausted", "registry.disk-full", "full"), 507, "INSUFFICIENT_STORAGE", true],
  [fail("exhausted", "content.disk-full", "full"), 507, "INSUFFICIENT_STORAGE", true],
  [refuse("permission", "registry.quota-exceeded", "too much"), 403, "DENIED", false],
  [refuse("permission", "registry.unauthorized", "who?"), 401, "UNAUTHORIZED", false],
  [refuse("data-loss", "registry.blob-damaged", "rot"), 500, "UNKNOWN", true],
  [fail("invalid", "content.digest-invalid", "no digest"), 400, "UNSUPPORTED", false],
])("%s", (error, status, code, fault) => {
  const encoded = encodeError(error);
  expect([encoded.status, encoded.body.errors[0]!.code, isServerFault(error)]).toEqual([status, code, fault]);
});

test("a hint and a detail are told; what our own bugs say is not", () => {
  const told = encodeError(
    refuse("invalid", "registry.size-invalid", "short", { detail: { n: 1 }, hint: "send more" }),
  );
  expect(told.body.errors).toEqual([
    { code: "SIZE_INVALID", message: "short (send more)", detail: { n: 1 } },
  ]);
  const bug = JSON.stringify(encodeError(new Error("secret path /root")));
  expect(bug).not.toContain("secret");
});

test("Error Codes: the code of every 4XX MUST be one of the specification's", () => {
  const known =
    `BLOB_UNKNOWN BLOB_UPLOAD_INVALID BLOB_UPLOAD_UNKNOWN DIGEST_INVALID MANIFEST_BLOB_UNKNOWN MANIFEST_INVALID
    MANIFEST_UNKNOWN NAME_INVALID NAME_UNKNOWN SIZE_INVALID UNAUTHORIZED DENIED UNSUPPORTED TOOMANYREQUESTS`.split(
      /\s+/,
    );
  const answers = [...Object.values(statusOfCode), ...Object.values(statusOfKind)];
  expect(answers.filter(([status, code]) => status >= 400 && status < 500 && !known.includes(code))).toEqual(
    [],
  );
});

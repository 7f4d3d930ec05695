import { fail } from "../../base/index.ts";
import type { ContentStore, Descriptor } from "../../content/index.ts";

/** All of a small blob. Throws `data-loss` when it is damaged. */
export async function readAll(
  content: ContentStore,
  { digest }: Pick<Descriptor, "digest">,
): Promise<Uint8Array> {
  const bytes = await Bun.file(content.path(digest)).bytes();
  const algorithm = digest.startsWith("sha512:") ? "sha512" : "sha256";
  const actual = new Bun.CryptoHasher(algorithm).update(bytes).digest("hex");
  if (digest === `${algorithm}:${actual}`) return bytes;
  throw fail("data-loss", "content.digest-mismatch", `the stored blob ${digest} is damaged`, {
    hint: "get the image again",
  });
}

import { fail } from "../../base/index.ts";
import { isGitAddress } from "../remote/git-address.ts";
import type { BuildContext, NamedContext } from "../build.ts";

/** A build context as a person writes it: the absolute path of a folder, or an address. Throws `invalid`. */
export function parseContext(text: string): BuildContext {
  if (text.startsWith("/")) return { kind: "directory", path: text };
  if (/^github\.com\//.test(text))
    return { kind: "remote", url: `https://${text.replace(/(\.git)?(?=#|$)/, ".git")}` };
  if (isGitAddress(text) || /^https?:\/\//.test(text)) return { kind: "remote", url: text };
  throw fail("invalid", "build.context-address", `'${text}' can't be a build context`, {
    hint: "name a folder, or the http, https, git or ssh address of a repository or an archive",
  });
}

/** As `parseContext`, for `--build-context NAME=…`; `docker-image://IMAGE` is an image. */
export function parseNamedContext(text: string): NamedContext {
  const image = /^docker-image:\/\/(.+)$/.exec(text)?.[1];
  return image === undefined ? parseContext(text) : { kind: "image", reference: image };
}

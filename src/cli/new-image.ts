import type { Invocation, Option } from "./command.ts";
import { splitTag } from "./pull.ts";

/** What `commit` and `import` share: the image they make. */
export const changeOption = {
  change: {
    type: "string",
    short: "c",
    multiple: true,
    value: "INSTRUCTION",
    help: "a Dockerfile instruction to apply: 'CMD [\"sh\"]'",
  },
} as const satisfies Record<string, Option>;

/** The part of the query that names the image and changes its configuration; `image` may be left out. */
export function newImageQuery(invocation: Invocation, image: string | undefined) {
  const { name: repo, tag } = image === undefined ? {} : splitTag(image);
  return { repo, tag, changes: invocation.texts("change") };
}

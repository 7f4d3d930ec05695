import { createRequire } from "node:module";
import type { RE2JS } from "re2js";

/** Longer ones are not looked at, as nobody's names need them. */
const maxLength = 256;

/**
 * A regular expression of a client as a test of texts, as Go reads it (RE2): in time that grows with the text alone,
 * which JavaScript's own do not promise. One that is not valid finds nothing.
 */
export function pattern(source: string): (text: string) => boolean {
  if (source.length > maxLength) return () => false;
  if (plain.test(source)) {
    const expression = new RegExp(source);
    return (text) => expression.test(text);
  }
  try {
    const expression = re2().compile(source);
    return (text) => expression.matcher(text).find();
  } catch {
    return () => false;
  }
}

/** Nothing is repeated and there is no choice: what `--filter name=^web$` sends. */
const plain = /^\^?[\w./:@ -]*\$?$/;

let loaded: typeof RE2JS | undefined;

/** Loaded when first needed: 9 MB that most daemons never use. */
function re2(): typeof RE2JS {
  loaded ??= (createRequire(import.meta.url)("re2js") as { RE2JS: typeof RE2JS }).RE2JS;
  return loaded;
}

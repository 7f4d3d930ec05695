/** Longer messages lose their middle: what went wrong stands at the begin, what to do about it at the end. */
const maxLength = 4000;

/**
 * `text` as it may be shown in anybody's terminal: control characters but for line ends and tabs, and the marks that
 * turn the direction of writing, become escapes; what a client sent in megabytes does not come back to it.
 */
export function printable(text: string): string {
  const cut =
    text.length <= maxLength
      ? text
      : `${text.slice(0, maxLength / 2)} […${text.length - maxLength} more…] ${text.slice(-maxLength / 2)}`;
  return cut.toWellFormed().replace(hidden, (one) => {
    const code = one.codePointAt(0)!.toString(16);
    return code.length <= 2 ? `\\x${code.padStart(2, "0")}` : `\\u${code.padStart(4, "0")}`;
  });
}

// eslint-disable-next-line no-control-regex
const hidden = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u200E\u200F\u202A-\u202E\u2066-\u2069]/g;

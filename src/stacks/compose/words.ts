/**
 * Splits a command line into words as a POSIX shell would: quotes and backslashes count; variables, globs and
 * operators do not. Returns what is wrong as a string.
 */
export function splitWords(text: string): string[] | string {
  const words: string[] = [];
  let word: string | undefined;
  let quote: string | undefined;
  for (let index = 0; index < text.length; index++) {
    const char = text[index]!;
    if (quote === undefined && /\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (quote === undefined && (char === "'" || char === '"')) {
      quote = char;
      word ??= "";
    } else if (char === quote) quote = undefined;
    else if (char === "\\" && quote !== "'") {
      const next = text[++index];
      if (next === undefined) return "the command ends with a backslash";
      const kept = quote === '"' && !'"\\$`\n'.includes(next) ? "\\" : "";
      if (next !== "\n") word = (word ?? "") + kept + next;
    } else word = (word ?? "") + char;
  }
  if (quote !== undefined) return `the quote ${quote} is not closed`;
  if (word !== undefined) words.push(word);
  return words;
}

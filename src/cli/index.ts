export { runCommandLine } from "./cli.ts";
export { helpTexts } from "./commands/index.ts";

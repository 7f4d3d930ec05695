export { runCommandLine } from "./cli.ts";
export { commands } from "./commands/index.ts";
export { helpOf } from "./command.ts";

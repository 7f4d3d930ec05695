export { runCommandLine } from "./cli.ts";
export { commands, documented } from "./commands/index.ts";
export { helpOf } from "./command.ts";

export { runCommandLine } from "./cli.ts";

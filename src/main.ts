const [subcommand, ...rest] = process.argv.slice(2);
const asksForHelp = rest.includes("--help") || rest.includes("-h");
if (subcommand === "serve" && !asksForHelp) {
  const { serve } = await import("./daemon/index.ts");
  process.exitCode = await serve(rest);
} else {
  const { runCommandLine } = await import("./cli/index.ts");
  // At once: an open stdin (a terminal, a pipe) would keep the process.
  process.exit(await runCommandLine(process.argv.slice(2)));
}
export {};

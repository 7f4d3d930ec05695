const [subcommand, ...rest] = process.argv.slice(2);
if (subcommand === "serve") {
  const { serve } = await import("./daemon/index.ts");
  process.exitCode = await serve(rest);
} else {
  const { runCommandLine } = await import("./cli/index.ts");
  process.exitCode = await runCommandLine(process.argv.slice(2));
}
export {};

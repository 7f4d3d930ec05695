import { expect, test } from "bun:test";

test("a program whose output nobody reads any more ends, as with SIGPIPE", async () => {
  const script = `import { print } from ${JSON.stringify(`${import.meta.dir}/terminal.ts`)};
    for (;;) { print("a line"); await Bun.sleep(1); }`;
  const child = Bun.spawn(
    ["sh", "-c", 'printf "%s" "$1" | "$0" run - | head -n 2; echo $?', process.execPath, script],
    {
      stdout: "pipe",
    },
  );
  expect(await child.stdout.text()).toBe("a line\na line\n0\n");
}, 20_000);

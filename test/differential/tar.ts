import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** A tar archive of files by name; a name that ends with `/` is a folder, a value `-> x` a symbolic link to x. */
export function writeTar(files: Readonly<Record<string, string>>): Buffer {
  const folder = mkdtempSync("/tmp/virga-tar-");
  try {
    for (const [name, text] of Object.entries(files)) {
      const path = join(folder, name);
      mkdirSync(name.endsWith("/") ? path : dirname(path), { recursive: true });
      if (text.startsWith("-> ")) symlinkSync(text.slice(3), path);
      else if (!name.endsWith("/")) writeFileSync(path, text);
    }
    const names = Object.keys(files).map((name) => name.replace(/\/$/, ""));
    const options = [
      "--sort=name",
      "--owner=0",
      "--group=0",
      "--numeric-owner",
      "--mtime=@1700000000",
      "--no-recursion",
    ];
    const { stdout } = Bun.spawnSync(["tar", ...options, "-C", folder, "-cf", "-", ...names]);
    return stdout;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What an archive holds, one line for each entry as GNU tar lists it without times, and what is in small files. */
export async function readTar(bytes: Buffer): Promise<Record<string, string>> {
  const list = await tar(bytes, ["-tv", "--numeric-owner"]);
  const entries = list
    .split("\n")
    .filter(Boolean)
    .map((line) => {
      const [mode = "", owner = "", size = "", , , ...name] = line.split(/\s+/);
      return { mode, owner, size, name: name.join(" ") };
    });
  return Object.fromEntries(
    await Promise.all(
      entries.map(async ({ mode, owner, size, name }) => {
        const plain = mode.startsWith("-") && Number(size) < 200;
        const text = plain ? await tar(bytes, ["-xO", "--occurrence=1", name]) : "";
        return [name, `${mode} ${owner} ${mode.startsWith("d") ? "" : size} ${text}`.trim()] as const;
      }),
    ),
  );
}

async function tar(bytes: Buffer, args: readonly string[]): Promise<string> {
  const child = Bun.spawn(["tar", ...args.slice(0, 1), "-f", "-", ...args.slice(1)], {
    stdin: bytes,
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout] = await Promise.all([child.stdout.text(), child.exited]);
  return stdout;
}

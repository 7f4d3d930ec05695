import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runChecked } from "../../src/host/index.ts";

/** An image archive as `docker save` writes it, of one layer: `layer`, a tar, which goes into it. Made in `directory`. */
export async function imageArchive(directory: string, layer: string, name: string): Promise<string> {
  const folder = mkdtempSync(join(directory, "archive-"));
  mkdirSync(join(folder, "layer"));
  const diffId = createHash("sha256").update(readFileSync(layer)).digest("hex");
  renameSync(layer, join(folder, "layer/layer.tar"));
  const config = {
    architecture: process.arch === "arm64" ? "arm64" : "amd64",
    os: "linux",
    config: { Cmd: ["/bin/sh"] },
    rootfs: { type: "layers", diff_ids: [`sha256:${diffId}`] },
  };
  writeFileSync(join(folder, "config.json"), JSON.stringify(config));
  const manifest = [{ Config: "config.json", RepoTags: [name], Layers: ["layer/layer.tar"] }];
  writeFileSync(join(folder, "manifest.json"), JSON.stringify(manifest));
  await runChecked(["tar", "-C", folder, "-cf", `${folder}.tar`, "manifest.json", "config.json", "layer"]);
  rmSync(folder, { recursive: true });
  return `${folder}.tar`;
}

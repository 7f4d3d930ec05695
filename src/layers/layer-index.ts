import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "../base/index.ts";
import { parseDigest, type Descriptor, type Digest } from "../content/index.ts";
import { removeTree, syncDirectory, writeFileAtomic } from "../host/index.ts";
import type { DiffId } from "./layer.ts";

/** What is known of a stored layer. */
export interface LayerRecord {
  readonly diffId: DiffId;
  /** Name of its directory; short, because overlayfs takes a page of them at most. */
  readonly directory: string;
  readonly size: number;
  /** The blob it can be made from again. */
  readonly source: Descriptor;
  /**
   * The boot (/proc/sys/kernel/random/boot_id) in which it was written, as long as it is not known to be on disk.
   * After another boot its files may be cut off, so it is not used any more.
   */
  readonly boot?: string;
}

/**
 * The records of the layers, one file each, and the directories they name.
 *
 * ```text
 * DIRECTORY/
 *   sha256/HEX        a LayerRecord as JSON; written last and removed first, so that it vouches for its directory
 *   dirs/NAME/        the files of a layer
 *   dirs/none, nil    empty directories, for mounts of fewer layers than overlayfs wants
 *   tmp/NAME/         layers on their way in
 * ```
 */
export class LayerIndex {
  readonly directories: string;
  readonly #directory: string;
  readonly #boot: string;
  readonly #records = new Map<DiffId, LayerRecord>();
  #next = 1;

  constructor(directory: string, boot: string) {
    this.#directory = directory;
    this.#boot = boot;
    this.directories = join(directory, "dirs");
    for (const name of ["sha256", "tmp", "dirs/none", "dirs/nil"]) {
      mkdirSync(join(directory, name), { recursive: true, mode: 0o755 });
    }
  }

  /** Reads the records and sweeps what a crash left. Returns the layers that a power cut may have damaged. */
  async load(logger: Logger): Promise<LayerRecord[]> {
    const doubtful: LayerRecord[] = [];
    for (const hex of readdirSync(join(this.#directory, "sha256"))) {
      const record = this.#read(hex);
      if (record?.boot !== undefined && record.boot !== this.#boot) doubtful.push(record);
      else if (record) this.#records.set(record.diffId, record);
      if (record && this.#records.has(record.diffId)) continue;
      logger.warn("a layer was cut off and is dropped", { layer: `sha256:${hex}` });
      await rm(join(this.#directory, "sha256", hex), { recursive: true, force: true });
    }
    const used = new Set([...this.#records.values()].map((one) => one.directory));
    for (const name of readdirSync(this.directories)) {
      if (name === "none" || name === "nil") continue;
      this.#next = Math.max(this.#next, 1 + (Number.parseInt(name, 36) || 0));
      if (used.has(name)) continue;
      await removeTree(join(this.directories, name), { within: this.directories });
    }
    const temporary = join(this.#directory, "tmp");
    for (const name of readdirSync(temporary)) await removeTree(join(temporary, name), { within: temporary });
    return doubtful;
  }

  get(diffId: DiffId): LayerRecord | undefined {
    return this.#records.get(diffId);
  }

  all(): LayerRecord[] {
    return [...this.#records.values()];
  }

  /** An empty directory in which a layer can be made; `add` or `drop` takes it away. */
  makeTemporary(): string {
    const path = join(this.#directory, "tmp", this.#newName());
    mkdirSync(path);
    return path;
  }

  async drop(temporary: string): Promise<void> {
    await removeTree(temporary, { within: join(this.#directory, "tmp") });
  }

  /** Makes a finished directory, on the same filesystem, the layer's own. It must not have one yet. */
  add(layer: Pick<LayerRecord, "diffId" | "size" | "source">, finished: string): LayerRecord {
    const record: LayerRecord = { ...layer, directory: this.#newName(), boot: this.#boot };
    renameSync(finished, join(this.directories, record.directory));
    this.#write(record);
    this.#records.set(record.diffId, record);
    return record;
  }

  /** The layers that were written and not flushed. */
  unsettled(): LayerRecord[] {
    return this.all().filter((one) => one.boot !== undefined);
  }

  /** The layer's files are on disk. */
  async settled(record: LayerRecord): Promise<void> {
    if (this.#records.get(record.diffId) !== record) return; // removed meanwhile
    const { boot: _, ...rest } = record;
    this.#records.set(record.diffId, rest);
    const path = this.#recordPath(record.diffId);
    await writeFileAtomic(path, JSON.stringify(rest));
    const now = this.#records.get(record.diffId);
    if (now === rest) return;
    // It was removed, or even made anew, while the file was written: what counts is the last word.
    if (now) this.#write(now);
    else unlinkSync(path);
  }

  async remove(diffId: DiffId): Promise<void> {
    const record = this.#records.get(diffId);
    if (!record) return;
    this.#records.delete(diffId);
    rmSync(this.#recordPath(diffId), { force: true });
    // Otherwise a power cut could bring back the record of a directory that is half gone.
    await syncDirectory(join(this.#directory, "sha256"));
    await removeTree(join(this.directories, record.directory), { within: this.directories });
  }

  /** Not flushed on purpose: after a power cut the layer is doubtful anyway, until `settled` says otherwise. */
  #write(record: LayerRecord): void {
    const path = this.#recordPath(record.diffId);
    writeFileSync(`${path}.new`, JSON.stringify(record), { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }

  #newName(): string {
    const name = (this.#next++).toString(36);
    return name === "none" || name === "nil" ? this.#newName() : name;
  }

  #recordPath(diffId: Digest): string {
    return join(this.#directory, "sha256", parseDigest(diffId).hex);
  }

  /** undefined for a record that a power cut left empty, or whose directory it lost. */
  #read(hex: string): LayerRecord | undefined {
    try {
      const text = readFileSync(join(this.#directory, "sha256", hex), "utf8");
      const record = JSON.parse(text) as LayerRecord;
      readdirSync(join(this.directories, record.directory));
      return record.diffId === `sha256:${hex}` ? record : undefined;
    } catch {
      return undefined;
    }
  }
}

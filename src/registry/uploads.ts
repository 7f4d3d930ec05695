import { mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf, KeyedLock, type Clock } from "../base/index.ts";
import { parseDigest, type BlobInfo, type ContentStore, type Digest } from "../content/index.ts";
import type { State } from "../state/index.ts";
import { linkBlob } from "./blobs.ts";
import { refuse } from "./errors.ts";
import type { Leases } from "./leases.ts";
import type { LinkTable } from "./link-table.ts";
import { checkDigest, checkName } from "./names.ts";
import type { Chunk, Upload, Uploads } from "./registry.ts";
import type { Quotas } from "./quotas.ts";
import type { Repositories } from "./repositories.ts";
import { appendStream, cutFile, digestOf, type Algorithm, type UploadState } from "./upload-file.ts";

export interface UploadsDependencies {
  /** `ROOT/registry/uploads`: one file an upload, named after it. On the filesystem of the content store. */
  readonly directory: string;
  readonly state: State;
  readonly content: ContentStore;
  readonly clock: Clock;
  readonly leases: Leases;
  readonly repositories: Repositories;
  readonly links: LinkTable;
  readonly quotas: Quotas;
}

/** What the collection of garbage needs beyond `Uploads`. */
export interface UploadSessions extends Uploads {
  /** Drops those that nothing was added to since `before`; their number. */
  expire(before: number): Promise<number>;
}

interface Session extends UploadState {
  readonly id: string;
  readonly repository: string;
}

interface Row {
  id: string;
  repository: string;
  algorithm: Algorithm;
}

/** Opens the uploads that an earlier daemon left, and sweeps files that belong to none. */
export function createUploads(dependencies: UploadsDependencies): UploadSessions {
  return new FileUploads(dependencies);
}

class FileUploads implements UploadSessions {
  readonly #parts: UploadsDependencies;
  readonly #sessions = new Map<string, Session>();
  readonly #locks = new KeyedLock();

  constructor(parts: UploadsDependencies) {
    this.#parts = parts;
    const { directory, state } = parts;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const rows = state.db.query<Row, []>("SELECT id, repository, algorithm FROM registry_uploads").all();
    for (const row of rows) {
      const offset = statSync(join(directory, row.id), { throwIfNoEntry: false })?.size ?? 0;
      this.#sessions.set(row.id, { ...row, offset, hasher: undefined });
    }
    for (const name of readdirSync(directory)) {
      if (!this.#sessions.has(name)) rmSync(join(directory, name), { force: true });
    }
  }

  begin(repository: string, algorithm = "sha256"): Promise<Upload> {
    return Promise.try(() => {
      checkName(repository);
      if (algorithm !== "sha256" && algorithm !== "sha512") throw unknownAlgorithm(algorithm);
      const id = crypto.randomUUID();
      const { db } = this.#parts.state;
      db.run("INSERT INTO registry_uploads VALUES (?, ?, ?, ?)", [id, repository, algorithm, this.#now()]);
      const session: Session = { id, repository, algorithm, offset: 0, hasher: undefined };
      this.#sessions.set(id, session);
      return shown(session);
    });
  }

  find(repository: string, id: string): Upload {
    return shown(this.#need(repository, id));
  }

  async append(repository: string, id: string, chunk: Chunk): Promise<Upload> {
    using _turn = await this.#locks.acquire(id);
    const session = this.#need(repository, id);
    await this.#append(session, chunk);
    return shown(session);
  }

  async commit(repository: string, id: string, wanted: Digest, chunk?: Chunk): Promise<BlobInfo> {
    using _turn = await this.#locks.acquire(id);
    const session = this.#need(repository, id);
    const digest = checkDigest(wanted);
    if (chunk) await this.#append(session, chunk);
    const path = this.#path(session);
    const got = await digestOf(path, session, parseDigest(digest).algorithm);
    if (got !== digest) {
      await this.#drop(session);
      throw otherDigest(digest, got);
    }
    return await this.#publish(session, digest);
  }

  async cancel(repository: string, id: string): Promise<void> {
    using _turn = await this.#locks.acquire(id);
    await this.#drop(this.#need(repository, id));
  }

  async expire(before: number): Promise<number> {
    const { db } = this.#parts.state;
    const old = db.query<Row, [number]>("SELECT * FROM registry_uploads WHERE touched_at < ?").all(before);
    const idle = old.filter((one) => !this.#locks.isHeld(one.id));
    for (const { id } of idle) await this.#drop(this.#sessions.get(id)!);
    return idle.length;
  }

  async #append(session: Session, { source, start, length }: Chunk): Promise<void> {
    const path = this.#path(session);
    const before = session.offset;
    if (start !== undefined && start !== before) throw outOfOrder(session, start);
    const { quotas } = this.#parts;
    const room = quotas.room(session.repository) - before;
    if (length !== undefined && length > room) quotas.check(session.repository, before + length);
    const appended = await appendStream(path, session, source, Math.min(length ?? Infinity, room)).catch(
      async (error: unknown) => {
        await this.#drop(session);
        throw diskFull(error);
      },
    );
    this.#touch(session);
    if (appended.count > room) {
      await this.#drop(session);
      quotas.check(session.repository, before + appended.count);
    }
    if ("failure" in appended) throw cut(session, appended.failure);
    if (length === undefined || appended.count === length) return;
    await cutFile(path, session, before);
    throw otherLength(length, appended.count);
  }

  /** Leased before it is stored, so that no collection comes between the store and the link. */
  async #publish(session: Session, digest: Digest): Promise<BlobInfo> {
    const { state, content, leases } = this.#parts;
    const { offset: size } = session;
    using _lease = leases.take(digest);
    const path = this.#path(session);
    try {
      if (size === 0) await content.put("", { digest });
      else {
        await content.adopt(async (place) => {
          await rename(path, place);
          return { digest, size };
        });
      }
    } catch (error) {
      await this.#drop(session);
      throw error;
    }
    const blob = { digest, size };
    await this.#link(session, blob);
    await rm(path, { force: true });
    await state.flushed();
    return blob;
  }

  /** The quota is asked once more: other uploads came meanwhile. */
  async #link(session: Session, blob: BlobInfo): Promise<void> {
    const { state, repositories, links, quotas } = this.#parts;
    try {
      state.transaction(() => {
        linkBlob(repositories, links, session.repository, blob);
        quotas.check(session.repository, 0);
        this.#forget(session);
      });
    } catch (error) {
      await this.#drop(session);
      throw error;
    }
  }

  #touch({ id, repository }: Session): void {
    const { state, repositories } = this.#parts;
    state.db.run("UPDATE registry_uploads SET touched_at = ? WHERE id = ?", [this.#now(), id]);
    const known = repositories.idOf(repository);
    if (known !== undefined) repositories.touch(known);
  }

  async #drop(session: Session): Promise<void> {
    this.#forget(session);
    await rm(this.#path(session), { force: true });
  }

  #forget({ id }: Session): void {
    this.#parts.state.db.run("DELETE FROM registry_uploads WHERE id = ?", [id]);
    this.#sessions.delete(id);
  }

  #need(repository: string, id: string): Session {
    const session = this.#sessions.get(id);
    if (session?.repository === checkName(repository)) return session;
    throw refuse("not-found", "registry.upload-unknown", "there is no such upload, or no longer", {
      detail: { name: repository, id },
      hint: "begin a new one",
    });
  }

  #path({ id }: Session): string {
    return join(this.#parts.directory, id);
  }

  #now(): number {
    return this.#parts.clock.now().getTime();
  }
}

function shown({ id, repository, offset }: Session): Upload {
  return { id, repository, offset };
}

function diskFull(error: unknown): unknown {
  const code = errnoOf(error);
  if (code !== "ENOSPC" && code !== "EDQUOT") return error;
  return refuse("exhausted", "registry.disk-full", "the registry's disk is full; the upload was dropped", {
    hint: "free space on the registry's machine: virga prune",
    cause: error,
  });
}

function unknownAlgorithm(algorithm: string): Error {
  return refuse("invalid", "registry.digest-invalid", `unknown digest algorithm '${algorithm}'`, {
    detail: { algorithm, supported: ["sha256", "sha512"] },
  });
}

function outOfOrder({ offset }: Session, start: number): Error {
  return refuse(
    "invalid",
    "registry.upload-range",
    `the chunk begins at ${start}; the upload goes on at ${offset}`,
    {
      detail: { offset, start },
    },
  );
}

function otherDigest(expected: Digest, got: Digest): Error {
  return refuse("invalid", "registry.digest-invalid", `the uploaded content is ${got}, not ${expected}`, {
    detail: { expected, got },
  });
}

function otherLength(expected: number, got: number): Error {
  const more = got > expected ? `more than ${expected}` : `${got} of ${expected}`;
  return refuse("invalid", "registry.size-invalid", `the request has ${more} bytes`, {
    detail: { expected },
  });
}

function cut({ offset }: Session, cause: unknown): Error {
  return refuse("cancelled", "registry.upload-cut", `the upload broke off after ${offset} bytes`, { cause });
}

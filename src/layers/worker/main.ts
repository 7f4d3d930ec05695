// A tree worker: a child process of the daemon that does one job after another on trees of files, chrooted into the tree
// that the job is about. See protocol.ts for what it hears and says, and pool.ts for its life.
import { closeSync, openSync } from "node:fs";
import { errnoOf, toVirgaError } from "../../base/index.ts";
import { createFileCalls, dieWithParent, setUmask, type FileCalls } from "../../host/index.ts";
import { createArchive, extractArchive } from "./archive-jobs.ts";
import { listChanges } from "./changes.ts";
import { createChannel, type Channel } from "./channel.ts";
import { diskFull } from "./limits.ts";
import { ArchiveFile, packUpper } from "./pack.ts";
import { frameKinds, type Failure, type Job } from "./protocol.ts";
import { unpackLayer } from "./unpack.ts";

async function perform(calls: FileCalls, job: Job, channel: Channel): Promise<unknown> {
  if (job.kind === "unpack") return await unpackLayer(calls, job, channel);
  if (job.kind === "changes") return listChanges(calls, job.upper, job.lower);
  if (job.kind === "flush") return flush(calls, job.path);
  const output = job.kind === "pack" ? new ArchiveFile(job.output) : undefined;
  const leave = calls.enterRoot(job.kind === "pack" ? job.upper : job.root);
  try {
    if (job.kind === "pack") return packUpper(calls, job, output!);
    if (job.kind === "extract") return await extractArchive(calls, job, channel);
    return createArchive(calls, job, channel);
  } finally {
    leave();
    output?.close();
  }
}

function flush(calls: FileCalls, path: string): Record<string, never> {
  const fd = openSync(path, "r");
  try {
    calls.syncFilesystem(fd);
  } finally {
    closeSync(fd);
  }
  return {};
}

async function serve(): Promise<void> {
  dieWithParent(Number(process.argv[2]));
  setUmask(0);
  const calls = createFileCalls();
  const channel = createChannel();
  for (let frame = channel.read(); frame; frame = channel.read()) {
    const job = JSON.parse(frame.payload.toString()) as Job;
    try {
      channel.write(frameKinds.result, JSON.stringify(await perform(calls, job, channel)));
    } catch (error) {
      const { kind, code, message, hint } = toVirgaError(diskFull(error));
      const failure: Failure = { kind, code, message, ...(hint === undefined ? {} : { hint }) };
      tellUnlessAlone(() => channel.write(frameKinds.failure, JSON.stringify(failure)));
      return; // the rest of the input is of no use to the next job
    }
  }
}

/** A daemon that has been killed is told nothing; the kernel ends this process in a moment. */
function tellUnlessAlone(tell: () => void): void {
  try {
    tell();
  } catch (error) {
    if (errnoOf(error) !== "EPIPE") throw error;
  }
}

await serve();
process.exit(0);

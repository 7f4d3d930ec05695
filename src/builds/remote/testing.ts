import { join } from "node:path";
import { runChecked } from "../../host/index.ts";

/** A git repository `NAME.git`, served over HTTP on the loopback. */
export interface TestRepository extends Disposable {
  /** `http://127.0.0.1:PORT/project.git` */
  readonly url: string;
  /** `Authorization` of the requests so far. */
  readonly authorizations: (string | null)[];
  /** Commits whatever stands in the work tree; the commit's name. */
  commit(message: string): Promise<string>;
  git(...command: string[]): Promise<string>;
}

export async function serveRepository(folder: string, worktree: string): Promise<TestRepository> {
  const identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"];
  const git = (...command: string[]) => runChecked(["git", "-C", worktree, ...identity, ...command]);
  const bare = join(folder, "project.git");
  await git("init", "-q", "-b", "main");
  await runChecked(["git", "init", "-q", "--bare", "-b", "main", bare]);
  await git("remote", "add", "origin", bare);
  const authorizations: (string | null)[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      authorizations.push(request.headers.get("authorization"));
      const { pathname, search } = new URL(request.url);
      const child = Bun.spawn(["git", "http-backend"], {
        stdin: await request.bytes(),
        stdout: "pipe",
        env: {
          PATH: process.env["PATH"] ?? "",
          GIT_PROJECT_ROOT: folder,
          GIT_HTTP_EXPORT_ALL: "1",
          PATH_INFO: pathname,
          QUERY_STRING: search.slice(1),
          REQUEST_METHOD: request.method,
          CONTENT_TYPE: request.headers.get("content-type") ?? "",
          GIT_PROTOCOL: request.headers.get("git-protocol") ?? "",
          REMOTE_ADDR: "127.0.0.1",
        },
      });
      return cgiResponse(await child.stdout.bytes());
    },
  });
  return {
    url: `${server.url.href}project.git`,
    authorizations,
    git,
    async commit(message) {
      await git("add", "-A");
      await git("commit", "-q", "--allow-empty", "-m", message);
      await git("push", "-q", "--all", "origin");
      return (await git("rev-parse", "HEAD")).trim();
    },
    [Symbol.dispose]: () => void server.stop(true),
  };
}

/** Of a CGI program's output (RFC 3875): headers, an empty line, the body. */
function cgiResponse(output: Uint8Array<ArrayBuffer>): Response {
  const end = Buffer.from(output).indexOf("\r\n\r\n");
  const headers = new Headers();
  let status = 200;
  for (const line of Buffer.from(output.subarray(0, end)).toString().split("\r\n")) {
    const [, name, value] = /^([^:]+):\s*(.*)$/.exec(line)!;
    if (name!.toLowerCase() === "status") status = Number.parseInt(value!, 10);
    else headers.append(name!, value!);
  }
  return new Response(output.subarray(end + 4), { status, headers });
}

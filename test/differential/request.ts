/**
 * What is asked of both engines, as data. Texts may hold placeholders: `{name}` is what an earlier request of the same
 * case saved under that name; `{image}`, `{start}` (seconds since 1970 at the start of the case), `{now}` and `{folder}`
 * (a folder of the host, one for each engine) are always there.
 */
export interface Request {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "DELETE";
  /** Without the version in front: `/v1.41` is put there, unless it begins with `/v` itself. */
  readonly path: string;
  readonly body?: Body;
  readonly headers?: Readonly<Record<string, string>>;
  /** Takes the connection over and sends this as standard input. */
  readonly stdin?: string;
  /** How the answer's body is to be read; by its content type when this is missing. */
  readonly as?: "json" | "lines" | "frames" | "tar" | "text" | "nothing";
  /** Placeholders for later requests, by the path of their value in the answer. */
  readonly save?: Readonly<Record<string, string>>;
  /** Asked again until the value at `at` of the answer is `is`. */
  readonly until?: { readonly at: string; readonly is: unknown };
  /** Paths (with `*`) in the answer that are compared by their type alone. */
  readonly mask?: readonly string[];
  /** Paths of lists whose order says nothing. */
  readonly unordered?: readonly string[];
  /** Only these paths of the answer are compared. */
  readonly only?: readonly string[];
  /** It only prepares: nothing of its answer is compared but the status. */
  readonly quiet?: boolean;
}

export type Body =
  | { readonly json: unknown }
  | { readonly text: string }
  /** A tar archive of these files; a name that ends with `/` is a folder, a value `-> x` a link to x. */
  | { readonly tar: Readonly<Record<string, string>> }
  /** The body of an earlier answer, by the name under `save` whose path is `*`. */
  | { readonly saved: string };

export interface Case {
  /** `area/what`. */
  readonly name: string;
  readonly requests: readonly Request[];
}

type Options = Omit<Request, "method" | "path">;

export const get = (path: string, options: Options = {}): Request => ({ method: "GET", path, ...options });
export const head = (path: string, options: Options = {}): Request => ({ method: "HEAD", path, ...options });
export const remove = (path: string, options: Options = {}): Request => ({
  method: "DELETE",
  path,
  ...options,
});
export const put = (path: string, body: Body, options: Options = {}): Request => ({
  method: "PUT",
  path,
  body,
  ...options,
});

/** `json` goes as the body. */
export function post(path: string, json?: unknown, options: Options = {}): Request {
  return { method: "POST", path, ...(json === undefined ? {} : { body: { json } }), ...options };
}

/** Makes a container of the box image, and saves its id under its name. */
export function create(
  name: string,
  config: Readonly<Record<string, unknown>> = {},
  options: Options = {},
): Request {
  const body = { Image: "{image}", ...config };
  return post(`/containers/create?name=${name}`, body, { save: { [name]: "Id" }, ...options });
}

/** A shell script as a container's command. */
export const script = (text: string) => ({ Cmd: ["sh", "-c", text] });

/** Creates, starts and waits for the end; then what it wrote. */
export function runToEnd(name: string, config: Readonly<Record<string, unknown>>): Request[] {
  return [
    create(name, config),
    post(`/containers/${name}/start`),
    post(`/containers/${name}/wait`),
    get(`/containers/${name}/logs?stdout=1&stderr=1`),
  ];
}

/** Creates and starts. */
export function running(name: string, config: Readonly<Record<string, unknown>> = {}): Request[] {
  return [
    create(name, { Cmd: ["sleep", "1000"], ...config }, { quiet: true, save: { [name]: "Id" } }),
    post(`/containers/${name}/start`, undefined, { quiet: true }),
  ];
}

/** What happened since the case began to objects that `filters` names, in order. */
export function events(filters: Readonly<Record<string, readonly string[]>>, options: Options = {}): Request {
  return get(`/events?since={start}&until={now}&${filtered(filters)}`, { as: "lines", ...options });
}

/** Filters for a query; placeholders in them stay placeholders. */
export function filtered(filters: Readonly<Record<string, readonly string[]>>): string {
  return `filters=${encodeURIComponent(JSON.stringify(filters)).replaceAll(/%7B([a-z][\w-]*)%7D/g, "{$1}")}`;
}

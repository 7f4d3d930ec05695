import type { ScrubStatus } from "../../content/index.ts";
import type { CacheTotals, RegistryTotals } from "../../registry/index.ts";

/** What else there is to tell of. */
export interface MoreMetrics {
  readonly caches?: readonly CacheTotals[];
  readonly scrub?: ScrubStatus | undefined;
}

/** Counts requests, and writes all that is known in the text format of Prometheus. */
export interface RegistryMetrics {
  count(method: string, kind: string, response: Response): void;
  text(totals: RegistryTotals, more?: MoreMetrics): string;
}

const gauges: Readonly<Record<keyof RegistryTotals, readonly [name: string, help: string]>> = {
  repositories: ["virga_registry_repositories", "Repositories."],
  manifests: ["virga_registry_manifests", "Manifests, in each repository."],
  tags: ["virga_registry_tags", "Tags."],
  blobs: ["virga_registry_blobs", "Blobs, each counted once."],
  bytes: ["virga_registry_bytes", "Bytes of blobs and manifests, each counted once."],
  uploads: ["virga_registry_uploads_open", "Uploads that have begun and not ended."],
  deliveries: ["virga_registry_webhook_deliveries_waiting", "Messages of webhooks that are to be sent."],
};

export function createRegistryMetrics(): RegistryMetrics {
  const requests = new Map<string, number>();
  let sent = 0;
  return {
    count(method, kind, response) {
      const labels = `method="${method}",kind="${kind}",status="${response.status}"`;
      requests.set(labels, (requests.get(labels) ?? 0) + 1);
      if (method === "GET" && kind === "blob") sent += Number(response.headers.get("content-length") ?? 0);
    },
    text(totals, { caches = [], scrub } = {}) {
      const lines = Object.entries(gauges).flatMap(([key, [name, help]]) => [
        `# HELP ${name} ${help}`,
        `# TYPE ${name} gauge`,
        `${name} ${totals[key as keyof RegistryTotals]}`,
      ]);
      const counted = [...requests].map(([labels, n]) => `virga_registry_requests_total{${labels}} ${n}`);
      return [
        ...lines,
        "# HELP virga_registry_requests_total Requests that were answered.",
        "# TYPE virga_registry_requests_total counter",
        ...counted,
        "# HELP virga_registry_sent_bytes_total Bytes of blobs in answers that were begun.",
        "# TYPE virga_registry_sent_bytes_total counter",
        `virga_registry_sent_bytes_total ${sent}`,
        ...cacheLines(caches),
        ...(scrub ? scrubLines(scrub) : []),
        "",
      ].join("\n");
    },
  };
}

const cacheGauges = [
  ["virga_registry_cache_bytes", "gauge", (one: CacheTotals) => one.bytes],
  ["virga_registry_cache_fetched_bytes_total", "counter", (one: CacheTotals) => one.fetchedBytes],
  ["virga_registry_cache_upstream_up", "gauge", (one: CacheTotals) => (one.failure === undefined ? 1 : 0)],
] as const;

function cacheLines(caches: readonly CacheTotals[]): string[] {
  if (caches.length === 0) return [];
  const label = (one: CacheTotals) => `upstream="${one.upstream}"`;
  const requests = "virga_registry_cache_requests_total";
  return [
    ...cacheGauges.flatMap(([name, type, value]) => [
      `# TYPE ${name} ${type}`,
      ...caches.map((one) => `${name}{${label(one)}} ${value(one)}`),
    ]),
    `# TYPE ${requests} counter`,
    ...caches.flatMap((one) =>
      Object.entries(one.outcomes).map(([result, n]) => `${requests}{${label(one)},result="${result}"} ${n}`),
    ),
  ];
}

function scrubLines({ damaged, finishedAt }: ScrubStatus): string[] {
  return [
    "# HELP virga_content_damaged_blobs Blobs that were set aside and are not whole again.",
    "# TYPE virga_content_damaged_blobs gauge",
    `virga_content_damaged_blobs ${damaged.length}`,
    "# HELP virga_content_checked_timestamp_seconds When all blobs had been compared with their digests.",
    "# TYPE virga_content_checked_timestamp_seconds gauge",
    `virga_content_checked_timestamp_seconds ${Math.floor((finishedAt?.getTime() ?? 0) / 1000)}`,
  ];
}

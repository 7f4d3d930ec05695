import type { RegistryTotals } from "../../registry/index.ts";

/** Counts requests, and writes all that is known in the text format of Prometheus. */
export interface RegistryMetrics {
  count(method: string, kind: string, response: Response): void;
  text(totals: RegistryTotals): string;
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
    text(totals) {
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
        "",
      ].join("\n");
    },
  };
}

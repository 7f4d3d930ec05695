/**
 * The labels that tie containers, networks, volumes and images to a stack: those of docker compose, so that both see
 * the same. There is no other record of a stack.
 */
export const stackLabels = {
  project: "com.docker.compose.project",
  service: "com.docker.compose.service",
  number: "com.docker.compose.container-number",
  configHash: "com.docker.compose.config-hash",
  oneoff: "com.docker.compose.oneoff",
  workingDir: "com.docker.compose.project.working_dir",
  configFiles: "com.docker.compose.project.config_files",
  /** `db:service_healthy:false,…`: service, condition, whether it restarts with its dependency. */
  dependsOn: "com.docker.compose.depends_on",
  /** Id of the image that the container was made from. */
  image: "com.docker.compose.image",
  version: "com.docker.compose.version",
  /** On a container that takes another's place and does not have its name yet: the name it will have. */
  replace: "com.docker.compose.replace",
  network: "com.docker.compose.network",
  volume: "com.docker.compose.volume",
  /** Our own: container ports of which the file says that they speak HTTP, `8081=http,8443=https`. */
  webPorts: "dev.virga.stack.web-ports",
} as const;

export function isOneOff(labels: Readonly<Record<string, string>>): boolean {
  return labels[stackLabels.oneoff]?.toLowerCase() === "true";
}

/** Services named in the label `dependsOn`. */
export function dependenciesInLabel(label: string | undefined): string[] {
  return (label ?? "")
    .split(",")
    .map((one) => one.split(":")[0]!)
    .filter(Boolean);
}

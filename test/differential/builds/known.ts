/** A reviewed difference between another builder's files and Virga's, and why it is one. Patterns have `*` for anything. */
export interface KnownTreeDifference {
  readonly by: "docker" | "buildah";
  readonly case: string;
  readonly path: string;
  readonly reason: string;
}

export const knownTreeDifferences: readonly KnownTreeDifference[] = [
  {
    by: "docker",
    case: "variables",
    path: "v*",
    reason: "Docker 20.10 makes mount points of volumes in the container that is looked at",
  },
  {
    by: "docker",
    case: "links, modes and owners",
    path: "made*",
    reason:
      "the folders of WORKDIR are the USER's, as BuildKit makes them; to the classic builder they are root's",
  },
  {
    by: "docker",
    case: "links, modes and owners",
    path: "*setuid",
    reason:
      "set-id bits of the context stay, as with BuildKit; the classic builder sets the owner last, which takes them away",
  },
  {
    by: "buildah",
    case: "links, modes and owners",
    path: "*setuid",
    reason:
      "set-id bits of the context stay, as with BuildKit; buildah sets the owner last, which takes them away",
  },
  {
    by: "buildah",
    case: "what BuildKit added",
    path: "modes",
    reason:
      "--chmod is for a folder that COPY makes of another one too, as in BuildKit; buildah leaves it at 755",
  },
];

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
  {
    by: "buildah",
    case: "what is there already",
    path: "filelink",
    reason: "COPY writes through a symlink that is at the destination, as Docker does; buildah replaces it",
  },
  {
    by: "buildah",
    case: "what is there already",
    path: "real/target",
    reason: "COPY writes through a symlink that is at the destination, as Docker does; buildah replaces it",
  },
  {
    by: "docker",
    case: "volumes and folders",
    path: "vol/after",
    reason: "what a RUN writes below a VOLUME stays, as with BuildKit; the classic builder throws it away",
  },
  {
    by: "buildah",
    case: "volumes and folders",
    path: "vol/after",
    reason: "what a RUN writes below a VOLUME stays, as with BuildKit; buildah throws it away",
  },
  {
    by: "buildah",
    case: "volumes and folders",
    path: "vol/inside",
    reason: "what is made below a VOLUME stays, as with BuildKit; buildah throws it away with the next RUN",
  },
  {
    by: "docker",
    case: "odd archives",
    path: "pax/a",
    reason: "times of archives keep their fractions of a second; the others cut them off",
  },
  {
    by: "docker",
    case: "odd archives",
    path: "xz/a",
    reason: "times of archives keep their fractions of a second; the others cut them off",
  },
  {
    by: "buildah",
    case: "odd archives",
    path: "pax/a",
    reason: "times of archives keep their fractions of a second; the others cut them off",
  },
  {
    by: "buildah",
    case: "odd archives",
    path: "xz/a",
    reason: "times of archives keep their fractions of a second; the others cut them off",
  },
  {
    by: "docker",
    case: "odd archives",
    path: "pax/a/sparse",
    reason:
      "attributes of users stay, as with BuildKit; the classic builder takes only those of capabilities",
  },
  {
    by: "buildah",
    case: "what steps make",
    path: "a/f",
    reason:
      "a file with several names that a later step changes is a new one under that name, as overlayfs has it for Docker too",
  },
  {
    by: "buildah",
    case: "what steps make",
    path: "b/f",
    reason:
      "a file with several names that a later step changes is a new one under that name, as overlayfs has it for Docker too",
  },
  {
    by: "buildah",
    case: "what steps make",
    path: "b/late",
    reason:
      "a file with several names that a later step changes is a new one under that name, as overlayfs has it for Docker too",
  },
  {
    by: "docker",
    case: "owners by name",
    path: "tar*",
    reason:
      "--chown is for all that ADD brings, also for what comes out of an archive; the others leave that as it is",
  },
  {
    by: "buildah",
    case: "owners by name",
    path: "tar/*",
    reason:
      "--chown is for all that ADD brings, also for what comes out of an archive; the others leave that as it is",
  },
];

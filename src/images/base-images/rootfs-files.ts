import type { Archive, Mirrors } from "./mirrors.ts";
import { withoutCredentials } from "./mirrors.ts";
import type { Wanted } from "./releases.ts";

/** A file of the image that no package brings. */
export interface RootfsFile {
  /** From the image's root. */
  readonly path: string;
  readonly content: string;
  readonly mode?: number;
}

const cleanCache =
  "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb /var/cache/apt/*.bin || true";

/**
 * The settings that the distributions' official images have: nothing is cached that a layer would carry along, no
 * service starts at installation, a package that was only suggested goes with `autoremove`.
 */
export function containerFiles(
  wanted: Wanted,
  mirrors: Mirrors,
  aptSettings: readonly string[],
): RootfsFile[] {
  const apt = "etc/apt/apt.conf.d";
  return [
    {
      path: `${apt}/docker-clean`,
      content: `DPkg::Post-Invoke { "${cleanCache}"; };
APT::Update::Post-Invoke { "${cleanCache}"; };
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
`,
    },
    { path: `${apt}/docker-autoremove-suggests`, content: 'Apt::AutoRemove::SuggestsImportant "false";\n' },
    { path: `${apt}/docker-gzip-indexes`, content: 'Acquire::GzipIndexes "true";\n' },
    { path: `${apt}/docker-no-languages`, content: 'Acquire::Languages "none";\n' },
    ...(aptSettings.length === 0
      ? []
      : [
          {
            path: `${apt}/mirror-dates`,
            content: mirrorDates + aptSettings.map((one) => `${one}\n`).join(""),
          },
        ]),
    ...sourcesFiles(wanted, mirrors),
    { path: "usr/sbin/policy-rc.d", content: policy, mode: 0o755 },
    { path: "etc/hostname", content: "" },
    { path: "etc/resolv.conf", content: "" },
    { path: "etc/machine-id", content: "", mode: 0o444 },
  ];
}

const mirrorDates = "// The mirror that this image was made from is a frozen copy: its dates say nothing.\n";

const policy = "#!/bin/sh\n# No service starts when its package is installed into an image.\nexit 101\n";

/** What `-slim` leaves out, in the words of dpkg.cfg(5); licences stay. */
export const slimExcludes: readonly string[] = [
  "path-exclude /usr/share/doc/*",
  "path-include /usr/share/doc/*/copyright",
  "path-exclude /usr/share/man/*",
  "path-exclude /usr/share/info/*",
  "path-exclude /usr/share/groff/*",
  "path-exclude /usr/share/lintian/*",
  "path-exclude /usr/share/linda/*",
  "path-exclude /usr/share/locale/*",
  "path-include /usr/share/locale/locale.alias",
];

function sourcesFiles({ release }: Wanted, mirrors: Mirrors): RootfsFile[] {
  const stanza = (archive: Archive) =>
    [
      "Types: deb",
      `URIs: ${withoutCredentials(archive.uri)}`,
      `Suites: ${archive.suites.join(" ")}`,
      `Components: ${mirrors.components.join(" ")}`,
      `Signed-By: ${mirrors.keyring}`,
      "",
    ].join("\n");
  return [
    {
      path: `etc/apt/sources.list.d/${release.distribution}.sources`,
      content: mirrors.archives.map(stanza).join("\n"),
    },
  ];
}

import { describe, expect, test } from "bun:test";
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseReference, withDefaultTag } from "../reference.ts";
import { parseDeb822, parseOneLine, readAptSources } from "./apt-sources.ts";
import { aptSettings } from "./base-images.ts";
import { chooseMirrors, withoutCredentials } from "./mirrors.ts";
import { distributionOf, parseDistroInfo, readReleases, wantedRelease } from "./releases.ts";
import { containerFiles } from "./rootfs-files.ts";

const releases = readReleases("/nonexistent");
const want = (name: string, today = "2026-01-01") => {
  const reference = withDefaultTag(parseReference(name));
  const distribution = distributionOf(reference);
  const wanted = distribution && wantedRelease(distribution, reference.tag!, releases, today);
  return wanted && `${wanted.release.codename}${wanted.slim ? " slim" : ""}`;
};
const release = (codename: string) => releases.find((one) => one.codename === codename)!;

describe("which release a tag means", () => {
  test.each([
    ["debian", "trixie"],
    ["debian:stable-slim", "trixie slim"],
    ["debian:oldstable", "bookworm"],
    ["debian:bookworm", "bookworm"],
    ["debian:12-slim", "bookworm slim"],
    ["docker.io/library/debian:testing", "forky"],
    ["debian:unstable", "sid"],
    ["debian:sid", "sid"],
    ["ubuntu", "noble"],
    ["ubuntu:24.04", "noble"],
    ["ubuntu:rolling", "questing"],
    ["debian:12.5", undefined],
    ["debian:bookworm-20250520", undefined],
    ["debian:noble", undefined],
    ["ubuntu:noble-slim", undefined],
    ["ubuntu:bookworm", undefined],
    ["debian:constructor", undefined],
    ["registry.example/debian", undefined],
    ["user/debian", undefined],
  ])("%s → %s", (name, codename) => expect(want(name)).toBe(codename));

  test("before and after a release day", () => {
    expect(want("debian:latest", "2025-08-08")).toBe("bookworm");
    expect(want("debian:testing", "2025-08-08")).toBe("trixie");
  });

  test("distro-info", () => {
    const csv =
      "version,codename,series,created,release,eol\n1.1,Buzz,buzz,1993-08-16,1996-06-17\n14,Forky,forky,2025-08-09,2027-07-01\n,Sid,sid,1993-08-16\n,Experimental,experimental,1993-08-16\n";
    expect(parseDistroInfo("debian", csv)).toEqual([
      { distribution: "debian", codename: "forky", version: "14", released: "2027-07-01" },
      { distribution: "debian", codename: "sid" },
    ]);
    const ubuntu =
      "version,codename,series,created,release\n26.04 LTS,Resolute Raccoon,resolute,2025-10-09,2026-04-23\n";
    expect(parseDistroInfo("ubuntu", ubuntu)).toEqual([
      { distribution: "ubuntu", codename: "resolute", version: "26.04", released: "2026-04-23", lts: true },
    ]);
  });
});

describe("the host's apt sources", () => {
  test("one-line", () => {
    const text = `# deb http://no.example/debian x main
deb [arch=amd64,arm64 signed-by="/k.gpg"] http://m.example/debian/ bookworm main contrib # why
deb-src http://m.example/debian bookworm main
deb http://m.example/debian-security bookworm-security main`;
    expect(parseOneLine(text)).toEqual([
      {
        uris: ["http://m.example/debian/"],
        suites: ["bookworm"],
        components: ["main", "contrib"],
        architectures: ["amd64", "arm64"],
        signedBy: "/k.gpg",
      },
      {
        uris: ["http://m.example/debian-security"],
        suites: ["bookworm-security"],
        components: ["main"],
        architectures: [],
      },
    ]);
  });

  test("deb822: comments, continued fields, disabled and source entries", () => {
    const text = `Types: deb
# a remark
URIs: http://m.example/debian
Suites: bookworm
  bookworm-updates
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main

Types: deb-src
URIs: http://m.example/debian
Suites: bookworm
Components: main
`;
    const [first, ...others] = parseDeb822(text);
    expect(others).toEqual([]);
    expect(first).toMatchObject({
      uris: ["http://m.example/debian"],
      suites: ["bookworm", "bookworm-updates"],
    });
    expect(first!.signedBy).toStartWith("-----BEGIN");
  });

  test("both kinds of files in a directory", () => {
    const directory = mkdtempSync(join(tmpdir(), "virga-apt-"));
    try {
      expect(readAptSources(directory)).toEqual([]);
      mkdirSync(join(directory, "sources.list.d"));
      writeFileSync(join(directory, "sources.list"), "deb http://a.example/debian x main\n");
      writeFileSync(
        join(directory, "sources.list.d/b.sources"),
        "Types: deb\nURIs: http://b.example\nSuites: x\n",
      );
      writeFileSync(join(directory, "sources.list.d/c.list"), "deb http://c.example/debian x main\n");
      writeFileSync(join(directory, "sources.list.d/d.list.bak"), "deb http://d.example/debian x main\n");
      expect(readAptSources(directory).map((source) => source.uris[0])).toEqual([
        "http://a.example/debian",
        "http://b.example",
        "http://c.example/debian",
      ]);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

describe("mirrors", () => {
  const choose = (codename: string, text = "", architecture = "amd64") =>
    chooseMirrors(release(codename), architecture, parseOneLine(text), releases).archives;

  test("the public ones without an entry of the host", () => {
    expect(choose("bookworm")).toEqual([
      { uri: "http://deb.debian.org/debian", suites: ["bookworm", "bookworm-updates"] },
      { uri: "http://deb.debian.org/debian-security", suites: ["bookworm-security"] },
    ]);
    expect(choose("sid")).toEqual([{ uri: "http://deb.debian.org/debian", suites: ["sid"] }]);
    expect(choose("noble")[1]).toEqual({
      uri: "http://security.ubuntu.com/ubuntu",
      suites: ["noble-security"],
    });
    expect(choose("noble", "", "arm64")[0]!.uri).toBe("http://ports.ubuntu.com/ubuntu-ports");
  });

  test("the host's, also when it has another release", () => {
    const host = `deb http://apt.corp.example/mirror/debian/ bookworm main
deb https://apt.corp.example/mirror/debian-security bookworm-security main`;
    expect(choose("trixie", host)).toEqual([
      { uri: "http://apt.corp.example/mirror/debian", suites: ["trixie", "trixie-updates"] },
      { uri: "https://apt.corp.example/mirror/debian-security", suites: ["trixie-security"] },
    ]);
    expect(choose("noble", host)[0]!.uri).toBe("http://archive.ubuntu.com/ubuntu");
  });

  test.each([
    [
      "a vendor's repository",
      "deb [signed-by=/usr/share/keyrings/v.gpg] https://packages.vendor.example/debian bookworm main",
    ],
    ["another component", "deb https://download.vendor.example/linux/debian bookworm stable"],
    ["another path", "deb https://vendor.example/apt stable main"],
    ["another suite", "deb https://apt.vendor.example/debian bookworm-vendor main"],
    ["a local directory", "deb file:/srv/debian bookworm main"],
    ["a name that only looks like it", "deb http://notdebian.org/x bookworm main"],
  ])("%s does not count", (_name, line) => {
    expect(choose("bookworm", line)[0]!.uri).toBe("http://deb.debian.org/debian");
  });

  test("the distribution's host or keyring makes any path count", () => {
    expect(choose("bookworm", "deb http://ftp.de.debian.org/x bookworm main")[0]!.uri).toBe(
      "http://ftp.de.debian.org/x",
    );
    const signed =
      "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://m.example/d12 bookworm main";
    expect(choose("bookworm", signed)[0]!.uri).toBe("http://m.example/d12");
  });
});

describe("what ends in the image", () => {
  test("the mirror without a password, and no setting that is the host's own", () => {
    const host = parseOneLine("deb http://me:secret@apt.corp.example/debian bookworm main");
    const mirrors = chooseMirrors(release("bookworm"), "amd64", host, releases);
    const dump = `APT::Architecture "amd64";
Acquire::http::Proxy "http://me:secret@proxy.corp.example:3128";
Acquire::https::CaInfo "/etc/ssl/corp.pem";
Acquire::Check-Valid-Until "false";
Acquire::Languages "none";
`;
    const settings = aptSettings(dump, "/etc/apt");
    expect(settings.mirrorSettings).toEqual(['Acquire::Check-Valid-Until "false";']);
    expect(settings.hostSettings).toContain(
      'Acquire::http::Proxy "http://me:secret@proxy.corp.example:3128";',
    );
    expect(settings.hostSettings).toContain('Acquire::https::CaInfo "/etc/ssl/corp.pem";');
    const wanted = { release: release("bookworm"), slim: false };
    const files = containerFiles(wanted, mirrors, settings.mirrorSettings);
    const text = files.map((file) => file.content).join("\n");
    expect(text).toContain("URIs: http://apt.corp.example/debian\n");
    expect(text).toContain("Acquire::Check-Valid-Until");
    expect(text).not.toMatch(/secret|proxy|corp\.pem/);
    const ordinary = containerFiles(wanted, mirrors, []).map((file) => file.path);
    expect(ordinary).not.toContain("etc/apt/apt.conf.d/mirror-dates");
  });

  test("credentials", () => {
    expect(withoutCredentials("https://a:b@m.example/x@y")).toBe("https://m.example/x@y");
    expect(withoutCredentials("https://m.example/x@y")).toBe("https://m.example/x@y");
  });
});

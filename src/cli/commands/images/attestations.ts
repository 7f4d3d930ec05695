import type { Command } from "../../command.ts";
import { ensureDaemon } from "../../connection.ts";
import { allCredentials } from "../../credentials.ts";
import { printJson } from "../../terminal.ts";
import { wrong } from "../../values.ts";

export const sbom: Command = {
  name: "image sbom",
  summary: "Print the list of an image's software packages",
  usage: "IMAGE",
  arguments: { min: 1, max: 1 },
  options: {
    format: { type: "string", value: "spdx|cyclonedx", help: "SPDX 2.3 (default) or CycloneDX 1.6, as JSON" },
  },
  completes: ["image"],
  details: `Packages of dpkg, apk and rpm, of npm, PyPI and Cargo, and the modules in Go and Rust programs. An image that came
without a list gets one made now, for this answer.`,
  async run(invocation) {
    const [name = ""] = invocation.arguments;
    const format = invocation.text("format") ?? "spdx";
    if (format !== "spdx" && format !== "cyclonedx") throw wrong("format", "spdx or cyclonedx", format);
    const client = await ensureDaemon(invocation.root);
    printJson(await client.sbom(name, format));
    return 0;
  },
};

export const provenance: Command = {
  name: "image provenance",
  summary: "Print how an image was built",
  usage: "IMAGE",
  arguments: { min: 1, max: 1 },
  options: {},
  completes: ["image"],
  details: `An in-toto statement with SLSA provenance: the Dockerfile's digest, arguments, and the digests of base images and of all
that ADD fetched. docs/builds.md explains it.`,
  async run(invocation) {
    const [name = ""] = invocation.arguments;
    const client = await ensureDaemon(invocation.root);
    printJson(await client.provenance(name, await allCredentials()));
    return 0;
  },
};

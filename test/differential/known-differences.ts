import type { KnownDifference } from "./known.ts";

const history = (version: string) =>
  `https://docs.docker.com/reference/api/engine/version-history/#v${version}-api-changes`;
const later = "Virga answers as later versions of Docker do";
const step = /* An image's history keeps what the builder's cache asks for. */ "virga.step:<64 hex>";
const noFile = "nowhere in the build context";
void noFile;

/** All of them, reviewed. A difference that is not here, and one that is here and was not seen, fails the test. */
export const knownDifferences: readonly KnownDifference[] = [
  // Errors, wherever they come from.
  {
    cases: "*",
    at: "body.message",
    virga: "{docker} (*)",
    reason: "Virga ends a message with what to do next",
  },
  {
    cases: "*",
    at: "body.message",
    virga: "{docker in lower case}*",
    reason: `${later}: messages begin with a small letter since 23.0`,
  },
  {
    cases: "*",
    at: "status",
    pairs: [
      [500, 400],
      [500, 404],
      [500, 409],
    ],
    reason: "500 is for the daemon's own faults; later versions of Docker have changed most of these, too",
  },
  {
    cases: ["lifecycle/errors", "streams/attach without an upgrade, and errors"],
    at: "headers.content-type",
    docker: "application/vnd.docker.raw-stream",
    virga: "application/json",
    reason: "an attach that is refused answers as all errors do: with a status and JSON",
  },
  {
    cases: ["lifecycle/errors", "streams/attach without an upgrade, and errors"],
    at: "body",
    pairs: [
      ["No such container: none\r\n", { message: "No such container: none" }],
      [
        "Invalid detach keys (nonsense) provided\r\n",
        { message: "Invalid detach keys (nonsense) provided" },
      ],
      [
        "container up is paused, unpause the container before attach\r\n",
        { message: "container <up> is paused, unpause the container before attach" },
      ],
    ],
    reason: "an attach that is refused answers as all errors do: with a status and JSON",
  },

  // Values that are not there, or are what they are by default.
  {
    cases: ["*"],
    at: ["body.HostConfig.NetworkMode", "body.*.HostConfig.NetworkMode"],
    docker: "default",
    virga: "bridge",
    reason: `${later}, since 26.1`,
  },
  {
    cases: "*",
    at: "body.HostConfig.RestartPolicy.Name",
    docker: "",
    virga: "no",
    reason: "Virga tells the policy that holds, as docker's CLI always sends it",
  },
  {
    cases: "*",
    at: "body.HostConfig.*",
    pairs: [
      [null, []],
      [null, {}],
    ],
    reason: "nothing was sent: Virga tells what docker's CLI sends then",
  },
  {
    cases: "*",
    at: "body.HostConfig.Runtime",
    virga: "",
    reason: "Virga tells what was asked for: the default runtime may be another one at the next start",
  },
  {
    cases: "config/security",
    at: "body.HostConfig.SecurityOpt.0",
    pairs: [
      ["no-new-privileges", "no-new-privileges=true"],
      ["no-new-privileges:true", "no-new-privileges=true"],
    ],
    reason: "one spelling for the same, which Docker takes, too",
  },
  {
    cases: "config/ports",
    at: "body.HostConfig.PortBindings.81*",
    reason: "one spelling for the same: with the protocol, and nothing for a host port of 0",
  },
  {
    cases: "*",
    at: "body.HostConfig.KernelMemory*",
    docker: 0,
    virga: "(nothing)",
    reason: `${later}: KernelMemory has gone, and KernelMemoryTCP is told when it is set`,
    link: history("1.42"),
  },
  { cases: "*", at: "body.HostConfig.MaskedPaths*", reason: `${later}: more paths are masked since 25.0` },
  {
    cases: "*",
    at: "body.GraphDriver.Data.ID",
    docker: "(nothing)",
    reason: `${later}`,
  },
  {
    cases: "*",
    at: ["body.GraphDriver.Data.MergedDir", "body.GraphDriver.Data.WorkDir"],
    docker: "(string)",
    virga: "(nothing)",
    reason: "the layers of an image that no container uses are mounted nowhere",
  },
  {
    cases: "*",
    at: ["*.GwPriority", "*.DNSNames*"],
    docker: "(nothing)",
    reason: `${later}: fields of endpoints since 28.0 and 25.0`,
    link: history("1.48"),
  },
  { cases: "*", at: "body.LogPath", reason: "the file has a name of its own" },
  {
    cases: "*",
    at: "body.Error",
    docker: null,
    virga: "(nothing)",
    reason: `${later}: a wait that went well has no field for an error`,
  },
  {
    cases: "*",
    at: "headers.content-type",
    docker: "(nothing)",
    virga: "application/vnd.docker.raw-stream",
    reason: `${later}: logs have a type since 23.0`,
    link: history("1.42"),
  },
  {
    cases: "*",
    at: "*.Actor.Attributes.execDuration",
    docker: "(nothing)",
    reason: `${later}: the end of a container tells how long it ran, since 23.0`,
  },
  {
    cases: "*",
    at: "*Size*",
    docker: "<number>",
    virga: "<number>",
    reason: "Docker counts the bytes of symbolic links' targets among an image's, Virga those of files",
  },
];

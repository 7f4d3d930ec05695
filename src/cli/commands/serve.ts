import type { CommandHelp } from "../command.ts";

/** Its help only: the daemon is no client of itself, so the program's entry point runs it. */
export const serve: CommandHelp = {
  name: "serve",
  summary: "Run the daemon in the foreground, until SIGTERM, Ctrl-C or virga system stop; containers go on",
  usage: "",
  options: {
    runtime: {
      type: "string",
      multiple: true,
      value: "NAME=PATH",
      help: "one more OCI runtime for docker run --runtime NAME; repeatable; options may follow the path",
    },
    "storage-opt": {
      type: "string",
      multiple: true,
      value: "overlay2.size=SIZE",
      help: "so much a container may write that asks for no limit (docker run --storage-opt size=SIZE) of its own",
    },
    "log-level": { type: "string", value: "LEVEL", help: "debug, info (the default), warn or error" },
    registry: {
      type: "string",
      value: "ADDRESS",
      help: "serve a registry of images at ADDRESS, such as 127.0.0.1:5000 (default: none)",
    },
    "registry-tls-cert": {
      type: "string",
      value: "FILE",
      help: "serve the registry with this certificate (PEM)",
    },
    "registry-tls-key": { type: "string", value: "FILE", help: "the certificate's key" },
    "registry-own-ca": {
      type: "boolean",
      help: "make the certificate, by an authority of its own; see virga registry trust",
    },
    "registry-name": {
      type: "string",
      multiple: true,
      value: "HOST",
      help: "one more name or address in that certificate; repeatable",
    },
    "registry-cache": {
      type: "string",
      multiple: true,
      value: "REGISTRY[=ADDRESS]",
      help: "keep what is pulled from REGISTRY (docker.io) below cache/REGISTRY/; at ADDRESS as its mirror; repeatable",
    },
    "registry-cache-size": {
      type: "string",
      value: "SIZE",
      help: "so much the caches keep together (default 20g)",
    },
    "build-host-proxy": {
      type: "boolean",
      help: "give RUN steps of builds this machine's proxy settings and CA bundle",
    },
    "registry-mirror": {
      type: "string",
      multiple: true,
      value: "URL",
      help: "ask this mirror before Docker Hub (may be repeated)",
    },
    "insecure-registry": {
      type: "string",
      multiple: true,
      value: "HOST|CIDR",
      help: "talk to this registry also with an unknown certificate or without TLS (may be repeated)",
    },
  },
  arguments: { max: 0 },
  details: `It serves the Docker API at DIR/run/docker.sock and Virga's own at DIR/run/virga.sock (in /run/virga for the default
folder), and writes its log to DIR/log/daemon.log. Settings that stay are in DIR/config.json. virga up starts one in the background when none runs.`,
};

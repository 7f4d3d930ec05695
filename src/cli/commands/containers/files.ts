import { fail } from "../../../base/index.ts";
import { part } from "../../../api/client/docker/index.ts";
import { jsonOption, type Command } from "../../command.ts";
import { engineOf } from "../../connection.ts";
import { named } from "../../nearest-name.ts";
import { changeOption, newImageQuery } from "../../new-image.ts";
import { saveBody } from "../../save-body.ts";
import { print, printJson } from "../../terminal.ts";

export const exportContainer: Command = {
  name: "export",
  summary: "Write all files of a container as a tar archive",
  usage: "CONTAINER",
  arguments: { min: 1, max: 1 },
  options: {
    output: {
      type: "string",
      short: "o",
      value: "FILE",
      completes: "file",
      help: "to a file instead of stdout",
    },
  },
  completes: ["container"],
  async run(invocation) {
    const docker = engineOf(invocation.root);
    const [name = ""] = invocation.arguments;
    const { Id } = await named(docker, "container", name, () => docker.container(name));
    const get = () => docker.transport.request("GET", `/containers/${part(Id)}/export`);
    await saveBody(get, invocation.text("output"), `export ${name}`);
    return 0;
  },
};

export const commit: Command = {
  name: "commit",
  summary: "Make an image of a container and what it has changed",
  usage: "CONTAINER [IMAGE[:TAG]]",
  arguments: { min: 1, max: 2 },
  options: {
    author: { type: "string", short: "a", value: "NAME", help: "who made it" },
    ...changeOption,
    message: { type: "string", short: "m", value: "TEXT", help: "what it is" },
    pause: { type: "boolean", short: "p", help: "pause the container meanwhile (default true)" },
    ...jsonOption,
  },
  completes: ["container", "nothing"],
  async run(invocation) {
    const docker = engineOf(invocation.root);
    const [name = "", image] = invocation.arguments;
    if (image?.includes("@")) throw fail("invalid", "cli.usage", "a new image has a tag, not a digest");
    const { Id } = await named(docker, "container", name, () =>
      docker.transport.json<{ readonly Id: string }>("POST", "/commit", {
        query: {
          container: name,
          ...newImageQuery(invocation, image),
          comment: invocation.text("message"),
          author: invocation.text("author"),
          pause: invocation.flag("pause", true),
        },
      }),
    );
    if (invocation.flag("json")) printJson({ id: Id });
    else print(Id);
    return 0;
  },
};

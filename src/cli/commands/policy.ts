import { resolve } from "node:path";
import type { WirePolicy } from "../../api/client/index.ts";
import { jsonOption, type Command } from "../command.ts";
import { needDaemon } from "../connection.ts";
import { hereOrThere, registryOption } from "../image-place.ts";
import { table } from "../output.ts";
import { readText } from "../signing-key.ts";
import { print, printJson, tell } from "../terminal.ts";

const about =
  "The policy is DIR/policy.json below the daemon's root, or the file that signature-policy in config.json names, in the\n" +
  "form of containers-policy.json(5). It is read anew for each image.";

export const show: Command = {
  name: "policy show",
  summary: "Show the rules by which images may come here and run",
  usage: "",
  arguments: { max: 0 },
  options: { ...jsonOption },
  details: about,
  async run(invocation) {
    const policy = await (await needDaemon(invocation.root)).signatures.policy();
    if (invocation.flag("json")) printJson(policy);
    else if (!policy.exists) print(`there is no policy (${policy.path}): every image may come here and run`);
    else printPolicy(policy);
    return 0;
  },
};

export const check: Command = {
  name: "policy check",
  summary: "Look for faults in a policy, the daemon's own or that of a file; the exit code is not 0 for any",
  usage: "[FILE]",
  arguments: { max: 1 },
  options: { ...jsonOption },
  completes: ["file"],
  details: about,
  async run(invocation) {
    const [file] = invocation.arguments;
    const { signatures } = await needDaemon(invocation.root);
    const policy =
      file === undefined
        ? await signatures.policy()
        : await signatures.checkPolicy(resolve(file), await readText(file));
    if (invocation.flag("json")) printJson(policy);
    else if (!policy.exists) tell(`there is no policy (${policy.path})`);
    else {
      for (const problem of policy.problems) tell(`virga: ${policy.path}: ${problem}`);
      print(policy.problems.length === 0 ? `${policy.path} is good` : `${policy.problems.length} problems`);
    }
    return policy.problems.length === 0 ? 0 : 1;
  },
};

export const test: Command = {
  name: "policy test",
  summary: "Say whether the policy admits an image, and by which rule; the exit code is 1 when it does not",
  usage: "IMAGE",
  arguments: { min: 1, max: 1 },
  options: { ...registryOption, ...jsonOption },
  completes: ["image"],
  details: `${about} An image that is not here is looked at in its registry, as a pull would.`,
  async run(invocation) {
    const [image = ""] = invocation.arguments;
    const { signatures } = await needDaemon(invocation.root);
    const { where, result } = await hereOrThere(invocation, image, (asked) => signatures.testPolicy(asked));
    if (invocation.flag("json")) printJson({ ...result, where });
    else {
      const what = where === "here" ? "may be used here" : "may be pulled";
      for (const { rule, fault } of result.trials) print(`rule ${rule}: ${fault ?? "met"}`);
      if (result.trials.length === 0) print("there is no policy");
      print(result.admitted ? `${image} ${what}` : `${image} is refused`);
    }
    return result.admitted ? 0 : 1;
  },
};

function printPolicy({ path, rules, problems }: WirePolicy): void {
  const rows = rules.map(({ transport, scope, requirements }) => [
    transport,
    transport === "default" ? "everything else" : scope === "" ? "all" : scope,
    requirements.join(" and "),
  ]);
  print(path);
  print(table(["TRANSPORT", "SCOPE", "REQUIRES"], rows));
  for (const problem of problems) tell(`virga: ${problem}`);
}

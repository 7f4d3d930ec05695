import { run, runChecked } from "./spawn.ts";

/** Applies a ruleset file in one transaction: all of it or nothing. Throws `internal` / `host.command-failed`. */
export async function nftApply(script: string): Promise<void> {
  await runChecked(["nft", "-f", "-"], { stdin: script });
}

/** Whether the table is there. */
export async function nftTableExists(family: string, name: string): Promise<boolean> {
  return (await run(["nft", "list", "table", family, name])).exitCode === 0;
}

export interface NftBaseChain {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly hook: string;
  readonly policy: string;
}

/** The chains, of every table, that hang on a netfilter hook. */
export async function nftBaseChains(): Promise<NftBaseChain[]> {
  const text = await runChecked(["nft", "-j", "list", "chains"]);
  const { nftables } = JSON.parse(text) as {
    nftables: readonly { readonly chain?: Partial<NftBaseChain> }[];
  };
  return nftables.flatMap(({ chain }) =>
    chain?.hook === undefined
      ? []
      : [
          {
            family: chain.family ?? "",
            table: chain.table ?? "",
            name: chain.name ?? "",
            hook: chain.hook,
            policy: chain.policy ?? "accept",
          },
        ],
  );
}

import type { Migration, State } from "../state/index.ts";

export const volumeMigrations: readonly Migration[] = [
  {
    id: "volumes/001",
    sql: `CREATE TABLE volumes (
      name TEXT PRIMARY KEY, driver TEXT NOT NULL, options TEXT NOT NULL, labels TEXT NOT NULL,
      anonymous INTEGER NOT NULL, created_at TEXT NOT NULL) STRICT`,
  },
];

/** A volume as it is written down; its path follows from the name. */
export interface VolumeRecord {
  readonly name: string;
  readonly driver: "local";
  readonly options: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly anonymous: boolean;
  readonly createdAt: Date;
}

interface Row {
  name: string;
  driver: "local";
  options: string;
  labels: string;
  anonymous: number;
  created_at: string;
}

export interface VolumeStore {
  get(name: string): VolumeRecord | undefined;
  list(): VolumeRecord[];
  add(record: VolumeRecord): void;
  remove(name: string): void;
}

export function createVolumeStore({ db }: State): VolumeStore {
  const byName = db.query<Row, [string]>("SELECT * FROM volumes WHERE name = ?");
  return {
    get(name) {
      const row = byName.get(name);
      return row ? recordOf(row) : undefined;
    },
    list: () => db.query<Row, []>("SELECT * FROM volumes ORDER BY name").all().map(recordOf),
    add: ({ name, driver, options, labels, anonymous, createdAt }) =>
      void db.run("INSERT INTO volumes VALUES (?, ?, ?, ?, ?, ?)", [
        name,
        driver,
        JSON.stringify(options),
        JSON.stringify(labels),
        Number(anonymous),
        createdAt.toISOString(),
      ]),
    remove: (name) => void db.run("DELETE FROM volumes WHERE name = ?", [name]),
  };
}

function recordOf(row: Row): VolumeRecord {
  return {
    name: row.name,
    driver: row.driver,
    options: JSON.parse(row.options) as Record<string, string>,
    labels: JSON.parse(row.labels) as Record<string, string>,
    anonymous: row.anonymous === 1,
    createdAt: new Date(row.created_at),
  };
}

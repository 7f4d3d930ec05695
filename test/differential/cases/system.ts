import { events, filtered, get, head, post, running, type Case } from "../request.ts";

export const systemCases: readonly Case[] = [
  { name: "system/ping", requests: [get("/_ping"), head("/_ping"), get("/v1.24/_ping")] },
  {
    name: "system/version",
    requests: [get("/version", { mask: ["Components", "*Version", "GitCommit", "GoVersion", "BuildTime"] })],
  },
  {
    name: "system/info",
    requests: [
      get("/info", {
        mask: [
          "ID",
          "*Commit*",
          "Runtimes*",
          "ServerVersion",
          "Plugins.Log",
          "RegistryConfig*",
          "*Proxy",
          "DriverStatus*",
        ],
      }),
    ],
  },
  {
    name: "system/versions that are not served",
    requests: [
      get("/v1.99/version"),
      get("/v1.10/version"),
      get("/v2.0/version"),
      get("/v1.41.0/version", { only: ["Os"] }),
    ],
  },
  {
    name: "system/paths and methods that there are not",
    requests: [
      get("/nonsense"),
      post("/version"),
      get("/containers/create"),
      get("/v1.41"),
      get("/containers"),
    ],
  },
  {
    name: "system/bodies that are wrong",
    requests: [
      { method: "POST", path: "/containers/create", body: { text: "{" } },
      { method: "POST", path: "/containers/create", body: { text: "[]" } },
      { method: "POST", path: "/containers/create", body: { text: "" } },
      {
        method: "POST",
        path: "/containers/create",
        body: { text: "{}" },
        headers: { "Content-Type": "text/plain" },
      },
      post("/containers/create", { Image: 5 }),
      post("/containers/create", { Image: "{image}", HostConfig: { Memory: "lots" } }),
      post("/containers/create", {}),
      post("/networks/create", {}),
      post("/networks/create", { Name: 3 }),
      post("/volumes/create", { Name: "../x" }),
    ],
  },
  {
    name: "system/filters that are wrong",
    requests: [
      get(`/containers/json?${filtered({ nonsense: ["x"] })}`),
      get(`/images/json?${filtered({ nonsense: ["x"] })}`),
      get(`/networks?${filtered({ nonsense: ["x"] })}`),
      get(`/volumes?${filtered({ nonsense: ["x"] })}`),
      get("/containers/json?filters=nonsense"),
      get("/containers/json?filters=%5B1%5D"),
      get(`/containers/json?${filtered({ status: ["nonsense"] })}`),
      get(`/containers/json?${filtered({ health: ["nonsense"] })}`),
      get(`/containers/json?${filtered({ exited: ["nonsense"] })}`),
      get(`/events?until=0&${filtered({ nonsense: ["x"] })}`),
      post(`/containers/prune?${filtered({ nonsense: ["x"] })}`),
      post(`/volumes/prune?${filtered({ nonsense: ["x"] })}`),
      post(`/networks/prune?${filtered({ nonsense: ["x"] })}`),
      post(`/images/prune?${filtered({ nonsense: ["x"] })}`),
      post(`/images/prune?${filtered({ dangling: ["nonsense"] })}`),
      get("/containers/json?limit=nonsense"),
      get("/events?since=nonsense"),
    ],
  },
  {
    name: "system/swarm, where there is none",
    requests: [
      get("/swarm"),
      get("/nodes"),
      get("/services"),
      get("/tasks"),
      get("/secrets"),
      get("/configs"),
      post("/services/create", { Name: "x" }),
      post("/secrets/create", { Name: "x" }),
      get("/services/x"),
      post("/swarm/leave"),
      get("/plugins"),
      get("/plugins/x/json"),
    ],
  },
  {
    name: "system/disk usage",
    requests: [
      post("/volumes/create", { Name: "v" }),
      ...running("alpha", { HostConfig: { Binds: ["v:/v"] } }),
      get("/system/df", { mask: ["LayersSize", "Images.*.SharedSize"] }),
    ],
  },
  {
    name: "system/events in a span of time",
    requests: [
      ...running("alpha"),
      events({ container: ["alpha"], event: ["create"] }),
      events({ type: ["network"] }),
      events({ event: ["create"] }),
      events({ container: ["beta"] }),
    ],
  },
];

import { create, get, head, post, put, remove, running, runToEnd, script, type Case } from "../request.ts";

export const filesCases: readonly Case[] = [
  {
    name: "files/out of a container",
    requests: [
      ...runToEnd(
        "made",
        script(
          "mkdir -p /d/e; echo one >/d/one; echo two >/d/e/two; ln -s one /d/link; ln -s /nowhere /d/broken; ln -s / /d/root; chmod 4755 /d/one; chown 1000:1000 /d/e/two; mkfifo /d/pipe",
        ),
      ),
      get("/containers/made/archive?path=/d"),
      get("/containers/made/archive?path=/d/"),
      get("/containers/made/archive?path=/d/."),
      get("/containers/made/archive?path=/d/one"),
      get("/containers/made/archive?path=d/one"),
      get("/containers/made/archive?path=/d/link"),
      get("/containers/made/archive?path=/d/broken"),
      get("/containers/made/archive?path=/d/root/etc/passwd"),
      get("/containers/made/archive?path=/d/one/"),
      get("/containers/made/archive?path=/d/../d/e"),
      get("/containers/made/archive?path=/../../d/e/two"),
      get("/containers/made/archive?path=/none"),
      get("/containers/made/archive"),
      get("/containers/made/archive?path="),
      head("/containers/made/archive?path=/d"),
      head("/containers/made/archive?path=/d/one"),
      head("/containers/made/archive?path=/d/link"),
      head("/containers/made/archive?path=/none"),
    ],
  },
  {
    name: "files/into a container",
    requests: [
      create("made"),
      put("/containers/made/archive?path=/tmp", {
        tar: { "one.txt": "one", "folder/": "", "folder/two.txt": "two", link: "-> one.txt" },
      }),
      get("/containers/made/archive?path=/tmp"),
      put("/containers/made/archive?path=/none", { tar: { x: "x" } }),
      put("/containers/made/archive?path=/etc/passwd", { tar: { x: "x" } }),
      put("/containers/made/archive", { tar: { x: "x" } }),
      put("/containers/made/archive?path=/tmp&noOverwriteDirNonDir=1", { tar: { "one.txt/": "" } }),
      put("/containers/made/archive?path=/tmp&noOverwriteDirNonDir=1", { tar: { folder: "file" } }),
      put("/containers/made/archive?path=/tmp", { text: "no archive" }),
      put("/containers/none/archive?path=/tmp", { tar: { x: "x" } }),
      get("/containers/made/archive?path=/tmp"),
    ],
  },
  {
    name: "files/in and out of one that runs, and of its volumes",
    requests: [
      post("/volumes/create", { Name: "v" }),
      ...running("up", { HostConfig: { Binds: ["v:/v", "v:/ro:ro"], Tmpfs: { "/t": "" } } }),
      put("/containers/up/archive?path=/v", { tar: { x: "in the volume" } }),
      get("/containers/up/archive?path=/v"),
      put("/containers/up/archive?path=/ro", { tar: { x: "x" } }),
      post("/containers/up/exec", { Cmd: ["cat", "/v/x"], AttachStdout: true }, { save: { exec: "Id" } }),
      post("/exec/{exec}/start", {}, { as: "frames" }),
      put("/containers/up/archive?path=/", { tar: { "v/y": "through the root" } }),
      get("/containers/up/archive?path=/v/y"),
    ],
  },
  {
    name: "files/in a read-only container",
    requests: [
      ...running("up", { HostConfig: { ReadonlyRootfs: true } }),
      put("/containers/up/archive?path=/tmp", { tar: { x: "x" } }),
    ],
  },
  {
    name: "files/export",
    requests: [
      ...runToEnd("made", script("rm -r /bin /www; echo x >/x")),
      get("/containers/made/export", { as: "tar" }),
      create("empty"),
      remove("/containers/made"),
    ],
  },
];

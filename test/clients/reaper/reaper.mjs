/**
 * What testcontainers starts beside the containers of a test to take them away when the test's process is gone, as a
 * small program of our own: filters come in on port 8080, one on a line (`label=…`), each is answered with ACK; when
 * the last connection has been closed for a second, everything with these labels is removed, by the socket of the
 * daemon that the client has mounted here.
 */
const unix = "/var/run/docker.sock";
const filters = new Set();
let connections = 0;
let pruning;

Bun.listen({
  hostname: "0.0.0.0",
  port: 8080,
  socket: {
    open(socket) {
      socket.data = "";
      connections += 1;
      clearTimeout(pruning);
    },
    data(socket, bytes) {
      const lines = (socket.data + bytes.toString()).split("\n");
      socket.data = lines.pop();
      for (const line of lines) {
        filters.add(line.trim());
        socket.write("ACK\n");
      }
    },
    close() {
      connections -= 1;
      if (connections === 0) pruning = setTimeout(() => void prune(), 1000);
    },
  },
});
console.log("Started");

async function call(method, path) {
  const response = await fetch(`http://docker/v1.44${path}`, { method, unix });
  return response.headers.get("content-type")?.includes("json") ? await response.json() : undefined;
}

async function prune() {
  for (const filter of filters) {
    const label = filter.replace(/^label=/, "");
    const query = `filters=${encodeURIComponent(JSON.stringify({ label: { [label]: true } }))}`;
    const own = (await Bun.file("/etc/hostname").text()).trim();
    const containers = await call("GET", `/containers/json?all=1&${query}`);
    for (const { Id } of containers)
      if (!Id.startsWith(own)) await call("DELETE", `/containers/${Id}?force=1&v=1`);
    for (const { Id } of await call("GET", `/networks?${query}`)) await call("DELETE", `/networks/${Id}`);
    for (const { Name } of (await call("GET", `/volumes?${query}`)).Volumes ?? [])
      await call("DELETE", `/volumes/${Name}`);
    for (const { Id } of await call("GET", `/images/json?${query}`))
      await call("DELETE", `/images/${Id}?force=1`);
  }
  process.exit(0);
}

"""docker-py against the daemon at DOCKER_HOST: each function is an area, run by its name; --list prints the names."""
import io
import sys
import tarfile
import threading
import time

import docker
from docker.types import IPAMConfig, IPAMPool, LogConfig, Mount, Ulimit

IMAGE = "box:1"
FOREVER = ["sleep", "1000"]


def raises(kind, what, status=None):
    try:
        what()
    except kind as error:
        assert status is None or error.status_code == status, error.status_code
        return str(error)
    raise AssertionError("nothing was raised")


def archive(files):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return stream.getvalue()


def system(client):
    assert client.ping()
    version = client.version()
    assert version["Os"] == "linux", version
    info = client.info()
    assert info["Images"] == 1 and info["OSType"] == "linux", info
    assert client.df()["Images"][0]["RepoTags"] == [IMAGE]
    old = docker.from_env(version="1.30")
    assert old.info()["OSType"] == "linux"
    old.close()


def running(client):
    assert client.containers.run(IMAGE, ["echo", "hello"], remove=True) == b"hello\n"
    assert client.containers.run(IMAGE, "sh -c 'echo out; echo err >&2'", remove=True, stderr=True, stdout=False) == b"err\n"
    error = None
    try:
        client.containers.run(IMAGE, ["sh", "-c", "echo bad >&2; exit 7"], remove=True)
    except docker.errors.ContainerError as caught:
        error = caught
    assert error is not None and error.exit_status == 7 and error.stderr == b"bad\n", error
    raises(docker.errors.ImageNotFound, lambda: client.api.create_container("no-such-image:1"))
    raises(docker.errors.APIError, lambda: client.containers.run(IMAGE, ["nonsense"], remove=True), 400)
    lines = client.containers.run(IMAGE, ["sh", "-c", "echo 1; echo 2; echo 3"], remove=True, stream=True)
    assert b"".join(lines) == b"1\n2\n3\n"


def lifecycle(client):
    c = client.containers.run(IMAGE, FOREVER, detach=True, name="life", labels={"a": "b"}, hostname="host", environment={"A": "1"}, tty=True)
    c.reload()
    assert c.status == "running" and c.name == "life" and c.labels == {"a": "b"} and c.attrs["Config"]["Hostname"] == "host"
    assert [one.name for one in client.containers.list(filters={"label": "a=b"})] == ["life"]
    c.pause()
    c.reload()
    assert c.status == "paused"
    c.unpause()
    c.rename("living")
    assert client.containers.get("living").id == c.id
    c.update(mem_limit="64m", memswap_limit="64m")
    c.reload()
    assert c.attrs["HostConfig"]["Memory"] == 64 * 1024 * 1024
    assert c.top()["Titles"][1] == "PID" and "sleep" in c.top()["Processes"][0][-1]
    c.resize(30, 100)
    assert c.exec_run(["stty", "size"], tty=True).exit_code in (0, 1)
    c.restart(timeout=0)
    c.kill(signal="SIGKILL")
    assert c.wait()["StatusCode"] == 137
    c.start()
    c.stop(timeout=0)
    assert c.wait(condition="not-running")["StatusCode"] == 137
    raises(docker.errors.APIError, lambda: c.kill(), 409)
    c.remove()
    raises(docker.errors.NotFound, lambda: client.containers.get("living"), 404)


def options(client):
    c = client.containers.create(
        IMAGE, ["sh", "-c", "id -u; cat /t/x 2>/dev/null; ulimit -n; echo $HOME"], user="1000", working_dir="/tmp", mem_limit="32m", cpu_shares=300, cpu_period=100000, cpu_quota=50000,
        cap_add=["NET_ADMIN"], cap_drop=["MKNOD"], security_opt=["no-new-privileges"], read_only=True, tmpfs={"/t": "size=1m"}, ulimits=[Ulimit(name="nofile", soft=99, hard=99)],
        extra_hosts={"other": "192.0.2.1"}, dns=["192.0.2.53"], init=True, shm_size="2m", sysctls={"net.core.somaxconn": "77"}, restart_policy={"Name": "on-failure", "MaximumRetryCount": 2},
        log_config=LogConfig(type=LogConfig.types.JSON, config={"max-size": "1m"}), stop_signal="SIGINT", healthcheck={"test": ["CMD", "true"], "interval": 10**9}, pids_limit=50, oom_score_adj=100,
        ports={"80/tcp": ("127.0.0.1", None), "53/udp": None}, volumes={"data": {"bind": "/data", "mode": "ro"}}, group_add=["1234"], privileged=False, domainname="example.org", nano_cpus=None,
    )
    c.start()
    assert c.wait()["StatusCode"] == 0
    assert c.logs() == b"1000\n99\n/\n", c.logs()
    host = client.containers.get(c.id).attrs["HostConfig"]
    assert host["CapAdd"] and host["ReadonlyRootfs"] and host["Init"] and host["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 2}, host
    assert host["PortBindings"]["80/tcp"] == [{"HostIp": "127.0.0.1", "HostPort": ""}], host["PortBindings"]
    c.remove(v=True)
    c = client.containers.run(IMAGE, FOREVER, detach=True, ports={"80/tcp": ("127.0.0.1", None)})
    c.reload()
    assert int(c.ports["80/tcp"][0]["HostPort"]) > 0
    c.remove(force=True)


def logs(client):
    c = client.containers.run(IMAGE, ["sh", "-c", "for i in 1 2 3; do echo line $i; sleep 0.2; done; echo last >&2"], detach=True)
    assert b"".join(c.logs(stream=True, follow=True)) == b"line 1\nline 2\nline 3\nlast\n"
    assert c.logs(stdout=False, stderr=True) == b"last\n"
    assert c.logs(tail=1, stderr=False) == b"line 3\n"
    first = c.logs(timestamps=True, stderr=False).split(b"\n")[0]
    assert first.endswith(b" line 1") and first[4:5] == b"-", first
    assert c.logs(since=int(time.time()) + 100) == b""
    assert c.logs(until=int(time.time()) - 1000) == b""
    c.remove()


def attaching(client):
    c = client.containers.create(IMAGE, ["cat"], stdin_open=True, tty=False)
    socket = c.attach_socket(params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
    c.start()
    socket._sock.sendall(b"hello socket\n")
    header = read_exactly(socket, 8)
    assert header[0] == 1 and read_exactly(socket, int.from_bytes(header[4:], "big")) == b"hello socket\n", header
    socket.close()
    c.remove(force=True)
    c = client.containers.run(IMAGE, ["sh", "-c", "sleep 0.5; echo attached"], detach=True)
    assert b"".join(c.attach(stream=True, logs=True)) == b"attached\n"
    c.remove(force=True)


def read_exactly(socket, count):
    data = b""
    while len(data) < count:
        piece = socket.read(count - len(data))
        assert piece, "the stream ended"
        data += piece
    return data


def executing(client):
    c = client.containers.run(IMAGE, FOREVER, detach=True)
    code, output = c.exec_run(["sh", "-c", "echo $A; pwd; id -u; exit 3"], environment={"A": "b"}, workdir="/tmp", user="web")
    assert (code, output) == (3, b"b\n/tmp\n1000\n"), (code, output)
    _, (out, err) = c.exec_run(["sh", "-c", "echo out; echo err >&2"], demux=True)
    assert (out, err) == (b"out\n", b"err\n")
    assert b"".join(c.exec_run(["sh", "-c", "echo 1; echo 2"], stream=True).output) == b"1\n2\n"
    code, output = c.exec_run(["tty"], tty=True)
    assert code == 0 and output.startswith(b"/dev/pts/"), output
    c.exec_run(["sh", "-c", "echo x >/made"], detach=True)
    assert c.exec_run(["sh", "-c", "while ! [ -s /made ]; do sleep 0.05; done; cat /made"]).output == b"x\n"
    _, socket = c.exec_run(["cat"], stdin=True, socket=True)
    socket._sock.sendall(b"to cat\n")
    header = read_exactly(socket, 8)
    assert read_exactly(socket, int.from_bytes(header[4:], "big")) == b"to cat\n"
    socket.close()
    code, output = c.exec_run(["nonsense"])
    assert code in (126, 127) and b"executable file not found" in output, (code, output)
    made = client.api.exec_create(c.id, ["true"])
    client.api.exec_start(made["Id"])
    assert client.api.exec_inspect(made["Id"])["ExitCode"] == 0
    # The start says how the output is framed; this client leaves its default there.
    made = client.api.exec_create(c.id, ["echo", "framed"], tty=True)
    assert client.api.exec_start(made["Id"]) == b"framed\r\n"
    assert client.api.exec_start(client.api.exec_create(c.id, ["echo", "raw"])["Id"], tty=True) == b"raw\n"
    c.remove(force=True)


def files(client):
    c = client.containers.create(IMAGE)
    assert c.put_archive("/tmp", archive({"a.txt": "alpha", "b.txt": "beta"}))
    stream, stat = c.get_archive("/tmp/a.txt")
    assert stat["name"] == "a.txt" and stat["size"] == 5, stat
    with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as tar:
        assert tar.extractfile("a.txt").read() == b"alpha"
    raises(docker.errors.NotFound, lambda: c.get_archive("/none"), 404)
    raises(docker.errors.NotFound, lambda: c.put_archive("/none", archive({"x": "x"})), 404)
    assert {"Path": "/tmp/a.txt", "Kind": 1} in c.diff(), c.diff()
    with tarfile.open(fileobj=io.BytesIO(b"".join(c.export()))) as tar:
        assert tar.extractfile("tmp/b.txt").read() == b"beta"
    c.remove()


def images(client):
    image, log = client.images.build(fileobj=io.BytesIO(b"FROM box:1\nLABEL made=yes\nRUN echo built >/built\nCMD [\"cat\", \"/built\"]\n"), tag="built:1", rm=True)
    assert any("Step 2/4" in line.get("stream", "") for line in log)
    assert image.tags == ["built:1"] and image.labels == {"made": "yes"}
    assert client.containers.run("built:1", remove=True) == b"built\n"
    image.tag("other", "2")
    assert sorted(client.images.get("other:2").tags) == ["built:1", "other:2"]
    assert image.history()[0]["CreatedBy"]
    data = b"".join(image.save(named="built:1"))
    client.images.remove("other:2")
    client.images.remove("built:1")
    raises(docker.errors.ImageNotFound, lambda: client.images.get("built:1"), 404)
    assert client.images.load(data)[0].tags == ["built:1"]
    assert [one.tags for one in client.images.list(filters={"label": "made=yes"})] == [["built:1"]]
    error = None
    try:
        client.images.build(fileobj=io.BytesIO(b"FROM box:1\nRUN exit 3\n"))
    except docker.errors.BuildError as caught:
        error = caught
    assert error is not None and "returned a non-zero code: 3" in error.msg, error
    client.api.import_image_from_data(archive({"etc/file": "text"}), repository="imported", tag="1")
    assert client.images.get("imported:1")
    c = client.containers.run(IMAGE, ["sh", "-c", "echo x >/x"], detach=True)
    c.wait()
    committed = c.commit(repository="committed", tag="1", message="why", conf={"Labels": {"c": "d"}})
    assert committed.labels == {"c": "d"} and committed.tags == ["committed:1"]
    c.remove()
    for name in ("built:1", "imported:1", "committed:1"):
        client.images.remove(name)
    assert client.images.prune()["SpaceReclaimed"] >= 0


def networks(client):
    pool = IPAMPool(subnet="10.97.4.0/24", gateway="10.97.4.1")
    network = client.networks.create("py", driver="bridge", ipam=IPAMConfig(pool_configs=[pool]), labels={"n": "1"}, internal=True)
    assert network.attrs["IPAM"]["Config"][0]["Subnet"] == "10.97.4.0/24" and network.attrs["Internal"]
    web = client.containers.run(IMAGE, ["httpd", "-f", "-p", "80", "-h", "/www"], detach=True, name="web", stop_signal="SIGKILL")
    network.connect(web, aliases=["site"], ipv4_address="10.97.4.9")
    output = client.containers.run(IMAGE, ["wget", "-qO-", "http://site/"], network="py", remove=True)
    assert output == b"ok\n", output
    network.reload()
    assert [one.name for one in network.containers] == ["web"]
    assert raises(docker.errors.APIError, lambda: network.remove(), 403)
    network.disconnect(web)
    assert raises(docker.errors.APIError, lambda: network.disconnect(web, force=True))
    web.remove(force=True)
    made = client.api.create_container(IMAGE)["Id"]
    config = {"MacAddress": "02:42:ac:11:00:02", "DriverOpts": {"org.example.note": "kept"}}
    response = client.api._post_json(client.api._url("/networks/py/connect"), data={"Container": made, "EndpointConfig": config})
    assert response.status_code == 200, response.content
    endpoint = client.api.inspect_container(made)["NetworkSettings"]["Networks"]["py"]
    assert endpoint["MacAddress"] == "02:42:ac:11:00:02" and endpoint["DriverOpts"] == {"org.example.note": "kept"}
    client.api.remove_container(made)
    assert [one.name for one in client.networks.list(names=["py"])] == ["py"]
    network.remove()
    client.networks.create("not used")
    assert client.networks.prune()["NetworksDeleted"] == ["not used"]


def volumes(client):
    volume = client.volumes.create("py", labels={"v": "1"})
    client.containers.run(IMAGE, ["sh", "-c", "echo kept >/v/file"], volumes={"py": {"bind": "/v", "mode": "rw"}}, remove=True)
    mount = Mount(target="/m", source="py", type="volume", read_only=True)
    assert client.containers.run(IMAGE, ["cat", "/m/file"], mounts=[mount], remove=True) == b"kept\n"
    tmpfs = Mount(target="/m", source=None, type="tmpfs", tmpfs_size=1024 * 1024)
    assert b"tmpfs" in client.containers.run(IMAGE, ["grep", " /m ", "/proc/mounts"], mounts=[tmpfs], remove=True)
    assert [one.name for one in client.volumes.list(filters={"label": "v=1"})] == ["py"]
    c = client.containers.create(IMAGE, volumes={"py": {"bind": "/v"}})
    raises(docker.errors.APIError, lambda: volume.remove(), 409)
    c.remove()
    volume.remove()
    raises(docker.errors.NotFound, lambda: client.volumes.get("py"), 404)
    client.volumes.create("unused")
    client.api.prune_volumes(filters={"all": ["true"]})


def events(client):
    start = int(time.time())
    stream = client.events(decode=True, filters={"type": "container"})
    seen = []

    def follow():
        for event in stream:
            seen.append(event["Action"])
            if event["Action"] == "destroy":
                return

    thread = threading.Thread(target=follow)
    thread.start()
    time.sleep(0.3)
    client.containers.run(IMAGE, ["true"], remove=True)
    thread.join(10)
    stream.close()
    assert [one for one in seen if one != "attach"] == ["create", "start", "die", "destroy"], seen
    past = client.events(since=start, until=int(time.time()) + 1, decode=True, filters={"event": "die"})
    assert any(one["Actor"]["Attributes"]["exitCode"] == "0" for one in past)


def statistics(client):
    c = client.containers.run(IMAGE, FOREVER, detach=True)
    one = c.stats(stream=False)
    assert one["pids_stats"]["current"] >= 1 and one["memory_stats"]["usage"] > 0 and one["cpu_stats"]["online_cpus"] >= 1, one
    stream = c.stats(stream=True, decode=True)
    first, second = next(stream), next(stream)
    assert second["precpu_stats"]["cpu_usage"]["total_usage"] == first["cpu_stats"]["cpu_usage"]["total_usage"]
    c.remove(force=True)


def pruning(client):
    gone = client.containers.run(IMAGE, ["true"], detach=True)
    gone.wait()
    kept = client.containers.run(IMAGE, FOREVER, detach=True)
    pruned = client.containers.prune()
    assert gone.id in pruned["ContainersDeleted"] and kept.id not in pruned["ContainersDeleted"], pruned
    kept.remove(force=True)
    assert client.containers.prune()["ContainersDeleted"] is None


def swarm(client):
    error = raises(docker.errors.APIError, lambda: client.services.list(), 503)
    assert "not a swarm manager" in error
    raises(docker.errors.APIError, lambda: client.secrets.list(), 503)
    raises(docker.errors.APIError, lambda: client.nodes.list(), 503)
    assert client.plugins.list() == []


AREAS = [system, running, lifecycle, options, logs, attaching, executing, files, images, networks, volumes, events, statistics, pruning, swarm]

if sys.argv[1] == "--list":
    print("\n".join(area.__name__ for area in AREAS))
else:
    connected = docker.from_env()
    next(area for area in AREAS if area.__name__ == sys.argv[1])(connected)
    connected.close()

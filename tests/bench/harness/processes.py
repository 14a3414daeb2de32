# SPDX-License-Identifier: Apache-2.0
"""The programs under measurement: started on loopback, watched through /proc, always ended by id."""
import json
import os
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
DEADLINE_S = 20


class Failed(Exception):
    """A measurement that cannot be made; its text says why."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def poll(condition, what, deadline_s=DEADLINE_S, every_s=0.02):
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end:
            raise Failed(f"{what}: not within {deadline_s} s")
        time.sleep(every_s)


def family(pid):
    """The process and its descendants."""
    found = [pid]
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            children = Path(f"/proc/{pid}/task/{task}/children").read_text().split()
            for child in children:
                found += family(int(child))
    except OSError:
        pass
    return found


def cpu_ns(pid):
    """CPU time of a process, its threads and its children, in nanoseconds, from the scheduler."""
    total = 0
    for member in family(pid):
        try:
            for task in os.listdir(f"/proc/{member}/task"):
                total += int(Path(f"/proc/{member}/task/{task}/schedstat").read_text().split()[0])
        except OSError:
            pass
    return total


def rss_bytes(pid):
    total = 0
    for member in family(pid):
        for line in Path(f"/proc/{member}/smaps_rollup").read_text().splitlines():
            if line.startswith("Rss:"):
                total += int(line.split()[1]) * 1024
    return total


def machine_busy_s():
    """CPU time that all processes of the machine have used, in seconds, and what was stolen."""
    fields = [int(x) for x in Path("/proc/stat").read_text().split("\n")[0].split()[1:]]
    tick = os.sysconf("SC_CLK_TCK")
    user, nice, system, _idle, _iowait, irq, softirq, steal = fields[:8]
    return (user + nice + system + irq + softirq) / tick, steal / tick


class Placement:
    """Which processor the proxy has to itself, and which ones its clients and its node share."""

    def __init__(self):
        self.cpus = sorted(os.sched_getaffinity(0))
        self.proxy = [self.cpus[-1]]
        self.rest = self.cpus[:-1] or self.cpus
        self.pinned = len(self.cpus) > 1

    def words(self):
        if not self.pinned:
            return "one processor, nothing pinned"
        return (f"proxy on processor {self.proxy[0]}, load generator and upstream on "
                f"{','.join(map(str, self.rest))} (taskset)")

    @staticmethod
    def on(cpus, argv):
        return ["taskset", "-c", ",".join(map(str, cpus)), *argv]


class Process:
    """A child in the foreground; leaving its scope ends it."""

    def __init__(self, argv, name, cpus=None, **more):
        self.name = name
        self.log = tempfile.TemporaryFile()
        argv = [str(x) for x in argv]
        if cpus:
            argv = Placement.on(cpus, argv)
        self.child = subprocess.Popen(argv, stderr=self.log, **more)
        self.pid = self.child.pid
        self.port = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        if self.log.closed:
            return
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(5)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        if self.child.stdout:
            self.child.stdout.close()
        self.log.close()

    def complaint(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")[-2000:]

    def await_port(self):
        def ready():
            if self.child.poll() is not None:
                raise Failed(f"{self.name} ended: {self.complaint()}")
            return accepts(self.port)
        poll(ready, f"{self.name} on port {self.port}")
        return self

    def cpu_ns(self):
        return cpu_ns(self.pid)

    def rss(self):
        return rss_bytes(self.pid)


def programs():
    """The directory of the load generators, as run.sh has built them."""
    return Path(os.environ.get("SLUICE_BENCH_PROGRAMS", ROOT / "build" / "bench"))


def sluice_binary():
    return Path(os.environ.get("SLUICE_BIN", ROOT / "build" / "release" / "sluice"))


def first_line(process):
    line = process.child.stdout.readline().decode()
    if not line:
        raise Failed(f"{process.name} said nothing: {process.complaint()}")
    return line


def start_upstream(cpus):
    upstream = Process([programs() / "bench_constant_upstream"], "upstream", cpus,
                       stdout=subprocess.PIPE)
    upstream.port = int(first_line(upstream))
    return upstream


def start_devnode():
    node = Process([sluice_binary(), "devnode", "--listen", "127.0.0.1:0", "--chain-id", "4660"],
                   "devnode", stdout=subprocess.PIPE)
    ready = json.loads(first_line(node))
    node.port = port_in(ready)
    return node


def port_in(ready):
    address = ready["listen"][0] if "listen" in ready else ready["nodes"][0]
    if isinstance(address, dict):
        address = address.get("url") or address.get("listen") or address["address"]
    return int(address.rstrip("/").rsplit(":", 1)[1])


SLUICE = """
listen:
  - address: 127.0.0.1:0
    {tls}
admin: {{listen: 127.0.0.1:0}}
workers: {workers}
limits: {{connections: 20000, connections_per_ip: 20000}}
pool: {{max: 256}}
chain_id: 4660
upstreams:
  - {{name: node, url: "http://127.0.0.1:{upstream}"}}
{more}
"""


def start_sluice(directory, upstream, cpus=None, workers=1, tls=None, wrap=(), more=""):
    """`wrap`: a command to run it under. `tls`: certificate and key in one file. `more`: further
    configuration."""
    config = Path(directory) / f"sluice-{workers}-{upstream}{'-tls' if tls else ''}.yaml"
    config.write_text(SLUICE.format(
        workers=workers, upstream=upstream, more=more,
        tls=f"tls: {{certificate: {tls}, key: {tls}}}" if tls else ""))
    process = Process([*wrap, sluice_binary(), "run", "-c", config], "sluice", cpus,
                      stdout=subprocess.PIPE)
    process.port = port_in(json.loads(first_line(process)))
    poll(lambda: call(process.port, tls).startswith("HTTP/1.1 200"), "a call through sluice")
    return process


HAPROXY = """
global
    nbthread 1
    maxconn 12000
    no strict-limits
    tune.ssl.cachesize 20000
defaults
    mode http
    timeout connect 5s
    timeout client 600s
    timeout server 600s
    timeout http-keep-alive 600s
    option http-keep-alive
    http-reuse always
    maxconn 12000
frontend clients
    bind 127.0.0.1:{port} {tls}
    default_backend nodes
backend nodes
    server node 127.0.0.1:{upstream}
"""


def start_haproxy(directory, upstream, cpus=None, name="haproxy", tls=None, wrap=()):
    port = free_port()
    config = Path(directory) / f"{name}{'-tls' if tls else ''}.cfg"
    config.write_text(HAPROXY.format(port=port, upstream=upstream,
                                     tls=f"ssl crt {tls}" if tls else ""))
    process = Process([*wrap, "haproxy", "-db", "-f", config], name, cpus)
    process.port = port
    return process.await_port()


NGINX = """
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid {directory}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 9000; }}
http {{
    access_log off;
    keepalive_timeout 600s;
    keepalive_requests 100000000;
    client_body_temp_path {directory}/nginx-body;
    proxy_temp_path {directory}/nginx-proxy;
    fastcgi_temp_path {directory}/nginx-fastcgi;
    uwsgi_temp_path {directory}/nginx-uwsgi;
    scgi_temp_path {directory}/nginx-scgi;
    upstream nodes {{
        server 127.0.0.1:{upstream};
        keepalive 256;
        keepalive_requests 100000000;
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://nodes;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }}
    }}
}}
"""


def start_nginx(directory, upstream, cpus=None):
    port = free_port()
    config = Path(directory) / "nginx.conf"
    config.write_text(NGINX.format(directory=directory, port=port, upstream=upstream))
    process = Process(["nginx", "-c", config, "-p", directory], "nginx", cpus)
    process.port = port
    return process.await_port()


def connect(port, tls=None, timeout_s=5.0):
    peer = socket.create_connection(("127.0.0.1", port), timeout_s)
    if not tls:
        return peer
    return ssl.create_default_context(cafile=tls).wrap_socket(peer, server_hostname="localhost")


def exchange(port, body, tls=None):
    """One POST on a connection of its own; the raw reply."""
    request = (f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
               f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n{body}")
    reply = b""
    with connect(port, tls) as peer:
        peer.sendall(request.encode())
        while data := peer.recv(65536):
            reply += data
    return reply.decode(errors="replace")


def call(port, tls=None):
    body = '{"jsonrpc":"2.0","id":"who","method":"eth_call","params":[{},"latest"]}'
    try:
        return exchange(port, body, tls)
    except OSError as error:
        return str(error)


def make_certificate(directory):
    """A certificate and its key in one file, for loopback alone."""
    pem = Path(directory) / "loopback.pem"
    key = Path(directory) / "loopback.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                    "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-keyout", key, "-out", pem], check=True, capture_output=True)
    pem.write_text(pem.read_text() + key.read_text())
    pem.chmod(0o600)
    return pem


def raise_file_limit():
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def missing(tools):
    return [tool for tool in tools if shutil.which(tool) is None]

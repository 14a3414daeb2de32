# SPDX-License-Identifier: Apache-2.0
"""The operator's hand: `sluice ctl` and `sluice top` over the control socket."""

import contextlib
import fcntl
import json
import os
import pty
import select
import signal
import socket
import stat
import struct
import subprocess
import tempfile
import termios
import threading
import time

from support.operator import control, control_line
from support.sluice import (DEADLINE, ScriptedUpstream, Skipped, Sluice, binary, call, check, equal, poll,
                            post)


@contextlib.contextmanager
def scene(config=None, **options):
    with ScriptedUpstream() as a, ScriptedUpstream() as b:
        upstreams = [{"name": "a", "url": a.url}, {"name": "b", "url": b.url}]
        config = {"chain_id": 1337, "upstreams": upstreams, "batch": {"max": 1},
                  "balance": {"strategy": "round-robin"}, **(config or {})}
        with Sluice(config, **options) as sluice:
            poll(lambda: len(states(sluice)) == 2 and set(states(sluice).values()) == {"in"},
                 "both nodes are in rotation")
            sluice.config = config
            yield sluice, a, b


def upstreams_of(sluice):
    return {u["name"]: u for u in sluice.status()["chains"][0]["upstreams"]}


def states(sluice):
    return {name: u["state"] for name, u in upstreams_of(sluice).items()}


def spread(sluice, a, b, calls=40):
    """How many of so many calls each of the two nodes got."""
    a.clear(), b.clear()
    with sluice.client() as client:
        for n in range(calls):
            equal(client.rpc(call("test_echo", [n], n)).status, 200, "a call")
    return a.count, b.count


def test_status_is_a_table_or_json():
    with scene() as (sluice, _, _b):
        table = sluice.ctl("status")
        for word in ("serving", "main", "1337", "UPSTREAM", "CALLS/S", "round-robin"):
            check(word in table, f"the table has {word}", table)
        rows = [line.split() for line in table.splitlines() if line.startswith("  a ")]
        equal((rows[0][:2], len(rows[0]) >= 12), (["a", "in"], True), "the row of an upstream")
        check("\x1b" not in table, "no colours where there is no terminal")
        status = json.loads(sluice.ctl("status", "--json"))
        equal({u["name"] for u in status["chains"][0]["upstreams"]}, {"a", "b"}, "upstreams")
        equal(set(status), set(sluice.status()), "it is what /status says")


def test_a_drained_upstream_gets_no_calls_and_gets_them_again():
    with scene() as (sluice, a, b):
        equal(min(spread(sluice, a, b)) > 0, True, "both nodes get calls")
        check("main/a is drained; 0 call(s)" in sluice.ctl("drain", "main/a"), "the answer")
        equal(spread(sluice, a, b), (0, 40), "calls while a is drained")
        poll(lambda: not any(upstreams_of(sluice)["a"]["connections"][s] for s in ("idle", "busy")),
             "its connections are closed")
        equal(upstreams_of(sluice)["a"]["override"], {"drained": True}, "shown in /status")
        equal(states(sluice)["a"], "in", "it is as healthy as before")
        equal(sluice.metric("sluice_upstream_override", upstream="a", setting="drain"), 1, "metric")
        line = sluice.log_lines("override_set")[-1]
        equal((line["upstream"], line["setting"], line["value"], line["before"]),
              ("a", "drain", "on", "auto"), "the log line")
        sluice.ctl("undrain", "a")
        equal(min(spread(sluice, a, b)) > 0, True, "both nodes get calls again")
        equal(len(sluice.log_lines("override_cleared")), 1, "taken back once")
        sluice.ctl("undrain", "a")
        equal(len(sluice.log_lines("override_cleared")), 1, "what changes nothing is no event")


def test_calls_under_way_end_where_they_began():
    release = threading.Event()

    def script(connection):
        while True:
            request = connection.read_request()
            connection.wait_for(release)
            connection.send(request.reply(b'"late"'))
    with scene() as (sluice, a, b):
        sluice.ctl("drain", "b")
        a.script = script
        a.close_connections()
        with sluice.client() as client:
            client.send(post(call("test_echo", [1])))
            a.wait_count(1)
            equal(sluice.ctl("drain", "a", "--wait", "0.3", code=1), "", "a call is still under way")
            timer = threading.Timer(0.2, release.set)
            timer.start()
            check("0 call(s)" in sluice.ctl("drain", "a", "--wait", "20"), "it waits for the end")
            equal(client.response().json()["result"], "late", "the call has its answer")
        check("no upstream of main gets calls" in sluice.ctl("drain", "a"), "a warning")
        reply = sluice.rpc(call("test_echo", [1]))
        equal((reply.status, reply.json()["error"]["data"]["reason"]), (503, "no_upstream"),
              "a call when all are drained")
        equal(sluice.readyz(), 503, "/readyz")


def test_an_override_lives_through_reloads_of_the_same_upstream():
    with scene() as (sluice, a, b):
        sluice.ctl("drain", "a")
        sluice.ctl("weight", "a", "7")
        sluice.reload({**sluice.config, "pool": {"max": 5}})
        equal(upstreams_of(sluice)["a"]["override"], {"drained": True, "weight": 7}, "after a reload")
        equal(spread(sluice, a, b), (0, 40), "calls after a reload")
        sluice.reload({**sluice.config, "upstreams": sluice.config["upstreams"][1:]})
        sluice.reload(sluice.config)
        equal(upstreams_of(sluice)["a"]["override"], {}, "an upstream that was gone begins anew")


def test_weights_shift_calls():
    with scene({"balance": {"strategy": "weighted"}}, workers=1) as (sluice, a, b):
        equal(spread(sluice, a, b), (20, 20), "equal weights")
        equal(sluice.ctl("weight", "a", "3"), "main/a has weight 3\n", "the answer")
        equal(spread(sluice, a, b), (30, 10), "three to one")
        sluice.ctl("weight", "a", "0")
        equal(spread(sluice, a, b)[1] >= 39, True, "none while others are there")
        sluice.ctl("weight", "a", "auto")
        equal(spread(sluice, a, b)[0] >= 19, True, "as configured")


def test_reload_waits_and_tells():
    with scene(workers=None) as (sluice, _, _b):
        equal(sluice.ctl("reload"), "reloaded: 1 chain(s)\n", "a good file")
        sluice.write_config({**sluice.config, "chain_id": 1, "pol": {}})
        why = sluice.ctl("reload", code=1)
        check("unknown key 'pol'; did you mean 'pool'?" in why, "a bad one, and what is wrong", why)
        sluice.write_config({**sluice.config, "workers": 7})
        check("need a restart: workers" in sluice.ctl("reload", code=1), "one that needs a restart")
        sluice.write_config(sluice.config)
        equal(json.loads(sluice.ctl("reload", "--json"))["ok"], True, "good again")
        threads, codes = [], []
        for _ in range(8):
            thread = threading.Thread(target=lambda: codes.append(control(sluice.socket, "reload")["ok"]))
            thread.start()
            threads.append(thread)
        for thread in threads:
            thread.join(DEADLINE)
        equal(codes, [True] * 8, "eight at one time")
    with ScriptedUpstream() as node, Sluice(urls=[node.url]) as sluice:
        check("nothing to reload" in sluice.ctl("reload", code=1), "a daemon without a file")


def test_what_cannot_be_done_says_why():
    with scene() as (sluice, _, _b):
        for arguments, text in ((("drain", "main/aa"), "did you mean main/a?"),
                                (("drain", "nowhere/node"), "there is no upstream 'nowhere/node'"),
                                (("weight", "a", "1001"), "from 0 to 1000"),
                                (("weight", "a", "x"), "from 0 to 1000")):
            check(text in sluice.ctl(*arguments, code=1), " ".join(arguments))
        for arguments in ((), ("drian", "a"), ("drain",), ("weight", "a"), ("breaker", "a", "logs", "ajar"),
                          ("status", "--what"), ("events", "--level", "loud")):
            sluice.ctl(*arguments, code=2)
        equal(upstreams_of(sluice)["a"]["override"], {}, "nothing was changed")
        missing = os.path.join(sluice.directory, "none.sock")
        ran = subprocess.run([binary(), "ctl", "--socket", missing, "status"], capture_output=True,
                             text=True, check=False, timeout=DEADLINE)
        equal(ran.returncode, 1, "exit code when nobody is there")
        check(missing in ran.stderr and "No such file" in ran.stderr, "and why", ran.stderr)


def test_names_that_several_chains_have():
    with ScriptedUpstream() as one, ScriptedUpstream(chain_id=10) as two:
        chains = [{"name": "x", "upstreams": [{"name": "node", "url": one.url}]},
                  {"name": "y", "upstreams": [{"name": "node", "url": two.url}]}]
        with Sluice({"chains": chains}) as sluice:
            check("name it as x/node" in sluice.ctl("drain", "node", code=1), "which one?")
            sluice.ctl("drain", "y/node")
            drained = [bool(c["upstreams"][0]["override"]) for c in sluice.status()["chains"]]
            equal(drained, [False, True], "drained")


def test_events_are_followed():
    with scene() as (sluice, _, _b):
        with subprocess.Popen([binary(), "ctl", "--socket", sluice.socket, "events", "--all"],
                              stdout=subprocess.PIPE, text=True) as follower:
            try:
                lines = iter(follower.stdout.readline, "")
                check(any(" ready " in line for line in lines), "what is kept")
                sluice.ctl("drain", "a")
                line = next(lines)
                check("override_set chain=main upstream=a setting=drain value=on" in line, "news", line)
            finally:
                follower.kill()


# --- The socket ------------------------------------------------------------------------------------


def test_the_socket_is_for_its_user_alone_and_goes_with_the_daemon():
    old = os.umask(0)
    try:
        with scene() as (sluice, _, _b):
            mode = os.stat(sluice.socket).st_mode
            check(stat.S_ISSOCK(mode), "a socket")
            equal(stat.S_IMODE(mode), 0o600, "its mode, whatever the umask")
            equal(sluice.ready["socket"], sluice.socket, "told in the first line")
            equal(sluice.terminate(), 0, "exit code")
            equal(sorted(n for n in os.listdir(sluice.directory) if "sock" in n), [], "left behind")
    finally:
        os.umask(old)


def second(sluice, path, node):
    """What another daemon does that is to listen there: its exit code and stderr."""
    ran = subprocess.run([binary(), "run", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0",
                          "--socket", path, node.url], capture_output=True, text=True, check=False,
                         timeout=DEADLINE)
    check(sluice.alive(), "the first one lives")
    return ran.returncode, ran.stderr


def test_a_second_daemon_on_the_same_socket_is_an_error():
    with scene() as (sluice, a, _):
        code, why = second(sluice, sluice.socket, a)
        equal(code, 1, "exit code")
        check(f"{sluice.socket} is in use by another process" in why, "and why", why)
        sluice.ctl("status")


def test_what_is_no_socket_is_left_alone():
    with scene() as (sluice, a, _):
        path = os.path.join(sluice.directory, "notes.txt")
        with open(path, "w", encoding="ascii") as file:
            file.write("precious")
        code, why = second(sluice, path, a)
        equal(code, 1, "exit code")
        check("something else than a socket" in why, "and why", why)
        with open(path, encoding="ascii") as file:
            equal(file.read(), "precious", "the file")
        # Somebody else's socket, without a lock file.
        other = os.path.join(sluice.directory, "other.sock")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(other)
            listener.listen()
            check("in use" in second(sluice, other, a)[1], "a socket on which somebody listens")
        check("No such file or directory" in second(sluice, os.path.join(sluice.directory, "no/x"), a)[1],
              "a folder that is not there")


def test_the_socket_of_a_killed_daemon_is_taken_over():
    with ScriptedUpstream() as node, tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "ctl.sock")
        with Sluice(urls=[node.url], args=["--socket", path]) as first:
            first.ended = True
            first.signal(signal.SIGKILL)
            first.wait()
            check(os.path.exists(path), "a killed daemon leaves its socket")
        with Sluice(urls=[node.url], args=["--socket", path]) as sluice:
            equal(control(path, "status")["status"]["phase"], "serving", "the next one answers there")
            equal(sluice.terminate(), 0, "exit code")


def test_without_a_place_of_its_own_the_default_is_taken_or_done_without():
    with ScriptedUpstream() as node, tempfile.TemporaryDirectory() as directory:
        env = {"XDG_RUNTIME_DIR": directory}
        with Sluice(urls=[node.url], socket=False, env=env) as sluice, \
                Sluice(urls=[node.url], socket=False, env=env) as other:
            paths = [s.ready.get("socket") for s in (sluice, other)]
            if paths[0] is None and "in use" in sluice.log_lines("control_unavailable")[0]["reason"]:
                raise Skipped("another Sluice of this machine has the default socket")
            check(paths[0] in ("/run/sluice/ctl.sock", directory + "/sluice/ctl.sock"), "a default", paths,
                  sluice.log_lines("control_unavailable"))
            if paths[1] is None:
                why = other.log_lines("control_unavailable")[0]["reason"]
                check("in use by another process" in why, "the log says why there is none", why)
            ran = subprocess.run([binary(), "ctl", "status"], env={**os.environ, **env},
                                 capture_output=True, text=True, check=False, timeout=DEADLINE)
            equal(ran.returncode, 0, "sluice ctl finds it by itself")


def test_broken_lines_are_refused_and_bounded():
    with scene() as (sluice, _, _b):
        for line, text in ((b"{}\n", b"no command"), (b"status\n", b"not one JSON object"),
                           (b"[]\n", b"not one JSON object"), (b'{"command":1}\n', b"must be a text"),
                           (b'{"command":"status","x":""}\n', b"unknown member x"),
                           (b'{"command":"fly"}\n', b"there is no command 'fly'"),
                           (b'{"command":"drain"}\n', b"there is no upstream ''"),
                           (b"\xff\xfe\n", b"not one JSON object"), (b"\n", b"not one JSON object")):
            answer = control_line(sluice.socket, line)
            check(text in answer and b'"ok":false' in answer, repr(line), answer)
        with contextlib.suppress(ConnectionResetError):
            equal(control_line(sluice.socket, b"x" * 5000), b"", "a line without end")
        with contextlib.ExitStack() as stack:
            silent = []
            for _ in range(16):
                sock = stack.enter_context(socket.socket(socket.AF_UNIX))
                sock.connect(sluice.socket)
                silent.append(sock)
            poll(lambda: control_refused(sluice.socket), "one more than there may be is closed")
            began = time.monotonic()
            silent[0].settimeout(DEADLINE)
            equal(silent[0].recv(1), b"", "who says nothing is closed")
            check(time.monotonic() - began < 10, "after five seconds")
        poll(lambda: control(sluice.socket, "status")["ok"], "then there is room")


def control_refused(path):
    try:
        return control_line(path, b'{"command":"status"}\n') == b""
    except OSError:
        return True


# --- top -------------------------------------------------------------------------------------------


def test_top_prints_one_page():
    with scene() as (sluice, a, b):
        spread(sluice, a, b, 10)
        sluice.ctl("drain", "a")
        ran = subprocess.run([binary(), "top", "--once", "--socket", sluice.socket], capture_output=True,
                             text=True, check=False, timeout=DEADLINE)
        equal(ran.returncode, 0, "exit code")
        for text in ("sluice ", "serving", "main", "UPSTREAM", "drained by hand", "events",
                     "override_set chain=main upstream=a setting=drain"):
            check(text in ran.stdout, f"the page has {text}", ran.stdout)
        check("\x1b" not in ran.stdout, "no control codes in a pipe")
    ran = subprocess.run([binary(), "top", "--once", "--socket", sluice.socket], capture_output=True,
                         text=True, check=False, timeout=DEADLINE)
    equal(ran.returncode, 1, "exit code when nobody is there")


class Terminal:
    """A terminal with a program in it; what it has shown so far is in .shown."""

    def __init__(self, arguments, rows, columns):
        self.shown = ""
        self.master, slave = pty.openpty()
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.resize(rows, columns)
        self.process = subprocess.Popen(arguments, stdin=slave, stdout=slave, stderr=slave,
                                        start_new_session=True)

    def resize(self, rows, columns):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        if hasattr(self, "process"):
            self.process.send_signal(signal.SIGWINCH)

    def read(self):
        while select.select([self.master], [], [], 0.02)[0]:
            self.shown += os.read(self.master, 65536).decode()
        return self.shown

    def screens(self):
        return self.read().split("\x1b[H")[1:]

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)


def test_top_is_live_and_fits_its_terminal():
    with scene() as (sluice, _, _b):
        terminal = Terminal([binary(), "top", "--interval", "0.1", "--socket", sluice.socket], 12, 60)
        try:
            poll(lambda: len(terminal.screens()) > 2, "it draws again and again")
            page = terminal.screens()[-2]
            check(page.count("\n") < 12, "no more lines than the terminal has", page)
            check(all(len(strip(line)) <= 60 for line in page.split("\n")), "nor columns", page)
            sluice.ctl("drain", "a")
            poll(lambda: "drained" in terminal.screens()[-1], "a change is seen")
            terminal.resize(40, 150)
            poll(lambda: "override_set" in terminal.screens()[-1], "more room shows more")
            os.write(terminal.master, b"q")
            equal(terminal.process.wait(DEADLINE), 0, "exit code after q")
            check(terminal.read().endswith("\x1b[?25h\x1b[?1049l"), "the screen is given back")
            equal(termios.tcgetattr(terminal.slave)[3], terminal.before[3], "and so is the keyboard")
        finally:
            terminal.close()


def strip(line):
    for code in ("\x1b[K", "\x1b[J", "\x1b[0m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\r"):
        line = line.replace(code, "")
    return line


def test_top_outlives_the_daemon():
    with scene() as (sluice, _, _b):
        terminal = Terminal([binary(), "top", "--interval", "0.1", "--socket", sluice.socket], 24, 100)
        try:
            poll(lambda: "serving" in terminal.read(), "the first page")
            equal(sluice.terminate(), 0, "exit code")
            poll(lambda: "no daemon answers" in terminal.screens()[-1], "it says that nobody is there")
            terminal.process.send_signal(signal.SIGTERM)
            equal(terminal.process.wait(DEADLINE), 0, "exit code")
        finally:
            terminal.close()

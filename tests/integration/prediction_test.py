# SPDX-License-Identifier: Apache-2.0
"""Connections opened ahead of bursts that come back by the phase of the block: what `act` does about
them, and that `observe` only tells."""

import contextlib
import json
import shutil
import subprocess
import time

from support.sluice import ScriptedUpstream, Skipped, Sluice, call, check, equal, poll, post, total

BURST = 24
# Three times in the twelve seconds of a block; a burst lies within one half-second of it.
EVERY_S = 4.0
AT_S = 2.3
# Two blocks.
LEARNING_S = 24.0
FORECAST = ("sluice_pool_forecast_connections", "sluice_pool_forecast_skill_ratio")


def slow(connection):
    while True:
        request = connection.read_request()
        connection.wait(0.1)
        connection.send(request.reply())


def chain(name, node, predict):
    # Peaks are kept for three cool-downs: long gone when the next burst comes.
    return {"name": name, "upstreams": [{"name": "node", "url": node.url}],
            "pool": {"warm_up": {"connections": 1}}, "batch": {"max": 1},
            "scaler": {"mode": "sized", "interval": "50ms", "cooldown": "300ms", "predict": predict}}


def sockets(node):
    """Established connections to the node, by ss, less the health monitor's."""
    out = subprocess.run(["ss", "-Htn", "state", "established", f"( dport = :{node.port} )"],
                         check=True, capture_output=True, text=True).stdout
    return max(len(out.splitlines()) - 1, 0)


def until(moment):
    time.sleep(max(moment - time.monotonic(), 0.0))


def bursts_by_the_block():
    if shutil.which("ss") is None:
        raise Skipped("ss is not installed")
    with contextlib.ExitStack() as stack:
        nodes = {name: stack.enter_context(ScriptedUpstream(slow)) for name in ("act", "observe")}
        sluice = stack.enter_context(
            Sluice({"chains": [chain(name, node, name) for name, node in nodes.items()]}, workers=1))

        def created(name):
            return sluice.metric("sluice_pool_connections_created_total", chain=name)

        def burst(name):
            before = created(name)
            with contextlib.ExitStack() as crowd:
                clients = [crowd.enter_context(sluice.client()) for _ in range(BURST)]
                for client in clients:
                    client.send(post(call("eth_getBalance", ["0x00", "0x1"]), path="/" + name))
                for client in clients:
                    equal(client.response().status, 200, "a call of a burst")
            return created(name) - before

        # The daemon's clock is this one: the phases of a block are the same.
        learned = time.monotonic() + LEARNING_S
        at = time.monotonic() // EVERY_S * EVERY_S + AT_S
        late = 0
        while late < 3:
            at += EVERY_S
            until(at - 0.8)
            for name, node in nodes.items():
                check(sockets(node) <= BURST // 3, f"connections of {name} between bursts",
                      sockets(node), sluice.status())
            until(at - 0.1)
            ahead = {name: sockets(node) for name, node in nodes.items()}
            until(at)
            dialled = {name: burst(name) for name in nodes}
            if at - EVERY_S > learned:
                late += 1
                check(ahead["act"] >= BURST, "connections are there before the burst", ahead)
                # Not for the calls: the plan wants some more than are busy.
                check(dialled["act"] <= BURST // 2, "few are dialled in the burst", dialled)
                check(ahead["observe"] <= BURST // 3, "who observes opens none", ahead)
                check(dialled["observe"] >= BURST * 2 // 3, "and dials in the burst", dialled)
        metrics = sluice.metrics()
        check(total(metrics, "sluice_scaler_events_total", chain="act", direction="up",
                    reason="forecast") >= 3, "rises by the forecast are counted")
        equal(total(metrics, "sluice_scaler_events_total", chain="observe", reason="forecast"), 0,
              "and are none where it is observed")
        check(total(metrics, "sluice_warmups_total", chain="act", outcome="ok") >= 3 * BURST / 2,
              "what is opened ahead is tried with a call")
        for name in nodes:
            check(total(metrics, FORECAST[1], chain=name) > 0.3, f"skill of {name}")


def test_what_is_observed_is_shown():
    with ScriptedUpstream() as node:
        chains = [chain(name, node, name) for name in ("observe", "act", "off")]
        for number, one in enumerate(chains):
            one["default"] = number == 0
        with Sluice({"chains": chains}) as sluice:
            def forecasts():
                return {one["name"]: one["upstreams"][0]["forecast"] for one in sluice.status()["chains"]}

            def planned():
                return all(forecasts()[name]["horizon_s"] > 0 for name in ("observe", "act"))
            poll(planned, "plans look ahead")
            shown = forecasts()
            equal(shown["off"], None, "without prediction")
            for name in ("observe", "act"):
                # 50 ms, and what a handshake and its trial take.
                check(0.05 <= shown[name]["horizon_s"] < 10, "how far it looks ahead", shown)
                equal((shown[name]["connections"], shown[name]["skill"]), (None, 0),
                      "nothing is known before two blocks have passed")
                check(shown[name]["target"] >= 1, "the plan with it", shown)
            metrics = sluice.metrics_text()
            check(FORECAST[0] + "{" not in metrics, "no figure where there is no forecast")
            for name in ("observe", "act"):
                check(f'{FORECAST[1]}{{chain="{name}",upstream="node"}} 0' in metrics, "skill of " + name)
            check(f'{FORECAST[1]}{{chain="off"' not in metrics, "no skill where it is off")
            del chains[2]["scaler"]["predict"]
            sluice.reload({"chains": chains})
            poll(lambda: forecasts()["off"] is not None, "by default it is observed")
            check(json.dumps(forecasts()["off"]).count("null") == 1, "and knows nothing yet", forecasts())


def cases(full):
    if full:
        yield "connections_are_there_before_a_burst_that_comes_with_the_block", bursts_by_the_block

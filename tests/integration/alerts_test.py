# SPDX-License-Identifier: Apache-2.0
"""The alert rules in deploy/prometheus: each fires on what it is for and is quiet otherwise
(promtool), and every metric that they name is on the page of a running daemon."""

import json
import os
import re
import shutil
import subprocess
import tempfile

from faults_tls import dial, front
from support.sluice import Skipped, call, check, equal, get, poll

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RULES = os.path.join(ROOT, "deploy", "prometheus", "alerts.yaml")

UPSTREAM = 'instance="i",chain="c",upstream="u"'

# Alert: what it is to fire on, what it is to be quiet on.
# Series are in promtool's notation, one value a minute.
CASES = {
    "SluiceDown": ({'up{job="sluice",instance="i"}': "1 0x20"}, {'up{job="sluice",instance="i"}': "1x20"}),
    "SluiceChainWithoutUpstreams": (
        {f'sluice_upstream_state{{{UPSTREAM},state="in"}}': "1 0x20",
         f'sluice_upstream_state{{{UPSTREAM},state="degraded"}}': "0x20"},
        {f'sluice_upstream_state{{{UPSTREAM},state="in"}}': "0x20",
         f'sluice_upstream_state{{{UPSTREAM},state="degraded"}}': "1x20"}),
    "SluiceUpstreamOut": ({f'sluice_upstream_state{{{UPSTREAM},state="out"}}': "1x20"},
                          {f'sluice_upstream_state{{{UPSTREAM},state="out"}}': "1x8 0 1x10"}),
    "SluiceUpstreamDegraded": ({f'sluice_upstream_state{{{UPSTREAM},state="degraded"}}': "1x20"},
                               {f'sluice_upstream_state{{{UPSTREAM},state="degraded"}}': "0x20"}),
    "SluiceUpstreamFlapping": ({f"sluice_upstream_recoveries_total{{{UPSTREAM}}}": "0+1x20"},
                               {f"sluice_upstream_recoveries_total{{{UPSTREAM}}}": "0 1x20"}),
    "SluiceUpstreamLagging": ({f"sluice_upstream_lag_blocks{{{UPSTREAM}}}": "5x20"},
                              {f"sluice_upstream_lag_blocks{{{UPSTREAM}}}": "3x20"}),
    "SluiceChainHeadStuck": ({'sluice_chain_head_block{instance="i",chain="c"}': "100x20"},
                             {'sluice_chain_head_block{instance="i",chain="c"}': "100+5x20"}),
    "SluiceCallsFailing": (
        {'sluice_calls_total{instance="i",chain="c",outcome="ok"}': "0+980x20",
         'sluice_calls_total{instance="i",chain="c",outcome="timeout"}': "0+20x20"},
        {'sluice_calls_total{instance="i",chain="c",outcome="ok"}': "0+995x20",
         'sluice_calls_total{instance="i",chain="c",outcome="timeout"}': "0+5x20"}),
    "SluiceCallsShed": ({'sluice_calls_total{instance="i",chain="c",outcome="shed"}': "0+60x20"},
                        {'sluice_calls_total{instance="i",chain="c",outcome="shed"}': "60x20"}),
    "SluiceQueueStanding": ({'sluice_queue_depth{instance="i",chain="c",priority="low"}': "3x20"},
                            {'sluice_queue_depth{instance="i",chain="c",priority="low"}': "3x5 0x15"}),
    "SluiceRetriesMany": ({'sluice_retries_total{instance="i",chain="c",reason="failed"}': "0+6x20",
                           'sluice_calls_total{instance="i",chain="c",outcome="ok"}': "0+100x20"},
                          {'sluice_retries_total{instance="i",chain="c",reason="failed"}': "0+4x20",
                           'sluice_calls_total{instance="i",chain="c",outcome="ok"}': "0+100x20"}),
    "SluiceHedgesMany": ({'sluice_hedges_total{instance="i",chain="c",outcome="won"}': "0+19x20",
                          'sluice_calls_total{instance="i",chain="c",outcome="ok"}': "0+1000x20"},
                         {'sluice_hedges_total{instance="i",chain="c",outcome="won"}': "0+5x20",
                          'sluice_calls_total{instance="i",chain="c",outcome="ok"}': "0+1000x20"}),
    "SluiceOverheadHigh": ({'sluice_overhead_seconds_bucket{instance="i",le="0.005"}': "0+90x20",
                            'sluice_overhead_seconds_bucket{instance="i",le="0.01"}': "0+100x20",
                            'sluice_overhead_seconds_bucket{instance="i",le="+Inf"}': "0+100x20"},
                           {'sluice_overhead_seconds_bucket{instance="i",le="0.0001"}': "0+100x20",
                            'sluice_overhead_seconds_bucket{instance="i",le="0.005"}': "0+100x20",
                            'sluice_overhead_seconds_bucket{instance="i",le="+Inf"}': "0+100x20"}),
    "SluicePoolSaturated": ({f"sluice_pool_utilization_ratio{{{UPSTREAM}}}": "0.95x20"},
                            {f"sluice_pool_utilization_ratio{{{UPSTREAM}}}": "0.85x20"}),
    "SluiceUpstreamThrottled": ({f"sluice_upstream_throttled_total{{{UPSTREAM}}}": "0+60x20"},
                                {f"sluice_upstream_throttled_total{{{UPSTREAM}}}": "0+1x20"}),
    "SluiceBreakerOpen": ({f'sluice_breaker_state{{{UPSTREAM},class="trace",state="open"}}': "1x20"},
                          {f'sluice_breaker_state{{{UPSTREAM},class="trace",state="open"}}': "0x20"}),
    "SluiceWarmupsFailing": ({f'sluice_warmups_total{{{UPSTREAM},outcome="failed"}}': "0+1x20"},
                             {f'sluice_warmups_total{{{UPSTREAM},outcome="failed"}}': "0 1x20"}),
    "SluiceAnomaly": ({f'sluice_anomalies_total{{{UPSTREAM},series="latency_p50"}}': "0x11 1x9"},
                      {f'sluice_anomalies_total{{{UPSTREAM},series="latency_p50"}}': "1x20"}),
    "SluiceForecastBreach": (
        {f'sluice_forecast_breach_seconds{{{UPSTREAM},series="latency_objective"}}': "300x20"},
        {f'sluice_forecast_breach_seconds{{{UPSTREAM},series="pool"}}': "5000x20"}),
    "SluiceReloadFailed": ({'sluice_config_last_reload_successful{instance="i"}': "0x20"},
                           {'sluice_config_last_reload_successful{instance="i"}': "1x20"}),
    "SluiceCertificateExpires": (
        {'sluice_tls_certificate_expiry_timestamp_seconds{instance="i"}': "86400x20"},
        {'sluice_tls_certificate_expiry_timestamp_seconds{instance="i"}': "864000x20"}),
    "SluiceLoopLag": ({'sluice_worker_loop_lag_seconds{instance="i",worker="0"}': "0.1x20"},
                      {'sluice_worker_loop_lag_seconds{instance="i",worker="0"}': "0.001x20"}),
    "SluiceEventsUndelivered": (
        {'sluice_event_deliveries_total{instance="i",sink="webhook",outcome="failed"}': "0+1x20"},
        {'sluice_event_deliveries_total{instance="i",sink="webhook",outcome="ok"}': "0+1x20",
         'sluice_event_deliveries_total{instance="i",sink="webhook",outcome="failed"}': "0x20"}),
    "SluiceLogDropped": ({'sluice_log_dropped_total{instance="i"}': "0+1x20"},
                         {'sluice_log_dropped_total{instance="i"}': "7x20"}),
    "SluiceFilesScarce": ({'process_open_fds{job="sluice",instance="i"}': "90x20",
                           'process_max_fds{job="sluice",instance="i"}': "100x20"},
                          {'process_open_fds{job="sluice",instance="i"}': "50x20",
                           'process_max_fds{job="sluice",instance="i"}': "100x20"}),
}
EVAL_MINUTES = 12


def rules():
    """{alert: expression}; the file keeps to one form, which is not worth a YAML library."""
    found, alert = {}, None
    for line in open(RULES, encoding="utf-8"):
        if match := re.match(r"\s+- alert: (\w+)", line):
            alert = match.group(1)
            found[alert] = ""
        elif alert and re.match(r"\s+(expr:|sum |\s+/ |histogram_)", line):
            found[alert] += line
    return found


def metrics_of(expression):
    text = re.sub(r'"[^"]*"', "", expression)
    return set(re.findall(r"\b(?:sluice|process)_\w+", text))


def promtool(*args, **options):
    if not shutil.which("promtool"):
        raise Skipped("promtool is not installed")
    return subprocess.run(["promtool", *args], capture_output=True, text=True, timeout=120, **options)


def promtool_test(alert, series):
    """A test of one alert as promtool reads it (JSON is YAML), which expects none to fire: that saves
    the labels and texts of those that do."""
    return {"rule_files": [RULES], "evaluation_interval": "15s",
            "tests": [{"interval": "1m",
                       "input_series": [{"series": s, "values": v} for s, v in series.items()],
                       "alert_rule_test": [{"alertname": alert, "eval_time": f"{EVAL_MINUTES}m", "exp_alerts": []}]}]}


def fired(alert, series):
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        json.dump(promtool_test(alert, series), file)
        file.flush()
        result = promtool("test", "rules", file.name)
    output = result.stdout + result.stderr
    check("got:" in output or result.returncode == 0, "promtool could not run the test", output)
    return result.returncode != 0


def test_rules_are_well_formed():
    result = promtool("check", "rules", RULES)
    equal(result.returncode, 0, "promtool check rules: " + result.stdout + result.stderr)


def cases(full):
    del full
    known = rules()
    equal(sorted(known), sorted(CASES), "alerts that have a case")
    for alert, (on, off) in CASES.items():
        yield f"fires.{alert}", lambda a=alert, s=on: check(fired(a, s), "the alert does not fire", s)
        yield f"quiet.{alert}", lambda a=alert, s=off: check(not fired(a, s), "the alert fires", s)


def declared_on(sluice):
    page = get(sluice.admin, "/metrics").body.decode()
    return set(re.findall(r"^# TYPE (\w+) ", page, re.MULTILINE))


def test_every_metric_is_on_the_page():
    wanted = set().union(*map(metrics_of, rules().values()))
    check(len(wanted) > 20, "too few metrics were found in the rules", wanted)
    with front() as sluice:
        with dial(sluice) as client:
            equal(client.rpc(call("eth_getBalance", ["0x1"])).status, 200, "status")
        declared = poll(lambda: (names := declared_on(sluice)) and "sluice_breaker_state" in names and names,
                        "breakers are on the page")
    # There only while a limit is near, which no daemon shows within its first hour.
    reference = open(os.path.join(ROOT, "deploy", "docs", "metrics-reference.md"), encoding="utf-8").read()
    check("`sluice_forecast_breach_seconds`" in reference, "the forecast's metric is in the reference")
    declared.add("sluice_forecast_breach_seconds")
    missing = {m for m in wanted if m not in declared and re.sub(r"_(bucket|sum|count)$", "", m) not in declared}
    equal(missing, set(), "metrics in alert rules that the daemon does not have")

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whether ranking.py would notice: orders that differ, noise, and calls that are not the simulator's."""

import json
import math
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(os.path.dirname(HERE))]
sys.dont_write_bytecode = True

import ranking  # noqa: E402
import rig  # noqa: E402
import verdict  # noqa: E402


def verdicts(real, simulated):
    return {(p.a, p.b): p.verdict for p in verdict.pairs(real, simulated)}


class Verdicts(unittest.TestCase):
    def test_the_same_order_passes_whatever_the_sizes(self):
        self.assertEqual(verdicts({"a": [10, 11], "b": [30, 31]}, {"a": [1, 1, 1], "b": [2, 2, 2]}),
                         {("a", "b"): "pass"})

    def test_another_order_fails(self):
        self.assertEqual(verdicts({"a": [31, 30], "b": [30, 29]}, {"a": [1], "b": [2]}), {("a", "b"): "fail"})

    def test_equal_figures_are_no_order(self):
        self.assertEqual(verdicts({"a": [30, 30], "b": [30, 30]}, {"a": [1], "b": [2]}), {("a", "b"): "fail"})

    def test_what_the_simulator_calls_even_is_not_judged(self):
        self.assertEqual(verdicts({"a": [31], "b": [30]}, {"a": [100], "b": [109]}), {("a", "b"): "even"})
        self.assertEqual(verdicts({"a": [31], "b": [30]}, {"a": [100], "b": [111]}), {("a", "b"): "fail"})

    def test_the_better_of_the_simulator_is_named_first(self):
        pairs = verdict.pairs({n: [1] for n in "abc"}, {"a": [3], "b": [1], "c": [2]})
        self.assertEqual([(p.a, p.b) for p in pairs], [("b", "c"), ("b", "a"), ("c", "a")])
        self.assertEqual(verdict.best({"a": [3], "b": [1], "c": [2]}, 2), ["b", "c"])

    def test_ratios_are_run_by_run(self):
        # What a run's calls did to both cancels.
        ratio = verdict.ratio([1, 10, 100], [2, 20, 200])
        for value in (ratio.value, ratio.low, ratio.high):
            self.assertAlmostEqual(value, 0.5)
        self.assertTrue(ratio.clear)

    def test_an_interval_over_one_is_not_clear(self):
        ratio = verdict.ratio([1, 3, 1, 3], [2, 2, 2, 2])
        self.assertLess(ratio.low, 1)
        self.assertGreater(ratio.high, 1)
        self.assertFalse(ratio.clear)

    def test_an_order_that_differs_by_chance_is_not_settled(self):
        def result(real):
            of = {"a": [1, 1], "b": [2, 2]}
            return ranking.Result(None, 1, {f: real for f in ranking.FIGURES}, {f: of for f in ranking.FIGURES}, 0, [], 0, (), {})
        self.assertTrue(ranking.settled(result({"a": [1, 1], "b": [2, 2]})))
        self.assertTrue(ranking.settled(result({"a": [2, 2], "b": [1, 1]})))
        self.assertFalse(ranking.settled(result({"a": [1, 3, 1, 3], "b": [2, 1, 2, 1]})))

    def test_quantiles_are_nearest_ranks(self):
        self.assertEqual(verdict.quantile(range(1, 101), 0.99), 99)
        self.assertEqual(verdict.quantile([5], 0.99), 5)

    def test_figures_leave_out_the_warm_up_and_what_was_not_answered(self):
        self.assertEqual(ranking.figures([9e9, 2000, -1, 4000, 6000], 0.2), {"p99": 6, "mean": 4})

    def test_anchors_join_the_best(self):
        case = ranking.Case("c", "mix", 0.7, 10)
        simulated = {"p99": {name: [i + 1] for i, name in enumerate(("x", "round-robin", "y", "least-connections"))}}
        self.assertEqual(ranking.contestants(case, simulated), ["x", "round-robin", "y", "least-connections"])


class CallsOfTheSimulator(unittest.TestCase):
    def params(self, *call):
        made = json.loads(rig.request(7, *call))
        self.assertEqual((made["id"], made["method"]), (7, rig.METHODS[call[0]]))
        return made["params"]

    def test_each_call_names_its_time_last(self):
        for method in range(4):
            self.assertEqual(self.params(method, 1234, 6.0, 3.0, 0)[-1], {"work_us": 1234})
        self.assertEqual(self.params(1, 0, 6.0, 0.0, 0)[-1], {"work_us": 1})

    def test_sizes_do_not_tell_the_time(self):
        for method in range(4):
            sizes = {len(rig.request(7, method, us, 0.0, 0.0, 0)) for us in (1, 999, 123_456, 12_345_678)}
            self.assertEqual(len(sizes), 1)

    def test_params_are_as_large_as_in_the_simulator(self):
        for method in (0, 1, 3):
            text = rig.request(7, method, 1234, 6.0, 0.0, 0)
            size = len(text[text.index('"params":') + 9:-1])
            self.assertLessEqual(abs(math.log1p(size) - 6.0), 0.01)

    def test_logs_span_as_many_blocks(self):
        of = self.params(2, 1, 5.0, math.log1p(55), 0)[0]
        self.assertEqual((int(of["fromBlock"], 16), of["toBlock"]), (rig.HEAD - 55, "latest"))

    def test_old_state_is_asked_for_by_number(self):
        self.assertEqual(self.params(1, 1, 6.0, 0.0, 1)[1], rig.OLD)
        self.assertEqual(self.params(3, 1, 6.0, 0.0, 1)[1], rig.OLD)
        self.assertEqual(self.params(3, 1, 6.0, 0.0, 0)[1], "latest")


class Simulated(unittest.TestCase):
    def test_a_run_repeats_and_its_nodes_are_the_workloads(self):
        one, other = (rig.simulate("mix", 0.7, 500, 3, 1, 1, ["adaptive", "p2c"]) for _ in range(2))
        self.assertEqual(one, other)
        self.assertEqual(len(one["calls"]), 500)
        self.assertEqual(list(one["strategies"]), ["adaptive", "p2c"])
        self.assertEqual([node["slowness"] for node in one["nodes"][:2]], [[6, 1, 1, 1], [1, 6, 1, 1]])
        self.assertEqual(one["calls"], sorted(one["calls"], key=lambda call: call[0]))

    def test_calls_are_the_same_whoever_plays_them(self):
        one = rig.simulate("mix", 0.7, 300, 3, 1, 1, ["adaptive"])
        self.assertEqual(one["calls"], rig.simulate("mix", 0.7, 300, 3, 2, 1, ["round-robin"])["calls"])

    def test_a_scale_stretches_times_on_both_sides(self):
        one, four = (rig.simulate("slow", 0.1, 300, 3, 1, scale, ["adaptive"]) for scale in (1, 4))
        for a, b in zip(one["calls"], four["calls"]):
            self.assertAlmostEqual(b[0] / 4, a[0], delta=4)
            self.assertAlmostEqual(b[2] / 4, a[2], delta=1)
        # Not by four: what a strategy remembers is a matter of seconds.
        longer = four["strategies"]["adaptive"]["mean_ms"] / one["strategies"]["adaptive"]["mean_ms"]
        self.assertTrue(3 < longer < 5, longer)

    def test_unknown_words_are_refused(self):
        for words in (("no-such", 0.7, 10, 1, 1, 1, ["adaptive"]), ("mix", 0.7, 10, 1, 1, 1, ["no-such"]),
                      ("mix", 0, 10, 1, 1, 1, ["adaptive"]), ("mix", 0.7, 10, 1, 1, 1, [])):
            with self.assertRaises(SystemExit) as refused:
                rig.simulate(*words)
            self.assertIn("usage: sluice_sim rehearse", str(refused.exception))


if __name__ == "__main__":
    unittest.main()

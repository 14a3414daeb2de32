// SPDX-License-Identifier: Apache-2.0
#include "metrics/registry.hpp"

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <sys/wait.h>

#include "unit/metrics/metrics_fixture.hpp"

using namespace sluice::metrics;
using std::chrono::microseconds;
using std::chrono::seconds;

namespace {

/// The exit status of `promtool check metrics` over the page, with what it said; -1 when it is not
/// installed.
int promtool(const std::string& page, std::string& said) {
  if (std::system("command -v promtool >/dev/null 2>&1") != 0) return -1;
  std::array<char, 64> path{"/tmp/sluice-metrics-XXXXXX"};
  const int fd = ::mkstemp(path.data());
  REQUIRE(fd >= 0);
  std::FILE* file = ::fdopen(fd, "w");
  REQUIRE(file != nullptr);
  std::fwrite(page.data(), 1, page.size(), file);
  std::fclose(file);
  const std::string command = "promtool check metrics <" + std::string(path.data()) + " 2>&1";
  std::FILE* out = ::popen(command.c_str(), "r");
  REQUIRE(out != nullptr);
  std::array<char, 1024> piece{};
  while (std::fgets(piece.data(), piece.size(), out) != nullptr) said += piece.data();
  const int status = ::pclose(out);
  std::remove(path.data());
  return WEXITSTATUS(status);
}

}  // namespace

TEST_CASE("promtool has nothing to say about a full page") {
  Registry registry(2, test_sets());
  drive_every_probe(registry, registry.worker(0));
  drive_every_probe(registry, registry.control());
  (void)registry.chain("a \"quoted\"\\ chain\nwith a line feed");
  registry.worker(1).call_finished({}, 0, 0, microseconds(1), microseconds(1));
  registry.add_collector(collect_everything);
  std::string said;
  const int status = promtool(registry.render(), said);
  if (status == -1) WARN("promtool is not installed");
  INFO(said);
  CHECK(status <= 0);
  CHECK(said.empty());
}

TEST_CASE("each probe counts where it should, summed over the threads") {
  Registry registry(2, test_sets());
  for (WorkerMetrics* shard : {&registry.worker(0), &registry.worker(1), &registry.control()}) {
    drive_every_probe(registry, *shard);
  }
  registry.add_collector(collect_everything);
  const std::string page = registry.render();
  struct Row {
    const char* name;
    double want;
  };
  const std::string up = R"({chain="mainnet",upstream="node-a"})";
  const std::vector<Row> rows = {
      {R"(sluice_http_requests_total{code="200"})", 3},
      {R"(sluice_http_requests_total{code="201"})", -1},
      {R"(sluice_rejected_total{reason="too_large"})", 0},
      {R"(sluice_rejected_total{reason="bad_host"})", 3},
      {R"(sluice_client_connections{protocol="http"})", 3},
      {R"(sluice_client_connections{protocol="websocket"})", 0},
      {R"(sluice_calls_in_flight{chain="mainnet"})", 3},
      {R"(sluice_calls_total{chain="mainnet",method="eth_call",outcome="ok"})", 3},
      {R"(sluice_calls_total{chain="mainnet",method="eth_call",outcome="revert"})", -1},
      {R"(sluice_calls_total{chain="mainnet",method="other",outcome="ok"})", -1},
      {R"(sluice_call_duration_seconds_count{chain="mainnet",method="eth_call"})", 3},
      {R"(sluice_call_duration_seconds_count{chain="mainnet",method="other"})", -1},
      {R"(sluice_call_duration_seconds_sum{chain="mainnet",method="eth_call"})", 0.0021},
      {R"(sluice_call_duration_seconds_bucket{chain="mainnet",method="eth_call",le="0.0005"})", 0},
      {R"(sluice_call_duration_seconds_bucket{chain="mainnet",method="eth_call",le="0.001"})", 3},
      {R"(sluice_call_duration_seconds_bucket{chain="mainnet",method="eth_call",le="+Inf"})", 3},
      {R"(sluice_overhead_seconds_bucket{chain="mainnet",le="5e-05"})", 3},
      {R"(sluice_overhead_seconds_sum{chain="mainnet"})", 0.00006},
      {R"(sluice_client_calls_total{client="bot-a",outcome="ok"})", 3},
      {R"(sluice_client_calls_total{client="bot-a",outcome="revert"})", -1},
      {R"(sluice_queue_wait_seconds_count{chain="mainnet",priority="critical"})", 0},
      {R"(sluice_queue_wait_seconds_count{chain="mainnet",priority="normal"})", 3},
      {R"(sluice_queue_wait_seconds_bucket{chain="mainnet",priority="normal",le="0.0001"})", 3},
      {R"(sluice_queue_rejected_total{chain="mainnet",reason="full"})", 3},
      {R"(sluice_queue_rejected_total{chain="mainnet",reason="expired"})", 0},
      {R"(sluice_retries_total{chain="mainnet",reason="connect"})", 0},
      {R"(sluice_retries_total{chain="mainnet",reason="throttled"})", 3},
      {R"(sluice_upstream_attempts_total{chain="mainnet",upstream="node-a",outcome="ok"})", 3},
      {R"(sluice_upstream_attempts_total{chain="mainnet",upstream="node-a",outcome="connect"})", 0},
      {R"(sluice_upstream_attempt_duration_seconds_count{chain="mainnet",upstream="node-a"})", 3},
      {R"(sluice_pool_connections_created_total{chain="mainnet",upstream="node-a"})", 3},
      {R"(sluice_pool_connections_closed_total{chain="mainnet",upstream="node-a",reason="idle"})",
       0},
      {R"(sluice_pool_connections_closed_total{chain="mainnet",upstream="node-a",reason="error"})",
       3},
      {R"(sluice_upstream_throttled_total{chain="mainnet",upstream="node-a"})", 3},
      {R"(sluice_upstream_recoveries_total{chain="mainnet",upstream="node-a"})", 3},
      {R"(sluice_health_checks_total{chain="mainnet",upstream="node-a",outcome="ok"})", 3},
      {R"(sluice_health_checks_total{chain="mainnet",upstream="node-a",outcome="failed"})", 0},
      {R"(sluice_health_check_duration_seconds_bucket{chain="mainnet",upstream="node-a",le="0.001"})",
       3},
      {R"(sluice_upstream_state{chain="mainnet",upstream="node-a",state="up"})", 1},
      {R"(sluice_upstream_state{chain="mainnet",upstream="node-a",state="down"})", 0},
      {R"(sluice_upstream_health_score{chain="mainnet",upstream="node-a"})", 0.75},
      {R"(sluice_build_info{version="0.1.0",revision="abc",compiler="g++ 12"})", 1},
      {"sluice_config_last_reload_successful", 1},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(series(page, row.name) == Approx(row.want));
  }
  CHECK(series(page, "sluice_log_dropped_total") >= 0);
  CHECK(series(page, "process_resident_memory_bytes") > 0);
  CHECK(!has(page, "\"other\""));
}

TEST_CASE("every word of every set has a number of its own") {
  const LabelSets sets = test_sets();
  Registry registry(1, sets);
  WorkerMetrics& on = registry.worker(0);
  const ChainSlot chain = registry.chain("c");
  const UpstreamSlot upstream = registry.upstream(chain, "u");
  const ClientSlot client = registry.client("b");
  struct Probe {
    const std::vector<std::string>* words;
    std::function<void(std::size_t)> event;
    std::string before, after;  // the series' name around its word
  };
  const std::string of_chain = R"({chain="c",)", of_upstream = R"({chain="c",upstream="u",)";
  const sluice::Duration none{};
  const std::vector<Probe> probes = {
      {&sets.reject_reasons, [&](std::size_t i) { on.rejected(i); },
       "sluice_rejected_total{reason=\"", "\"}"},
      {&sets.protocols, [&](std::size_t i) { on.client_connections(i, 1); },
       "sluice_client_connections{protocol=\"", "\"}"},
      {&sets.methods, [&](std::size_t i) { on.call_finished(chain, i, 1, none, none); },
       "sluice_calls_total" + of_chain + "method=\"", "\",outcome=\"revert\"}"},
      {&sets.outcomes, [&](std::size_t i) { on.client_call(client, i); },
       "sluice_client_calls_total{client=\"b\",outcome=\"", "\"}"},
      {&sets.priorities, [&](std::size_t i) { on.queue_wait(chain, i, none); },
       "sluice_queue_wait_seconds_count" + of_chain + "priority=\"", "\"}"},
      {&sets.queue_reject_reasons, [&](std::size_t i) { on.queue_rejected(chain, i); },
       "sluice_queue_rejected_total" + of_chain + "reason=\"", "\"}"},
      {&sets.retry_reasons, [&](std::size_t i) { on.retry(chain, i); },
       "sluice_retries_total" + of_chain + "reason=\"", "\"}"},
      {&sets.hedge_outcomes, [&](std::size_t i) { on.hedge(chain, i); },
       "sluice_hedges_total" + of_chain + "outcome=\"", "\"}"},
      {&sets.affinity_outcomes, [&](std::size_t i) { on.affinity(chain, i); },
       "sluice_affinity_total" + of_chain + "outcome=\"", "\"}"},
      {&sets.attempt_outcomes, [&](std::size_t i) { on.attempt_finished(upstream, i, none); },
       "sluice_upstream_attempts_total" + of_upstream + "outcome=\"", "\"}"},
      {&sets.health_check_outcomes, [&](std::size_t i) { on.health_check(upstream, i, none); },
       "sluice_health_checks_total" + of_upstream + "outcome=\"", "\"}"},
      {&sets.batch_outcomes, [&](std::size_t i) { on.upstream_batch(upstream, i, 1); },
       "sluice_upstream_batches_total" + of_upstream + "outcome=\"", "\"}"},
      {&sets.warm_up_outcomes, [&](std::size_t i) { on.warmed_up(upstream, i); },
       "sluice_warmups_total" + of_upstream + "outcome=\"", "\"}"},
      {&sets.close_reasons, [&](std::size_t i) { on.connection_closed(upstream, i); },
       "sluice_pool_connections_closed_total" + of_upstream + "reason=\"", "\"}"},
  };
  // Each series gets a count that no other has.
  int times = 0;
  for (const Probe& probe : probes) {
    for (std::size_t i = 0; i < probe.words->size(); ++i) {
      ++times;
      for (int n = 0; n < times; ++n) probe.event(i);
    }
  }
  on.connection_created(upstream);
  const std::string page = registry.render();
  times = 0;
  for (const Probe& probe : probes) {
    for (const std::string& word : *probe.words) {
      CAPTURE(probe.before, word);
      CHECK(series(page, probe.before + word + probe.after) == ++times);
    }
  }
  const std::string bare = R"({chain="c",upstream="u"})";
  CHECK(series(page, "sluice_pool_connections_created_total" + bare) == 1);
  CHECK(series(page, "sluice_upstream_throttled_total" + bare) == 0);
  CHECK(series(page, "sluice_upstream_recoveries_total" + bare) == 0);
}

TEST_CASE("a name keeps its slot, and no slot has two names") {
  Registry registry(1, test_sets());
  const ChainSlot a = registry.chain("a");
  const ChainSlot b = registry.chain("b");
  CHECK(a.index != b.index);
  CHECK(registry.chain("a").index == a.index);
  const UpstreamSlot a_node = registry.upstream(a, "node");
  const UpstreamSlot b_node = registry.upstream(b, "node");
  CHECK(a_node.index != b_node.index);
  CHECK(registry.upstream(a, "node").index == a_node.index);
  CHECK(registry.client("a").index == registry.client("a").index);
  registry.worker(0).throttled(a_node);
  const std::string page = registry.render();
  CHECK(series(page, R"(sluice_upstream_throttled_total{chain="a",upstream="node"})") == 1);
  CHECK(series(page, R"(sluice_upstream_throttled_total{chain="b",upstream="node"})") == 0);
}

TEST_CASE("a default slot is 'other', shown once it counts or is asked for") {
  Registry registry(1, test_sets());
  CHECK(!has(registry.render(), "\"other\""));
  registry.worker(0).call_finished({}, 0, 0, microseconds(1), microseconds(1));
  registry.worker(0).throttled({});
  registry.worker(0).client_call({}, 0);
  std::string page = registry.render();
  CHECK(series(page, R"(sluice_upstream_throttled_total{chain="other",upstream="other"})") == 1);
  CHECK(series(page, R"(sluice_client_calls_total{client="other",outcome="ok"})") == 1);

  Registry named(1, test_sets());
  CHECK(named.chain("other").index == ChainSlot{}.index);
  page = named.render();
  CHECK(series(page, R"(sluice_calls_in_flight{chain="other"})") == 0);
}

TEST_CASE("names beyond the limit share 'other'") {
  LabelSets sets = test_sets();
  sets.outcomes = {"ok"};
  Registry registry(0, sets);
  for (std::size_t i = 1; i < BlockTable::kSlotsMax; ++i) {
    if (registry.client(std::to_string(i)).index != i) FAIL("slot of client " << i);
  }
  CHECK(registry.client("one too many").index == 0);
  CHECK(registry.client("65535").index == 65535);
}

TEST_CASE("a word or status beyond its set counts, and harms nothing") {
  Registry registry(1, test_sets());
  WorkerMetrics& on = registry.worker(0);
  const ChainSlot chain = registry.chain("c");
  const UpstreamSlot upstream = registry.upstream(chain, "u");
  for (const std::size_t far : {std::size_t{200}, SIZE_MAX}) {
    on.call_finished(chain, far, far, seconds(100), seconds(-1));
    on.rejected(far);
    on.queue_wait(chain, far, seconds(1));
    on.queue_rejected(chain, far);
    on.retry(chain, far);
    on.client_call(registry.client("x"), far);
    on.client_connections(far, 1);
    on.attempt_finished(upstream, far, seconds(1));
    on.connection_closed(upstream, far);
    on.health_check(upstream, far, seconds(1));
  }
  for (const int status : {-1, 0, 99, 600, 1 << 30}) on.http_request(status);
  const std::string page = registry.render();
  CHECK(series(page, R"(sluice_calls_total{chain="c",method="other",outcome="timeout"})") == 2);
  CHECK(series(page, R"(sluice_call_duration_seconds_bucket{chain="c",method="other",le="30"})") ==
        0);
  CHECK(series(page, R"(sluice_call_duration_seconds_count{chain="c",method="other"})") == 2);
  CHECK(series(page, R"(sluice_overhead_seconds_sum{chain="c"})") == 0);
  CHECK(series(page, R"(sluice_http_requests_total{code="599"})") == 5);
  CHECK(series(page, R"(sluice_retries_total{chain="c",reason="throttled"})") == 2);
}

TEST_CASE("gauges fall again, and may be raised and lowered on different threads") {
  Registry registry(2, test_sets());
  registry.worker(0).client_connections(1, 1);
  registry.worker(0).client_connections(1, 1);
  registry.worker(1).client_connections(1, -1);
  CHECK(series(registry.render(), R"(sluice_client_connections{protocol="websocket"})") == 1);
}

TEST_CASE("a collector cannot break the page") {
  Registry registry(1, test_sets());
  registry.add_collector([](Emitter& emit) {
    emit.gauge(MetricId::kChainHeadBlock, {"a"}, 1);
    emit.gauge(MetricId::kChainHeadBlock, {"b"}, 2);
    emit.gauge(MetricId::kChainHeadBlock, {"a"}, 3);       // twice
    emit.gauge(MetricId::kChainHeadBlock, {}, 4);          // a label short
    emit.gauge(MetricId::kChainHeadBlock, {"a", "b"}, 5);  // a label long
    emit.counter(MetricId::kChainHeadBlock, {"c"}, 6);     // wrong type
    emit.counter(MetricId::kRetries, {"a", "b"}, 7);       // fed by a probe
    emit.gauge(MetricId::kBuildInfo, {"v\"1\"", "r\\", "c\nd"}, 1);
  });
  const std::string page = registry.render();
  CHECK(series(page, R"(sluice_chain_head_block{chain="a"})") == 1);
  CHECK(series(page, R"(sluice_chain_head_block{chain="b"})") == 2);
  CHECK(!has(page, R"(sluice_chain_head_block{chain="c"})"));
  CHECK(!has(page, "sluice_retries_total"));
  CHECK(has(page, R"(sluice_build_info{version="v\"1\"",revision="r\\",compiler="c\nd"} 1)"));
}

TEST_CASE("an empty label set is refused at start") {
  LabelSets sets = test_sets();
  sets.retry_reasons.clear();
  CHECK_THROWS_AS(Registry(1, sets), std::invalid_argument);
  Registry registry(1, test_sets());
  CHECK_THROWS_AS(registry.worker(1), std::out_of_range);
}

TEST_CASE("scrapes and new names run beside workers, and counters never fall") {
  constexpr unsigned kWorkers = 2;
  constexpr int kCalls = 20'000;
  Registry registry(kWorkers, test_sets());
  const ChainSlot chain = registry.chain("c");
  std::vector<std::thread> threads;
  std::atomic<unsigned> running{kWorkers};
  for (unsigned w = 0; w < kWorkers; ++w) {
    threads.emplace_back([&registry, &running, chain, w] {
      WorkerMetrics& on = registry.worker(w);
      for (int i = 0; i < kCalls; ++i) {
        on.call_started(chain);
        on.call_finished(chain, 0, 0, microseconds(i), microseconds(1));
      }
      running.fetch_sub(1);
    });
  }
  double last = 0;
  int rounds = 0;
  while (running.load() > 0) {
    (void)registry.chain("new " + std::to_string(rounds++ % 300));
    const std::string page = registry.render();
    const double now = series(page, R"(sluice_overhead_seconds_count{chain="c"})");
    CHECK(now >= last);
    last = now;
  }
  for (std::thread& thread : threads) thread.join();
  const std::string page = registry.render();
  CHECK(series(page, R"(sluice_calls_total{chain="c",method="eth_call",outcome="ok"})") ==
        kWorkers * kCalls);
  CHECK(series(page, R"(sluice_calls_in_flight{chain="c"})") == 0);
}

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "ethereum/method_filter.hpp"
#include "jsonrpc/splitter.hpp"
#include "metrics/worker_metrics.hpp"
#include "policy/batching.hpp"
#include "policy/hedge.hpp"
#include "policy/queue.hpp"
#include "policy/retry.hpp"
#include "proxy/chain_queue.hpp"
#include "proxy/rate_gate.hpp"
#include "upstream/shared.hpp"

namespace sluice::proxy {

/// What all workers and the control thread share about one chain; lives on across reloads under the
/// chain's name.
struct ChainShared {
  ChainShared(const policy::WaitQueue::Options& options, std::size_t workers)
      : queue(options, workers) {}

  /// The bit by which waiting calls name this upstream: its own for as long as anybody holds it.
  /// Control thread only. When all are taken, after many reloads at once, two share one, which
  /// costs no more than wake-ups in vain.
  [[nodiscard]] std::uint32_t wait_slot(const std::shared_ptr<upstream::Shared>& upstream);

  /// The chain's best credible head, 0 while unknown.
  std::atomic<std::uint64_t> head{0};
  /// As configured, or learned from the first upstream that answered; 0 while unknown.
  std::atomic<std::uint64_t> chain_id{0};
  ChainQueue queue;

 private:
  std::array<std::weak_ptr<upstream::Shared>, policy::kUpstreamsMax> wait_slots_;
};

struct UpstreamSpec {
  std::string name;
  std::shared_ptr<upstream::Shared> shared;
  double weight = 1;
  std::uint32_t tier = 1;
  std::shared_ptr<RateGate> rate;
  /// Blocks behind the chain's head at which it is as good as any.
  std::uint64_t lag_prefer = 1;
  policy::BatchRule batch;
  metrics::UpstreamSlot slot;
  /// Names it in the chain's queue, the same in every snapshot.
  std::uint32_t wait_slot = 0;
  /// Stands for the upstream in the ids of its filters; its own within the chain.
  std::uint16_t filter_tag = 0;
};

/// Which upstreams of a chain may be asked a method by one client: a bit per upstream, by the
/// method's index.
struct MethodMask {
  std::vector<policy::UpstreamSet> by_method;
  /// For methods outside the table: one filter per upstream.
  std::vector<ethereum::MethodFilter> filters;
  [[nodiscard]] policy::UpstreamSet allowed(const ethereum::Method& method,
                                            std::string_view name) const;
};

/// The masks of one chain for all clients. Most clients have no rules of their own, and thousands
/// of them share one mask.
struct MethodMasks {
  std::vector<MethodMask> distinct;
  /// By client, the anonymous one first: its position in `distinct`.
  std::vector<std::uint32_t> by_client;
  [[nodiscard]] const MethodMask& of(std::size_t client) const noexcept {
    return distinct[by_client[client]];
  }
};

struct ChainSpec {
  std::string name;
  std::shared_ptr<ChainShared> shared;
  std::string strategy;
  policy::RetryPolicy retry;
  double retry_budget = 0.1;
  policy::HedgeOptions hedge;
  Duration queue_timeout = std::chrono::seconds(2);
  std::vector<UpstreamSpec> upstreams;
  std::shared_ptr<const MethodMasks> masks;
  metrics::ChainSlot slot;
};

struct ClientSpec {
  std::string name;
  std::array<unsigned char, 32> key_digest{};
  policy::Priority priority = policy::Priority::kNormal;
  std::shared_ptr<RateGate> rate;
  bool steer = false;
  bool debug = false;
  metrics::ClientSlot slot;
};

/// What bodies and replies take that are held by all workers together (limits.memory). Lives on
/// across reloads.
struct MemoryCeiling {
  std::atomic<std::uint64_t> used{0};
  std::atomic<std::uint64_t> max{std::uint64_t{1} << 30};

  [[nodiscard]] bool take(std::uint64_t bytes) noexcept {
    if (used.fetch_add(bytes, std::memory_order_relaxed) + bytes <=
        max.load(std::memory_order_relaxed))
      return true;
    give(bytes);
    return false;
  }
  void give(std::uint64_t bytes) noexcept { used.fetch_sub(bytes, std::memory_order_relaxed); }
};

enum class RetryAfter : std::uint8_t { kOff, kSeconds, kMilliseconds };

struct Limits {
  jsonrpc::Limits json;
  std::uint32_t batch_concurrency = 16;
  std::uint64_t response_max = 268435456;
  Duration call_timeout = std::chrono::seconds(30);
  Duration attempt_timeout = std::chrono::seconds(10);
  RetryAfter retry_after = RetryAfter::kOff;
  double access_sample = 0.01;
  Duration access_slow = std::chrono::seconds(1);
};

/// An immutable picture of what is served and how. Built and validated on the control thread,
/// posted to every worker; a call uses one for all its life. Upstreams and chains inside are shared
/// with earlier and later snapshots as long as their configuration stays the same.
struct Snapshot {
  std::vector<ChainSpec> chains;
  /// Index 0 is the anonymous client.
  std::vector<ClientSpec> clients;
  bool anonymous_allowed = true;
  /// Request paths (without a key), each with the index of its chain.
  std::map<std::string, std::size_t, std::less<>> paths;
  std::map<std::array<unsigned char, 32>, std::size_t> clients_by_key;
  std::shared_ptr<MemoryCeiling> memory = std::make_shared<MemoryCeiling>();
  Limits limits;
};

}  // namespace sluice::proxy

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/buckets.hpp"
#include "metrics/emitter.hpp"
#include "metrics/layout.hpp"
#include "metrics/worker_metrics.hpp"

namespace sluice::metrics {

struct Families;

/// All metrics of the process. Owned by the app from before the first worker starts until after the
/// last has ended; all of it is for the control thread, but for the WorkerMetrics, each of which is
/// for its own thread. Does not listen and knows no other module: labels come in as words, state
/// that lives elsewhere through collectors.
class Registry {
 public:
  /// Throws std::invalid_argument if one of the label sets is empty.
  Registry(unsigned workers, LabelSets sets);
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  /// The slot of a name, made when it is new. A slot is never given to another name, so counters
  /// live on across reloads. Beyond 65535 names of a kind, all further ones share the slot "other".
  [[nodiscard]] ChainSlot chain(std::string_view name);
  [[nodiscard]] UpstreamSlot upstream(ChainSlot chain, std::string_view name);
  [[nodiscard]] ClientSlot client(std::string_view name);

  /// `index` < workers.
  [[nodiscard]] WorkerMetrics& worker(unsigned index);
  /// The control thread's own, for health checks and refused connections.
  [[nodiscard]] WorkerMetrics& control();

  /// Sums over all workers of what one upstream, or chain, has counted since the process started.
  struct UpstreamTotals {
    std::array<std::uint64_t, kBuckets> durations{};  ///< attempts by how long they took
    std::vector<std::uint64_t> attempts;              ///< by LabelSets::attempt_outcomes
    std::uint64_t created = 0;                        ///< connections
    std::uint64_t closed = 0;
  };
  [[nodiscard]] UpstreamTotals totals(UpstreamSlot slot) const;
  struct ChainTotals {
    std::int64_t in_flight = 0;
    std::uint64_t queue_rejected = 0;
    std::uint64_t retries = 0;
  };
  [[nodiscard]] ChainTotals totals(ChainSlot slot) const;
  /// Open connections of clients, of all protocols.
  [[nodiscard]] std::int64_t client_connections() const;

  /// Called at each scrape, in the order of adding, until the Registry ends.
  void add_collector(std::function<void(Emitter&)> collector);

  /// The page for Prometheus, text format 0.0.4. What a collector throws comes out.
  [[nodiscard]] std::string render() const;

 private:
  class Scrape;
  using Key = std::pair<std::uint32_t, std::string>;
  /// Names of one kind, by slot. Slot 0 is "other": shown once something is counted there, or it is
  /// asked for by name.
  struct Names {
    std::map<Key, std::uint32_t, std::less<>> slots;
    std::vector<Key> by_slot;  // an upstream's chain, and the name
    bool other_named = false;
  };

  std::uint32_t slot(Names& names, BlockTable WorkerMetrics::* table, std::size_t cells,
                     std::uint32_t parent, std::string_view name);
  void add_slot(Names& names, BlockTable WorkerMetrics::* table, std::size_t cells, Key key);
  [[nodiscard]] std::vector<std::uint64_t> total(BlockTable WorkerMetrics::* table,
                                                 std::size_t slot, std::size_t cells) const;
  [[nodiscard]] std::uint64_t sum(BlockTable WorkerMetrics::* table, std::size_t slot,
                                  std::size_t first, std::size_t count) const;
  [[nodiscard]] std::vector<std::uint64_t> process_total() const;

  void collect_process(Families& out) const;
  void collect_chains(Families& out) const;
  void collect_methods(Families& out, std::string_view chain, const std::uint64_t* cells) const;
  void collect_upstreams(Families& out) const;
  void collect_clients(Families& out) const;

  LabelSets sets_;
  Layout layout_;
  std::vector<std::unique_ptr<WorkerMetrics>> shards_;  // the workers', then the control thread's
  Names chains_, upstreams_, clients_;
  std::vector<std::function<void(Emitter&)>> collectors_;
};

}  // namespace sluice::metrics

// SPDX-License-Identifier: Apache-2.0
#include "metrics/registry.hpp"

#include <algorithm>
#include <array>
#include <sstream>
#include <stdexcept>
#include <utility>

#include <prometheus/collectable.h>
#include <prometheus/text_serializer.h>

#include "base/log.hpp"
#include "metrics/families.hpp"
#include "metrics/process_stats.hpp"

namespace sluice::metrics {
namespace {

using Id = MetricId;

bool all_zero(const std::vector<std::uint64_t>& cells) noexcept {
  return std::all_of(cells.begin(), cells.end(), [](std::uint64_t n) { return n == 0; });
}

double as_double(std::uint64_t n) noexcept {
  return static_cast<double>(n);
}

/// One counter per word of a closed set; the word is the last label.
void counters(Families& out, Id id, std::vector<std::string_view> labels,
              const std::vector<std::string>& words, const std::uint64_t* cells, bool zeros) {
  labels.emplace_back();
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (cells[i] == 0 && !zeros) continue;
    labels.back() = words[i];
    out.counter(id, labels, as_double(cells[i]));
  }
}

void require_words(const LabelSets& sets) {
  for (const auto* words :
       {&sets.methods, &sets.outcomes, &sets.attempt_outcomes, &sets.reject_reasons,
        &sets.close_reasons, &sets.queue_reject_reasons, &sets.retry_reasons, &sets.hedge_outcomes,
        &sets.affinity_outcomes, &sets.priorities, &sets.protocols, &sets.health_check_outcomes}) {
    if (words->empty()) throw std::invalid_argument("metrics: a label set is empty");
  }
}

void collect_built_in(Families& out) {
  out.counter(Id::kLogDropped, {}, as_double(log::dropped()));
  if (const auto stats = read_process_stats()) {
    out.counter(Id::kProcessCpuSeconds, {}, stats->cpu_seconds);
    out.gauge(Id::kProcessOpenFds, {}, stats->open_fds);
    out.gauge(Id::kProcessMaxFds, {}, stats->max_fds);
    out.gauge(Id::kProcessResidentMemory, {}, stats->resident_bytes);
    out.gauge(Id::kProcessVirtualMemory, {}, stats->virtual_bytes);
    out.gauge(Id::kProcessStartTime, {}, stats->start_time);
  }
}

}  // namespace

/// What prometheus-cpp asks for the families of one scrape.
class Registry::Scrape final : public prometheus::Collectable {
 public:
  explicit Scrape(const Registry& registry) : registry_(registry) {}

  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override {
    Families families;
    registry_.collect_process(families);
    registry_.collect_chains(families);
    registry_.collect_upstreams(families);
    registry_.collect_clients(families);
    collect_built_in(families);
    Emitter emitter(families);
    for (const auto& collector : registry_.collectors_) collector(emitter);
    return families.take();
  }

 private:
  const Registry& registry_;
};

Registry::Registry(unsigned workers, LabelSets sets) : sets_(std::move(sets)), layout_(sets_) {
  require_words(sets_);
  for (unsigned i = 0; i <= workers; ++i) {
    shards_.push_back(std::make_unique<WorkerMetrics>(layout_));
  }
  add_slot(chains_, &WorkerMetrics::chains_, layout_.chain_cells, {0, "other"});
  add_slot(upstreams_, &WorkerMetrics::upstreams_, layout_.upstream_cells, {0, "other"});
  add_slot(clients_, &WorkerMetrics::clients_, layout_.client_cells, {0, "other"});
}

Registry::~Registry() = default;

void Registry::add_slot(Names& names, BlockTable WorkerMetrics::* table, std::size_t cells,
                        Key key) {
  const auto slot = static_cast<std::uint32_t>(names.by_slot.size());
  for (const auto& shard : shards_) ((*shard).*table).set(slot, make_cells(cells));
  names.slots.emplace(key, slot);
  names.by_slot.push_back(std::move(key));
}

std::uint32_t Registry::slot(Names& names, BlockTable WorkerMetrics::* table, std::size_t cells,
                             std::uint32_t parent, std::string_view name) {
  Key key{parent, std::string(name)};
  if (const auto found = names.slots.find(key); found != names.slots.end()) {
    if (found->second == 0) names.other_named = true;
    return found->second;
  }
  if (names.by_slot.size() == BlockTable::kSlotsMax) return 0;
  add_slot(names, table, cells, std::move(key));
  return static_cast<std::uint32_t>(names.by_slot.size() - 1);
}

ChainSlot Registry::chain(std::string_view name) {
  return {slot(chains_, &WorkerMetrics::chains_, layout_.chain_cells, 0, name)};
}

UpstreamSlot Registry::upstream(ChainSlot chain, std::string_view name) {
  return {slot(upstreams_, &WorkerMetrics::upstreams_, layout_.upstream_cells, chain.index, name)};
}

ClientSlot Registry::client(std::string_view name) {
  return {slot(clients_, &WorkerMetrics::clients_, layout_.client_cells, 0, name)};
}

WorkerMetrics& Registry::worker(unsigned index) {
  if (index + 1 >= shards_.size()) throw std::out_of_range("metrics: no such worker");
  return *shards_[index];
}

WorkerMetrics& Registry::control() {
  return *shards_.back();
}

void Registry::add_collector(std::function<void(Emitter&)> collector) {
  collectors_.push_back(std::move(collector));
}

std::string Registry::render() const {
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, Scrape(*this).Collect());
  return std::move(out).str();
}

std::vector<std::uint64_t> Registry::total(BlockTable WorkerMetrics::* table, std::size_t slot,
                                           std::size_t cells) const {
  std::vector<std::uint64_t> sums(cells);
  for (const auto& shard : shards_) {
    const Cell* const block = ((*shard).*table).at(slot);
    for (std::size_t i = 0; i < cells; ++i) sums[i] += block[i].get();
  }
  return sums;
}

std::vector<std::uint64_t> Registry::process_total() const {
  std::vector<std::uint64_t> sums(layout_.process_cells);
  for (const auto& shard : shards_) {
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += shard->process_[i].get();
  }
  return sums;
}

std::uint64_t Registry::sum(BlockTable WorkerMetrics::* table, std::size_t slot, std::size_t first,
                            std::size_t count) const {
  std::uint64_t sum = 0;
  for (const auto& shard : shards_) {
    const Cell* const block = ((*shard).*table).at(slot);
    for (std::size_t i = first; i < first + count; ++i) sum += block[i].get();
  }
  return sum;
}

Registry::UpstreamTotals Registry::totals(UpstreamSlot slot) const {
  const auto one = [&](std::size_t at, std::size_t count = 1) {
    return sum(&WorkerMetrics::upstreams_, slot.index, at, count);
  };
  UpstreamTotals totals;
  for (std::size_t i = 0; i < kBuckets; ++i)
    totals.durations[i] = one(layout_.upstream_duration + i);
  for (std::size_t i = 0; i < layout_.attempt_outcomes; ++i)
    totals.attempts.push_back(one(layout_.upstream_attempts + i));
  totals.created = one(layout_.upstream_created);
  totals.closed = one(layout_.upstream_closed, layout_.close_reasons);
  return totals;
}

Registry::ChainTotals Registry::totals(ChainSlot slot) const {
  // Only what is asked for: a chain's block holds a row for each method.
  const auto all = [&](std::size_t at, std::size_t count) {
    return sum(&WorkerMetrics::chains_, slot.index, at, count);
  };
  return {.in_flight = static_cast<std::int64_t>(all(layout_.chain_in_flight, 1)),
          .queue_rejected = all(layout_.chain_queue_rejected, layout_.queue_reject_reasons),
          .retries = all(layout_.chain_retries, layout_.retry_reasons)};
}

std::int64_t Registry::client_connections() const {
  const std::vector<std::uint64_t> cells = process_total();
  std::uint64_t open = 0;
  for (std::size_t i = 0; i < layout_.protocols; ++i) open += cells[layout_.process_protocols + i];
  return static_cast<std::int64_t>(open);
}

void Registry::collect_process(Families& out) const {
  const std::vector<std::uint64_t> cells = process_total();
  for (std::size_t code = Layout::kStatusMin; code <= Layout::kStatusMax; ++code) {
    const std::uint64_t n = cells[layout_.process_statuses + code - Layout::kStatusMin];
    const std::string word = std::to_string(code);
    const std::array<std::string_view, 1> labels{word};
    if (n != 0) out.counter(Id::kHttpRequests, labels, as_double(n));
  }
  counters(out, Id::kRejected, {}, sets_.reject_reasons, &cells[layout_.process_rejected], true);
  for (std::size_t i = 0; i < sets_.protocols.size(); ++i) {
    const std::array<std::string_view, 1> labels{sets_.protocols[i]};
    const auto open = static_cast<std::int64_t>(cells[layout_.process_protocols + i]);
    out.gauge(Id::kClientConnections, labels, static_cast<double>(open));
  }
}

void Registry::collect_chains(Families& out) const {
  for (std::size_t slot = 0; slot < chains_.by_slot.size(); ++slot) {
    const auto cells = total(&WorkerMetrics::chains_, slot, layout_.chain_cells);
    if (slot == 0 && !chains_.other_named && all_zero(cells)) continue;
    const std::string_view chain = chains_.by_slot[slot].second;
    const std::array<std::string_view, 1> labels{chain};
    const auto in_flight = static_cast<std::int64_t>(cells[layout_.chain_in_flight]);
    out.gauge(Id::kCallsInFlight, labels, static_cast<double>(in_flight));
    out.histogram(Id::kOverhead, labels, &cells[layout_.chain_overhead]);
    for (std::size_t i = 0; i < sets_.priorities.size(); ++i) {
      const std::array<std::string_view, 2> with_priority{chain, sets_.priorities[i]};
      out.histogram(Id::kQueueWait, with_priority,
                    &cells[layout_.chain_queue_wait + i * kHistogramCells]);
    }
    counters(out, Id::kQueueRejected, {chain}, sets_.queue_reject_reasons,
             &cells[layout_.chain_queue_rejected], true);
    counters(out, Id::kRetries, {chain}, sets_.retry_reasons, &cells[layout_.chain_retries], true);
    counters(out, Id::kHedges, {chain}, sets_.hedge_outcomes, &cells[layout_.chain_hedges], true);
    counters(out, Id::kAffinity, {chain}, sets_.affinity_outcomes, &cells[layout_.chain_affinity],
             true);
    collect_methods(out, chain, &cells[layout_.chain_methods]);
  }
}

/// A row per method, of which most are never called: only those with calls are shown.
void Registry::collect_methods(Families& out, std::string_view chain,
                               const std::uint64_t* cells) const {
  for (std::size_t i = 0; i < sets_.methods.size(); ++i) {
    const std::uint64_t* const row = cells + i * layout_.method_row;
    counters(out, Id::kCalls, {chain, sets_.methods[i]}, sets_.outcomes, row + kHistogramCells,
             false);
    if (std::all_of(row, row + kBuckets, [](std::uint64_t n) { return n == 0; })) continue;
    const std::array<std::string_view, 2> labels{chain, sets_.methods[i]};
    out.histogram(Id::kCallDuration, labels, row);
  }
}

void Registry::collect_upstreams(Families& out) const {
  for (std::size_t slot = 0; slot < upstreams_.by_slot.size(); ++slot) {
    const auto cells = total(&WorkerMetrics::upstreams_, slot, layout_.upstream_cells);
    if (slot == 0 && !upstreams_.other_named && all_zero(cells)) continue;
    const auto& [chain_slot, upstream] = upstreams_.by_slot[slot];
    const std::string_view chain = chains_.by_slot[chain_slot].second;
    const std::array<std::string_view, 2> labels{chain, upstream};
    out.histogram(Id::kUpstreamAttemptDuration, labels, &cells[layout_.upstream_duration]);
    out.histogram(Id::kHealthCheckDuration, labels, &cells[layout_.upstream_check_duration]);
    out.histogram(Id::kUpstreamOutage, labels, &cells[layout_.upstream_outage]);
    const auto one = [&](Id id, std::size_t at) { out.counter(id, labels, as_double(cells[at])); };
    one(Id::kUpstreamRecoveries, layout_.upstream_recovered);
    one(Id::kUpstreamThrottled, layout_.upstream_throttled);
    one(Id::kUpstreamBatchedCalls, layout_.upstream_batched_calls);
    counters(out, Id::kUpstreamBatches, {chain, upstream}, sets_.batch_outcomes,
             &cells[layout_.upstream_batches], true);
    one(Id::kPoolConnectionsCreated, layout_.upstream_created);
    counters(out, Id::kUpstreamAttempts, {chain, upstream}, sets_.attempt_outcomes,
             &cells[layout_.upstream_attempts], true);
    counters(out, Id::kHealthChecks, {chain, upstream}, sets_.health_check_outcomes,
             &cells[layout_.upstream_checks], true);
    counters(out, Id::kPoolConnectionsClosed, {chain, upstream}, sets_.close_reasons,
             &cells[layout_.upstream_closed], true);
    counters(out, Id::kWarmUps, {chain, upstream}, sets_.warm_up_outcomes,
             &cells[layout_.upstream_warm_ups], true);
  }
}

void Registry::collect_clients(Families& out) const {
  for (std::size_t slot = 0; slot < clients_.by_slot.size(); ++slot) {
    const auto cells = total(&WorkerMetrics::clients_, slot, layout_.client_cells);
    counters(out, Id::kClientCalls, {clients_.by_slot[slot].second}, sets_.outcomes, cells.data(),
             false);
  }
}

}  // namespace sluice::metrics

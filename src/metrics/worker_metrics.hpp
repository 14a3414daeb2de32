// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/clock.hpp"
#include "metrics/cells.hpp"
#include "metrics/layout.hpp"

namespace sluice::metrics {

/// A name's place in every thread's blocks; got from the Registry, valid for the life of the
/// process. The default is the place "other", which is always there.
struct ChainSlot {
  std::uint32_t index = 0;
};
struct UpstreamSlot {
  std::uint32_t index = 0;
};
struct ClientSlot {
  std::uint32_t index = 0;
};

/// The probes: one function per event, a few loads and stores each. One instance per thread, owned
/// by the Registry; only that thread calls it. Words (outcomes, reasons, …) are positions in the
/// LabelSets.
class WorkerMetrics {
 public:
  explicit WorkerMetrics(const Layout& layout);
  WorkerMetrics(const WorkerMetrics&) = delete;
  WorkerMetrics& operator=(const WorkerMetrics&) = delete;

  void http_request(int status) noexcept {
    const bool known = status >= static_cast<int>(Layout::kStatusMin) &&
                       status <= static_cast<int>(Layout::kStatusMax);
    const std::size_t code = known ? static_cast<std::size_t>(status) : Layout::kStatusMax;
    process_[layout_.process_statuses + code - Layout::kStatusMin].add(1);
  }
  void rejected(std::size_t reason) noexcept {
    process_[layout_.process_rejected + within(reason, layout_.reject_reasons)].add(1);
  }
  /// +1 when a client's connection opens, -1 when it closes, on the same thread.
  void client_connections(std::size_t protocol, int change) noexcept {
    process_[layout_.process_protocols + within(protocol, layout_.protocols)].change(change);
  }

  void call_started(ChainSlot chain) noexcept {
    chains_.at(chain.index)[layout_.chain_in_flight].change(1);
  }
  /// On the thread that called call_started. `overhead` is the part of `total` not spent waiting on
  /// upstreams.
  void call_finished(ChainSlot chain, std::size_t method, std::size_t outcome, Duration total,
                     Duration overhead) noexcept {
    Cell* const cells = chains_.at(chain.index);
    Cell* const row =
        cells + layout_.chain_methods + within(method, layout_.methods) * layout_.method_row;
    row[kHistogramCells + within(outcome, layout_.outcomes)].add(1);
    record(row, total);
    record(cells + layout_.chain_overhead, overhead);
    cells[layout_.chain_in_flight].change(-1);
  }
  void client_call(ClientSlot client, std::size_t outcome) noexcept {
    clients_.at(client.index)[within(outcome, layout_.outcomes)].add(1);
  }

  /// For calls that waited, served or not.
  void queue_wait(ChainSlot chain, std::size_t priority, Duration wait) noexcept {
    record(chains_.at(chain.index) + layout_.chain_queue_wait +
               within(priority, layout_.priorities) * kHistogramCells,
           wait);
  }
  void queue_rejected(ChainSlot chain, std::size_t reason) noexcept {
    chains_
        .at(chain
                .index)[layout_.chain_queue_rejected + within(reason, layout_.queue_reject_reasons)]
        .add(1);
  }
  void retry(ChainSlot chain, std::size_t reason) noexcept {
    chains_.at(chain.index)[layout_.chain_retries + within(reason, layout_.retry_reasons)].add(1);
  }
  void hedge(ChainSlot chain, std::size_t outcome) noexcept {
    chains_.at(chain.index)[layout_.chain_hedges + within(outcome, layout_.hedge_outcomes)].add(1);
  }
  void affinity(ChainSlot chain, std::size_t outcome) noexcept {
    chains_.at(chain.index)[layout_.chain_affinity + within(outcome, layout_.affinity_outcomes)]
        .add(1);
  }

  void attempt_finished(UpstreamSlot upstream, std::size_t outcome, Duration took) noexcept {
    Cell* const cells = upstreams_.at(upstream.index);
    cells[layout_.upstream_attempts + within(outcome, layout_.attempt_outcomes)].add(1);
    record(cells + layout_.upstream_duration, took);
  }
  void connection_created(UpstreamSlot upstream) noexcept {
    upstreams_.at(upstream.index)[layout_.upstream_created].add(1);
  }
  void connection_closed(UpstreamSlot upstream, std::size_t reason) noexcept {
    upstreams_.at(upstream.index)[layout_.upstream_closed + within(reason, layout_.close_reasons)]
        .add(1);
  }
  void throttled(UpstreamSlot upstream) noexcept {
    upstreams_.at(upstream.index)[layout_.upstream_throttled].add(1);
  }
  /// Of so many calls, each of which is an attempt of its own as well.
  void upstream_batch(UpstreamSlot upstream, std::size_t outcome, std::size_t calls) noexcept {
    Cell* const cells = upstreams_.at(upstream.index);
    cells[layout_.upstream_batches + within(outcome, layout_.batch_outcomes)].add(1);
    cells[layout_.upstream_batched_calls].add(calls);
  }
  /// A connection was made ready before calls came, or could not be.
  void warmed_up(UpstreamSlot upstream, std::size_t outcome) noexcept {
    upstreams_
        .at(upstream.index)[layout_.upstream_warm_ups + within(outcome, layout_.warm_up_outcomes)]
        .add(1);
  }
  /// `out`: for how long it was away; zero when it was not.
  void recovered(UpstreamSlot upstream, Duration out) noexcept {
    Cell* const cells = upstreams_.at(upstream.index);
    cells[layout_.upstream_recovered].add(1);
    if (out > Duration::zero()) record(cells + layout_.upstream_outage, out);
  }
  void health_check(UpstreamSlot upstream, std::size_t outcome, Duration took) noexcept {
    Cell* const cells = upstreams_.at(upstream.index);
    cells[layout_.upstream_checks + within(outcome, layout_.health_check_outcomes)].add(1);
    record(cells + layout_.upstream_check_duration, took);
  }

 private:
  friend class Registry;

  static std::size_t within(std::size_t position, std::size_t size) noexcept {
    return std::min(position, size - 1);
  }

  const Layout layout_;
  CellBlock process_;
  BlockTable chains_, upstreams_, clients_;
};

}  // namespace sluice::metrics

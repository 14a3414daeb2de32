// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "metrics/cells.hpp"

namespace sluice::metrics {

/// The words of every label whose set is closed, handed in at start so that this module needs no
/// other's enums: a probe is given the position of the word. A position beyond the set counts under
/// its last word. None may be empty.
struct LabelSets {
  std::vector<std::string> methods;   ///< by the method table's index; the last is "other"
  std::vector<std::string> outcomes;  ///< of calls
  std::vector<std::string> attempt_outcomes;
  std::vector<std::string> reject_reasons;
  std::vector<std::string> close_reasons;  ///< of connections to upstreams
  std::vector<std::string> queue_reject_reasons;
  std::vector<std::string> retry_reasons;
  std::vector<std::string> hedge_outcomes;
  std::vector<std::string> affinity_outcomes;
  std::vector<std::string> priorities;
  std::vector<std::string> protocols;  ///< of client connections
  std::vector<std::string> health_check_outcomes;
  std::vector<std::string> batch_outcomes;  ///< of batches sent to upstreams
  std::vector<std::string> warm_up_outcomes;
};

/// Where in a block of cells each number is; fixed for the life of the process. What one event
/// writes lies together.
struct Layout {
  explicit Layout(const LabelSets& sets)
      : methods(sets.methods.size()),
        outcomes(sets.outcomes.size()),
        attempt_outcomes(sets.attempt_outcomes.size()),
        reject_reasons(sets.reject_reasons.size()),
        close_reasons(sets.close_reasons.size()),
        queue_reject_reasons(sets.queue_reject_reasons.size()),
        retry_reasons(sets.retry_reasons.size()),
        hedge_outcomes(sets.hedge_outcomes.size()),
        affinity_outcomes(sets.affinity_outcomes.size()),
        priorities(sets.priorities.size()),
        protocols(sets.protocols.size()),
        health_check_outcomes(sets.health_check_outcomes.size()),
        batch_outcomes(sets.batch_outcomes.size()),
        warm_up_outcomes(sets.warm_up_outcomes.size()) {}

  /// Statuses 100 to 599; any other counts as 599, which nobody sends.
  static constexpr std::size_t kStatusMin = 100, kStatusMax = 599;

  std::size_t methods, outcomes, attempt_outcomes, reject_reasons, close_reasons,
      queue_reject_reasons, retry_reasons, hedge_outcomes, affinity_outcomes, priorities, protocols,
      health_check_outcomes, batch_outcomes, warm_up_outcomes;

  // The block of the whole process.
  std::size_t process_statuses = 0;
  std::size_t process_rejected = process_statuses + (kStatusMax - kStatusMin + 1);
  std::size_t process_protocols = process_rejected + reject_reasons;
  std::size_t process_cells = process_protocols + protocols;

  // A chain's block: what each call touches, then what some do, then a row per method.
  std::size_t chain_in_flight =
      kHistogramCells - 1;  // in the spare cells of the histogram's last line
  std::size_t chain_overhead = 0;
  std::size_t chain_queue_wait = kHistogramCells;
  std::size_t chain_queue_rejected = chain_queue_wait + priorities * kHistogramCells;
  std::size_t chain_retries = chain_queue_rejected + queue_reject_reasons;
  std::size_t chain_hedges = chain_retries + retry_reasons;
  std::size_t chain_affinity = chain_hedges + hedge_outcomes;
  std::size_t chain_methods = whole_lines(chain_affinity + affinity_outcomes);
  std::size_t method_row = kHistogramCells + whole_lines(outcomes);  // duration, then outcomes
  std::size_t chain_cells = chain_methods + methods * method_row;

  // An upstream's block.
  std::size_t upstream_duration = 0;
  std::size_t upstream_attempts = kHistogramCells;
  std::size_t upstream_check_duration = whole_lines(upstream_attempts + attempt_outcomes);
  std::size_t upstream_outage = upstream_check_duration + kHistogramCells;
  std::size_t upstream_checks = upstream_outage + kHistogramCells;
  std::size_t upstream_closed = upstream_checks + health_check_outcomes;
  std::size_t upstream_created = upstream_closed + close_reasons;
  std::size_t upstream_throttled = upstream_created + 1;
  std::size_t upstream_recovered = upstream_throttled + 1;
  std::size_t upstream_batches = upstream_recovered + 1;
  std::size_t upstream_batched_calls = upstream_batches + batch_outcomes;
  std::size_t upstream_warm_ups = upstream_batched_calls + 1;
  std::size_t upstream_cells = upstream_warm_ups + warm_up_outcomes;

  // A client's block is its outcomes.
  std::size_t client_cells = outcomes;
};
static_assert(kHistogramCells > kBuckets + 1, "the spare cell of a histogram is in use");

}  // namespace sluice::metrics

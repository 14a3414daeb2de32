// SPDX-License-Identifier: Apache-2.0
#include "app/words.hpp"

#include "ethereum/method.hpp"
#include "ethereum/outcome.hpp"
#include "health/prober.hpp"
#include "http/reject.hpp"
#include "proxy/words.hpp"
#include "upstream/connection.hpp"

namespace sluice::app {

metrics::LabelSets label_sets() {
  metrics::LabelSets sets;
  for (const auto& method : ethereum::methods()) sets.methods.emplace_back(method.name);
  for (const auto word : proxy::kCallOutcomeWords) sets.outcomes.emplace_back(word);
  for (std::size_t i = 0; i < ethereum::kOutcomes; ++i) {
    sets.attempt_outcomes.emplace_back(ethereum::action(static_cast<ethereum::Outcome>(i)).word);
  }
  for (std::size_t i = 0; i < proxy::kFailureKinds; ++i) {
    std::string failure(word(static_cast<upstream::Failure::Kind>(i)));
    // A node may say that it timed out, or simply not answer: two things.
    for (const auto& known : sets.attempt_outcomes) {
      if (known == failure) {
        failure = "transport_" + failure;
        break;
      }
    }
    sets.attempt_outcomes.push_back(failure);
  }
  sets.attempt_outcomes.emplace_back("cancelled");
  for (const auto& row : http::reject_rows()) sets.reject_reasons.emplace_back(row.reason);
  for (const auto word : proxy::kRejectWords) {
    bool known = false;
    for (const auto& reason : sets.reject_reasons) known = known || reason == word;
    if (!known) sets.reject_reasons.emplace_back(word);
  }
  for (std::size_t i = 0; i < static_cast<std::size_t>(upstream::CloseReason::kCount); ++i) {
    sets.close_reasons.emplace_back(word(static_cast<upstream::CloseReason>(i)));
  }
  for (const auto word : proxy::kQueueRejectWords) sets.queue_reject_reasons.emplace_back(word);
  for (const auto word : proxy::kRetryReasonWords) sets.retry_reasons.emplace_back(word);
  for (const auto word : proxy::kHedgeOutcomeWords) sets.hedge_outcomes.emplace_back(word);
  for (const auto word : proxy::kAffinityWords) sets.affinity_outcomes.emplace_back(word);
  sets.priorities = {"critical", "high", "normal", "low"};
  sets.protocols = {"http", "websocket"};
  for (std::size_t i = 0; i < static_cast<std::size_t>(health::ProbeOutcome::kCount); ++i) {
    sets.health_check_outcomes.emplace_back(health::word(static_cast<health::ProbeOutcome>(i)));
  }
  sets.warm_up_outcomes = {"ok", "failed"};
  for (const auto word : proxy::kBatchOutcomeWords) sets.batch_outcomes.emplace_back(word);
  return sets;
}

const std::unordered_map<std::string_view, std::size_t>& reject_positions() {
  static const metrics::LabelSets sets = label_sets();
  static const std::unordered_map<std::string_view, std::size_t> positions = [] {
    std::unordered_map<std::string_view, std::size_t> map;
    for (std::size_t i = 0; i < sets.reject_reasons.size(); ++i)
      map.emplace(sets.reject_reasons[i], i);
    return map;
  }();
  return positions;
}

}  // namespace sluice::app

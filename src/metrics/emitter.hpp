// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <initializer_list>
#include <span>
#include <string_view>

#include "metrics/metric_table.hpp"

namespace sluice::metrics {

struct Families;

/// Label values in the order of the metric's row.
using Labels = std::initializer_list<std::string_view>;

/// What a collector writes its samples to; lives for one scrape. Only metrics whose row says
/// kCollector are taken, with as many values as the row has labels; of two samples with the same
/// labels the first stands, since Prometheus would refuse the whole page over the second.
class Emitter {
 public:
  explicit Emitter(Families& families) : families_(families) {}

  void gauge(MetricId id, Labels labels, double value);
  /// `value` is the count since the process started.
  void counter(MetricId id, Labels labels, double value);
  /// A series per state, 1 for `states[current]` and 0 for the others; the state is the metric's
  /// last label, `labels` are those before it. A `current` beyond the end leaves all at 0.
  void one_hot(MetricId id, Labels labels, std::span<const std::string_view> states,
               std::size_t current);

 private:
  Families& families_;
};

}  // namespace sluice::metrics

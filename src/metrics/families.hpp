// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include <prometheus/metric_family.h>

#include "metrics/metric_table.hpp"

namespace sluice::metrics {

/// One scrape being put together: a family per row of the table. Internal to the module, as is
/// prometheus-cpp.
struct Families {
  Families();

  void counter(MetricId id, std::span<const std::string_view> labels, double value);
  void gauge(MetricId id, std::span<const std::string_view> labels, double value);
  /// `cells` are kBuckets counts and the sum in nanoseconds. Count and buckets come from one
  /// reading, so they agree.
  void histogram(MetricId id, std::span<const std::string_view> labels, const std::uint64_t* cells);

  /// In the table's order, without families that have no series.
  [[nodiscard]] std::vector<prometheus::MetricFamily> take();

 private:
  prometheus::ClientMetric& add(MetricId id, std::span<const std::string_view> labels);

  std::array<prometheus::MetricFamily, kMetricCount> families_;
};

}  // namespace sluice::metrics

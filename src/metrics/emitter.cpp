// SPDX-License-Identifier: Apache-2.0
#include "metrics/emitter.hpp"

#include <set>
#include <string>
#include <utility>

#include "metrics/buckets.hpp"
#include "metrics/families.hpp"

namespace sluice::metrics {
namespace {

prometheus::MetricType exposed_type(MetricType type) noexcept {
  switch (type) {
    case MetricType::kCounter:
      return prometheus::MetricType::Counter;
    case MetricType::kGauge:
      return prometheus::MetricType::Gauge;
    case MetricType::kHistogram:
      break;
  }
  return prometheus::MetricType::Histogram;
}

bool takes(MetricId id, MetricType type, std::size_t labels) noexcept {
  const Metric& row = metric(id);
  return row.probe == kCollector && row.type == type && row.labels().size() == labels;
}

void drop_repeats(std::vector<prometheus::ClientMetric>& series) {
  std::set<std::vector<prometheus::ClientMetric::Label>> seen;
  std::erase_if(series, [&](const auto& one) { return !seen.insert(one.label).second; });
}

}  // namespace

void Emitter::gauge(MetricId id, Labels labels, double value) {
  if (takes(id, MetricType::kGauge, labels.size())) families_.gauge(id, labels, value);
}

void Emitter::counter(MetricId id, Labels labels, double value) {
  if (takes(id, MetricType::kCounter, labels.size())) families_.counter(id, labels, value);
}

void Emitter::one_hot(MetricId id, Labels labels, std::span<const std::string_view> states,
                      std::size_t current) {
  if (!takes(id, MetricType::kGauge, labels.size() + 1)) return;
  std::vector<std::string_view> values(labels);
  values.emplace_back();
  for (std::size_t i = 0; i < states.size(); ++i) {
    values.back() = states[i];
    families_.gauge(id, values, i == current ? 1 : 0);
  }
}

Families::Families() {
  for (const Metric& row : metric_table()) {
    prometheus::MetricFamily& family = families_.at(static_cast<std::size_t>(row.id));
    family.name = row.full_name();
    family.help = row.help;
    family.type = exposed_type(row.type);
  }
}

prometheus::ClientMetric& Families::add(MetricId id, std::span<const std::string_view> labels) {
  prometheus::ClientMetric& series =
      families_.at(static_cast<std::size_t>(id)).metric.emplace_back();
  const std::span<const std::string_view> names = metric(id).labels();
  series.label.reserve(names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    series.label.push_back({std::string(names[i]), std::string(labels[i])});
  }
  return series;
}

void Families::counter(MetricId id, std::span<const std::string_view> labels, double value) {
  add(id, labels).counter.value = value;
}

void Families::gauge(MetricId id, std::span<const std::string_view> labels, double value) {
  add(id, labels).gauge.value = value;
}

void Families::histogram(MetricId id, std::span<const std::string_view> labels,
                         const std::uint64_t* cells) {
  prometheus::ClientMetric::Histogram& out = add(id, labels).histogram;
  out.bucket.reserve(kBuckets);
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < kBoundsNs.size(); ++i) {
    below += cells[i];
    out.bucket.push_back({below, static_cast<double>(kBoundsNs.at(i)) / 1e9});
  }
  out.sample_count = below + cells[kBoundsNs.size()];
  out.sample_sum = static_cast<double>(cells[kBuckets]) / 1e9;
}

std::vector<prometheus::MetricFamily> Families::take() {
  std::vector<prometheus::MetricFamily> out;
  for (const Metric& row : metric_table()) {
    prometheus::MetricFamily& family = families_.at(static_cast<std::size_t>(row.id));
    if (family.metric.empty()) continue;
    if (row.probe == kCollector) drop_repeats(family.metric);
    out.push_back(std::move(family));
  }
  return out;
}

}  // namespace sluice::metrics

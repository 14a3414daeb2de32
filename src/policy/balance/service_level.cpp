// SPDX-License-Identifier: Apache-2.0
#include "policy/balance/service_level.hpp"

#include <algorithm>
#include <cmath>

namespace sluice::policy {

Tuning g_tuning;

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

float seconds_since(std::int64_t then_ns, std::int64_t now_ns) noexcept {
  return static_cast<float>(std::max<std::int64_t>(now_ns - then_ns, 0)) * 1e-9F;
}

/// Variance of a sample's logarithm from the mean size of deviations, as of a normal one.
float variance_of(float mean_size) noexcept {
  const float sigma = std::max(1.25F * mean_size, g_tuning.sigma_min);
  return sigma * sigma;
}

}  // namespace

void learn_service(UpstreamStats::Class& cell, float log_s, float share,
                   std::int64_t now_ns) noexcept {
  auto [mean, samples] = cell.level.load();
  auto [drift, size] = cell.drift.load();
  const float gap = seconds_since(cell.seen_ns.load(kRelaxed), now_ns);
  cell.seen_ns.store(now_ns, kRelaxed);
  if (samples <= 0.0F) {
    cell.level.store({log_s, share});
    cell.drift.store({0.0F, 0.8F});
    return;
  }
  const float gain = g_tuning.drift_gain * share;
  const float off = std::clamp(log_s - mean, -3.0F, 3.0F);
  drift += gain * (off - drift);
  size += gain * (std::fabs(off) - size);
  samples = std::min(samples / (1.0F + gap / kMemorySeconds), g_tuning.samples_max);
  // All on one side: the node has changed.
  if (std::fabs(drift) > g_tuning.surprise * size)
    samples = std::min(samples, g_tuning.forget_to);
  samples += share;
  mean += (log_s - mean) * share / samples;
  cell.level.store({mean, samples});
  cell.drift.store({drift, size});
}

void learn_failure(UpstreamStats::Class& cell, float failed) noexcept {
  constexpr float kRemembered = 32.0F;
  auto [share, samples] = cell.failures.load();
  if (failed <= 0.0F && share < 1e-4F) return;
  samples = std::min(samples + 1.0F, kRemembered);
  // As if one call had gone well before: a single failure is not the whole truth.
  share += (failed - share) / (samples + 1.0F);
  cell.failures.store({share, samples});
}

void PeerView::compare(std::int64_t now_ns) noexcept {
  if (totals_.empty()) {
    totals_.resize(peers_.size());
    deviations_.resize(peers_.size());
  }
  for (std::size_t i = 0; i < totals_.size(); ++i) {
    totals_[i] = {};
    for (const Deviation& each : deviations_[i]) {
      totals_[i].sum += each.sum;
      totals_[i].weight += each.weight;
    }
  }
  for (std::size_t klass = 0; klass < kStatClasses; ++klass) compare(klass, now_ns);
  for (std::size_t klass = 0; klass < kStatClasses; ++klass) {
    if (!usual_[klass].known) continue;
    for (std::uint32_t i = 0; i < peers_.size(); ++i) {
      if (peers_[i] != nullptr) expect(i, klass, now_ns);
    }
  }
}

/// DerSimonian and Laird's moments: how much of the spread among the peers is more than the noise
/// of each.
void PeerView::compare(std::size_t klass, std::int64_t now_ns) noexcept {
  Usual& usual = usual_[klass];
  float weights = 0.0F;
  float squares = 0.0F;
  float sum = 0.0F;
  float spread = 0.0F;
  float within = 0.0F;
  float known = 0.0F;
  for (const UpstreamStats* peer : peers_) {
    if (peer == nullptr) continue;
    const UpstreamStats::Class& cell = peer->classes[klass];
    const auto [mean, samples] = cell.level.load();
    if (samples <= 0.0F) continue;
    const float gap = seconds_since(cell.seen_ns.load(kRelaxed), now_ns);
    const float worth = samples * std::exp(-gap / static_cast<float>(g_tuning.idle_tau));
    const float variance = variance_of(cell.drift.load().second);
    const float weight = worth / variance;
    weights += weight;
    squares += weight * weight;
    sum += weight * mean;
    spread += weight * mean * mean;
    within += variance;
    known += 1.0F;
  }
  if (known <= 0.0F || weights <= 0.0F) return;
  // With weights that account for the spread found last time, as one of many samples is not to
  // stand for all.
  float mean = 0.0F;
  float total = 0.0F;
  for (const UpstreamStats* peer : peers_) {
    if (peer == nullptr) continue;
    const UpstreamStats::Class& cell = peer->classes[klass];
    const auto [own, samples] = cell.level.load();
    if (samples <= 0.0F) continue;
    const float weight = 1.0F / (usual.between + variance_of(cell.drift.load().second) / samples);
    mean += weight * own;
    total += weight;
  }
  const float excess = spread - sum * sum / weights - (known - 1.0F);
  const float scale = weights - squares / weights;
  usual.between = scale > 0.0F ? std::max(0.0F, excess / scale) : 0.0F;
  usual.within = within / known;
  usual.log_s = mean / total;
  usual.seconds = std::exp(usual.log_s);
  usual.known = true;
}

float PeerView::factor_without(std::uint32_t index, std::size_t klass) const noexcept {
  if (index >= totals_.size()) return 0.0F;
  const Deviation& own = deviations_[index][klass];
  constexpr float kDoubt = 20.0F;
  return (totals_[index].sum - own.sum) / (totals_[index].weight - own.weight + kDoubt);
}

void PeerView::expect(std::uint32_t index, std::size_t klass, std::int64_t now_ns) noexcept {
  UpstreamStats::Class& cell = peers_[index]->classes[klass];
  const Usual& usual = usual_[klass];
  const auto [own, samples] = cell.level.load();
  const float variance = samples > 0.0F ? variance_of(cell.drift.load().second) : usual.within;
  float worth = samples;
  const float gap = seconds_since(cell.seen_ns.load(kRelaxed), now_ns);
  if (gap > 0.1F) worth *= std::exp(-gap / static_cast<float>(g_tuning.idle_tau));
  const float prior = usual.known ? usual.log_s + factor_without(index, klass) : own;
  const float believed =
      samples <= 0.0F ? 0.0F
      : g_tuning.pool > 0 && usual.known
          ? usual.between * worth / (usual.between * worth + variance)
          : worth / (worth + 0.01F);
  const float log_s = prior + (own - prior) * believed;
  const float seconds = std::exp(log_s);
  auto [failing, counted] = cell.failures.load();
  float extra = 0.0F;
  if (failing > 1e-4F) {
    failing *= std::exp(-gap / kMemorySeconds);
    const float p90 =
        usual.seconds * std::exp(1.28F * std::sqrt(usual.within));
    extra = (seconds + g_tuning.error_cost * p90) * failing / (1.02F - std::min(failing, 1.0F));
  }
  cell.expected.store({seconds, extra});
  if (index >= deviations_.size() || !usual.known) return;
  // Without what was inherited from the other classes, or they would talk each other up.
  const Deviation next{(own - usual.log_s) * believed * worth, worth};
  Deviation& mine = deviations_[index][klass];
  totals_[index].sum += next.sum - mine.sum;
  totals_[index].weight += next.weight - mine.weight;
  mine = next;
}

}  // namespace sluice::policy

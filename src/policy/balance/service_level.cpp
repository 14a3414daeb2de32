// SPDX-License-Identifier: Apache-2.0
#include "policy/balance/service_level.hpp"

#include <algorithm>
#include <cmath>

namespace sluice::policy {

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr float kFailureMemorySeconds = 10.0F;
/// How long what is known stays worth something when no call confirms it.
constexpr float kIdleMemorySeconds = 60.0F;
/// Deviations of a short mean that are no chance any more.
constexpr float kSurprise = 3.5F;
/// A shorter memory is to be better by so much, as its errors are no less a matter of luck.
constexpr float kShorterMargin = 0.05F;
/// Of the logarithm of how many calls a node works on, per call.
constexpr float kParallelGain = 0.08F;
/// An error costs its class's ninth decile so many times.
constexpr float kErrorCost = 10.0F;
/// A sample this far off counts as no further.
constexpr float kOffMost = 1.0F;

float seconds_since(std::int64_t then_ns, std::int64_t now_ns) noexcept {
  return static_cast<float>(std::max<std::int64_t>(now_ns - then_ns, 0)) * 1e-9F;
}

/// Calls that what is known stands for, faded with the time since the last.
float worth_of(const UpstreamStats::Class& cell, float calls, std::int64_t now_ns) noexcept {
  const float gap = seconds_since(cell.seen_ns.load(kRelaxed), now_ns);
  return gap < 0.1F ? calls : calls * std::exp(-gap / kIdleMemorySeconds);
}

float root_in(const UpstreamStats::Class& cell, std::size_t memory) noexcept {
  if (memory == 2) return cell.slow.load().first;
  const auto [ten, thirty] = cell.quick.load();
  return memory == 0 ? ten : thirty;
}

}  // namespace

float root_of(float seconds) noexcept {
  return std::sqrt(std::sqrt(seconds));
}

float PeerView::learn_service(UpstreamStats::Class& cell, std::size_t klass, float seconds,
                              float share, std::int64_t now_ns) noexcept {
  Usual& usual = usual_[klass];
  auto [ten, thirty] = cell.quick.load();
  auto [hundred, calls] = cell.slow.load();
  const float root = root_of(seconds);
  if (calls > 0.0F) calls = worth_of(cell, calls, now_ns);
  cell.seen_ns.store(now_ns, kRelaxed);
  if (calls <= 0.0F) {
    cell.quick.store({root, root});
    cell.slow.store({root, share});
    return 0.0F;
  }
  std::array<float, kMemories> means{ten, thirty, hundred};
  const float believed = means[usual.memory];
  usual.tried = std::min(usual.tried + share, 2000.0F);
  const float known = share / (usual.tried + 20.0F);
  calls = std::min(calls + share, kMemoryCalls.back());
  for (std::size_t i = 0; i < kMemories; ++i) {
    const float off = std::clamp(root / means[i] - 1.0F, -kOffMost, kOffMost);
    usual.errors[i] += known * (off * off - usual.errors[i]);
    means[i] += means[i] * off * share / std::min(kMemoryCalls[i], calls);
  }
  // The last ten lie too far from the hundred to be of the same node: it has changed.
  const float gap = means[0] / means[2] - 1.0F;
  const float bound = kSurprise * kSurprise * usual.within / (2.0F * kMemoryCalls[0] - 1.0F);
  if (calls > 1.5F * kMemoryCalls[0] && gap * gap > bound) {
    means[1] = means[2] = means[0];
    calls = kMemoryCalls[0];
  }
  cell.quick.store({means[0], means[1]});
  cell.slow.store({means[2], calls});
  return 4.0F * std::clamp(root / believed - 1.0F, -0.5F, kOffMost);
}

void PeerView::learn_parallel(UpstreamStats& stats, float off, float crowded) const noexcept {
  auto [parallel, usually] = stats.parallel.load();
  if (parallel <= 0.0F) parallel = usual_parallel_;
  parallel *= 1.0F - kParallelGain * (crowded - usually) * off;
  usually += 0.01F * (crowded - usually);
  stats.parallel.store({std::clamp(parallel, 0.5F, 400.0F), usually});
}

void PeerView::compare_parallel() noexcept {
  float sum = 0.0F;
  float known = 0.0F;
  for (const Peer& peer : peers_) {
    if (peer.stats == nullptr) continue;
    const auto [own, waiting] = peer.stats->parallel.load();
    if (own <= 0.0F) continue;
    sum += std::log(own);
    known += 1.0F;
  }
  if (known > 0.0F) usual_parallel_ = std::exp(sum / known);
  for (Peer& peer : peers_) {
    if (peer.stats == nullptr) continue;
    const float slower = 1.0F + peer.total.sum / (peer.total.weight + 1.0F);
    peer.capacity = parallel(*peer.stats) / std::max(seconds_of(slower), 1e-3F);
  }
}

void PeerView::learn_failure(UpstreamStats::Class& cell, bool failed) noexcept {
  constexpr float kRemembered = 32.0F;
  auto [share, samples] = cell.failures.load();
  if (!failed && share < 1e-4F) return;
  samples = std::min(samples + 1.0F, kRemembered);
  // As if one call had gone well before: a single failure is not the whole truth.
  share += ((failed ? 1.0F : 0.0F) - share) / (samples + 1.0F);
  cell.failures.store({share, samples});
}

void PeerView::compare(std::int64_t now_ns) noexcept {
  for (Peer& peer : peers_) {
    peer.total = {};
    for (const Deviation& each : peer.deviations) {
      peer.total.sum += each.sum;
      peer.total.weight += each.weight;
    }
  }
  compare_parallel();
  for (std::size_t klass = 0; klass < kStatClasses; ++klass) {
    choose_memory(usual_[klass]);
    compare(klass, now_ns);
    if (!usual_[klass].known) continue;
    for (std::uint32_t i = 0; i < peers_.size(); ++i) {
      if (peers_[i].stats != nullptr) expect(i, klass, now_ns);
    }
  }
}

void PeerView::choose_memory(Usual& usual) const noexcept {
  if (usual.tried < 50.0F) return;
  // A shorter one has to be better by more than chance.
  std::size_t best = kMemories - 1;
  for (std::size_t i = kMemories - 1; i-- > 0;) {
    if (usual.errors[i] < usual.errors[best] * (1.0F - kShorterMargin)) best = i;
  }
  usual.memory = static_cast<std::uint8_t>(best);
  usual.within = usual.errors[best];
}

/// DerSimonian and Laird's moments (1986): how much of the spread among the peers is more than the
/// noise of each.
void PeerView::compare(std::size_t klass, std::int64_t now_ns) noexcept {
  Usual& usual = usual_[klass];
  float weights = 0.0F;
  float squares = 0.0F;
  float sum = 0.0F;
  float spread = 0.0F;
  float known = 0.0F;
  float even = 0.0F;
  float total = 0.0F;
  const float most = kMemoryCalls[usual.memory];
  for (const Peer& peer : peers_) {
    if (peer.stats == nullptr) continue;
    const UpstreamStats::Class& cell = peer.stats->classes[klass];
    const float calls = cell.slow.load().second;
    if (calls <= 0.0F) continue;
    const float worth = std::min(worth_of(cell, calls, now_ns), most);
    const float root = root_in(cell, usual.memory) / usual.root;
    const float weight = worth / usual.within;
    weights += weight;
    squares += weight * weight;
    sum += weight * root;
    spread += weight * root * root;
    known += 1.0F;
    // Each stands for itself as soon as it is known better than the peers differ.
    const float fair = 1.0F / (usual.between + usual.within / std::max(worth, 1e-3F));
    even += fair * root;
    total += fair;
  }
  if (known <= 0.0F || !(weights > 0.0F)) return;
  const float excess = spread - sum * sum / weights - (known - 1.0F);
  const float scale = weights - squares / weights;
  usual.between = scale > 0.0F ? std::max(0.0F, excess / scale) : 0.0F;
  usual.root *= even / total;
  usual.known = true;
}

void PeerView::expect(std::uint32_t index, std::size_t klass, std::int64_t now_ns) noexcept {
  Peer& peer = peers_[index];
  UpstreamStats::Class& cell = peer.stats->classes[klass];
  const Usual& usual = usual_[klass];
  const float calls = cell.slow.load().second;
  const float worth =
      calls > 0.0F ? std::min(worth_of(cell, calls, now_ns), kMemoryCalls[usual.memory]) : 0.0F;
  const float own = calls > 0.0F ? root_in(cell, usual.memory) : usual.root;
  Deviation& mine = peer.deviations[klass];
  // What the upstream's other classes say of it.
  constexpr float kDoubt = 20.0F;
  const float factor =
      1.0F + (peer.total.sum - mine.sum) / (peer.total.weight - mine.weight + kDoubt);
  const float prior = usual.known ? usual.root * factor : own;
  const float believed =
      usual.known ? usual.between * worth / (usual.between * worth + usual.within) : 1.0F;
  const float root = prior + (own - prior) * believed;
  const float seconds = seconds_of(root);
  auto [failing, counted] = cell.failures.load();
  float extra = 0.0F;
  if (failing > 1e-4F) {
    failing *=
        std::exp(-seconds_since(cell.seen_ns.load(kRelaxed), now_ns) / kFailureMemorySeconds);
    const float p90 = usual_s(klass) * std::exp(1.28F * 4.0F * std::sqrt(usual.within));
    extra = (seconds + kErrorCost * p90) * failing / (1.02F - std::min(failing, 1.0F));
  }
  cell.expected.store({seconds, extra});
  if (!usual.known) return;
  // Without what was inherited from the other classes, or they would talk each other up.
  const Deviation next{(own / usual.root - 1.0F) * believed * worth, worth};
  peer.total.sum += next.sum - mine.sum;
  peer.total.weight += next.weight - mine.weight;
  mine = next;
}

}  // namespace sluice::policy

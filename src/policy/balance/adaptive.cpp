// SPDX-License-Identifier: Apache-2.0
#include "policy/balance/adaptive.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

#include <fmt/format.h>

#include "policy/balance/strategies.hpp"

namespace sluice::policy {

namespace {

using namespace std::chrono_literals;

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr std::int64_t kCompareEveryNs = 100'000'000;
constexpr float kRampSeconds = 30.0F;
constexpr float kRampLeast = 0.1F;
constexpr float kServiceLeast = 1e-6F;

float to_seconds(std::int64_t ns) noexcept {
  return static_cast<float>(ns) * 1e-9F;
}

/// 0.1 right after the restart, 1 after 30 s.
float ramp_at(const UpstreamStats& stats, std::int64_t now_ns) noexcept {
  const std::int64_t restarted = stats.restarted_ns.load(kRelaxed);
  if (restarted == 0) return 1.0F;
  return std::clamp(to_seconds(now_ns - restarted) / kRampSeconds, kRampLeast, 1.0F);
}

float parallel_of(const UpstreamStats& stats) noexcept {
  const float parallel = stats.parallel.load().first;
  return parallel > 0.0F ? parallel : 1.0F;
}

/// Until the next call begins, with that much work in flight in so many calls on a node that works
/// on `parallel` at a time: little while it is not busy, and then in proportion.
float waiting_s(float work_s, float calls, float parallel) noexcept {
  if (calls <= 0.0F) return 0.0F;
  const float excess = std::max((calls + 1.0F - parallel) / calls, g_tuning.idle_wait);
  return work_s / parallel * std::min(excess, 1.0F);
}

}  // namespace

Adaptive::Adaptive(const BalanceOptions& options)
    : options_(options), own_(options.upstreams_max), peers_(options.upstreams_max) {}

float Adaptive::size_log(const PickContext& /*context*/) const noexcept {
  return 0.0F;
}

void Adaptive::learn_size(const Ticket& /*ticket*/, float /*off*/, float /*share*/) noexcept {}

Adaptive::Cost Adaptive::cost(const Candidate& candidate, const UpstreamStats& stats,
                              std::size_t klass, float size, std::int64_t now_ns) const noexcept {
  Cost out;
  const auto [seconds, extra] = stats.classes[klass].expected.load();
  out.service = (seconds > 0.0F ? seconds : peers_.usual_s(klass)) * size;
  const std::int32_t calls = stats.calls.load(kRelaxed);
  if (calls > 0) {
    const float work = std::max(to_seconds(stats.work_ns.load(kRelaxed)), 0.0F);
    const float parallel = parallel_of(stats);
    out.waiting = waiting_s(work, static_cast<float>(calls), parallel);
    const float silent = to_seconds(now_ns - stats.progress_ns.load(kRelaxed));
    const float patience = g_tuning.overdue_after * work / static_cast<float>(calls);
    out.overdue = std::max(0.0F, silent - patience) * g_tuning.overdue_gain;
  }
  out.failing = extra;
  const auto weight = static_cast<float>(candidate.weight);
  const float share = weight > 0.0F ? std::min(weight, 1e6F) : 1.0F;
  out.total =
      (out.service + out.waiting + out.overdue + out.failing) / (share * ramp_at(stats, now_ns));
  if (!has_room(candidate)) {
    out.standing = Standing::kFull;
  } else if (!(weight > 0.0F)) {
    out.standing = Standing::kWeightless;
  } else if (calls > 0 && stats.proven.load(kRelaxed) == 0) {
    out.standing = Standing::kUnproven;
  }
  return out;
}

std::optional<std::uint32_t> Adaptive::scan(std::span<const Candidate> candidates,
                                            std::size_t klass, float size, std::int64_t now_ns,
                                            Random& random) noexcept {
  std::array<float, kUpstreamsMax> costs;
  auto standing = Standing::kFull;
  float best = HUGE_VALF;
  std::size_t found = candidates.size();
  const std::size_t count = std::min(candidates.size(), kUpstreamsMax);
  for (std::size_t i = 0; i < count; ++i) {
    costs[i] = HUGE_VALF;
    const Candidate& candidate = candidates[i];
    if (candidate.index >= options_.upstreams_max) continue;
    UpstreamStats& stats = own_.of(candidate.index, candidate.stats);
    peers_.meet(candidate.index, stats);
    const Cost each = cost(candidate, stats, klass, size, now_ns);
    if (each.standing > standing) continue;
    if (each.standing < standing) {
      standing = each.standing;
      std::fill_n(costs.begin(), i, HUGE_VALF);
      best = HUGE_VALF;
    }
    costs[i] = each.total;
    if (each.total < best || found == candidates.size()) {
      best = each.total;
      found = i;
    }
  }
  if (found == candidates.size()) return std::nullopt;
  const float limit = best * (1.0F + g_tuning.softmin);
  float total = 0.0F;
  for (std::size_t i = 0; i < count; ++i) {
    if (costs[i] < limit) total += limit - costs[i];
  }
  float left = static_cast<float>(random.uniform()) * total;
  for (std::size_t i = 0; i < count; ++i) {
    if (!(costs[i] < limit)) continue;
    left -= limit - costs[i];
    if (left < 0.0F) return static_cast<std::uint32_t>(i);
  }
  return static_cast<std::uint32_t>(found);
}

void Adaptive::compare_if_due(std::int64_t now_ns) noexcept {
  if (now_ns - compared_ns_ < kCompareEveryNs && ended_since_ < ended_max_) return;
  compared_ns_ = now_ns;
  ended_since_ = 0;
  // Often while little is known.
  ended_max_ = std::min(ended_max_ * 2, 1024U);
  peers_.compare(now_ns);
}

std::optional<std::uint32_t> Adaptive::pick(std::span<const Candidate> candidates,
                                            const PickContext& context, Random& random) noexcept {
  const std::int64_t now_ns = context.now.time_since_epoch().count();
  compare_if_due(now_ns);
  return scan(candidates, stat_class(context.method_class), std::exp(size_log(context)), now_ns,
              random);
}

Ticket Adaptive::started(std::uint32_t index, UpstreamStats* shared,
                         const PickContext& context) noexcept {
  if (index >= options_.upstreams_max) return {};
  UpstreamStats& stats = own_.of(index, shared);
  peers_.meet(index, stats);
  const std::size_t klass = stat_class(context.method_class);
  const std::int64_t now_ns = context.now.time_since_epoch().count();
  const float size = size_log(context);
  const float known = stats.classes[klass].expected.load().first;
  const float service =
      std::max((known > 0.0F ? known : peers_.usual_s(klass)) * std::exp(size), kServiceLeast);
  const float ahead = std::max(to_seconds(stats.work_ns.load(kRelaxed)), 0.0F);
  const Ticket ticket{
      .stats = &stats,
      .began_ns = now_ns,
      .work_ns = static_cast<std::int64_t>(service * 1e9F),
      .wait_ratio = 1.0F + waiting_s(ahead, static_cast<float>(stats.calls.load(kRelaxed)),
                                     parallel_of(stats)) /
                               service,
      .size_log = size,
      .index = index,
      .klass = static_cast<std::uint8_t>(klass),
      .features = context.features};
  stats.begin(klass, ticket.work_ns, now_ns);
  return ticket;
}

void Adaptive::finished(const Ticket& ticket, Ended ended, TimePoint now,
                        std::uint32_t sharing) noexcept {
  if (ticket.stats == nullptr) return;
  const std::int64_t now_ns = now.time_since_epoch().count();
  ticket.stats->end(ticket.klass, ticket.work_ns, ticket.began_ns, now_ns);
  const float elapsed = std::max(to_seconds(now_ns - ticket.began_ns), kServiceLeast) /
                        static_cast<float>(std::max(sharing, 1U));
  learn(ticket, ended, elapsed, now_ns);
}

void Adaptive::learn(const Ticket& ticket, Ended ended, float elapsed_s,
                     std::int64_t now_ns) noexcept {
  UpstreamStats& stats = *ticket.stats;
  UpstreamStats::Class& cell = stats.classes[ticket.klass];
  if (ended == Ended::kCancelled) return;
  PeerView::learn_failure(cell, ended != Ended::kOk);
  if (ended == Ended::kOk) {
    const float seconds = elapsed_s / (ticket.wait_ratio * std::exp(ticket.size_log));
    const float share = 1.0F / ticket.wait_ratio;
    const float off = peers_.learn_service(cell, ticket.klass, seconds, share, now_ns);
    learn_parallel(stats, off, share);
    learn_size(ticket, off, share);
    if (stats.proven.load(kRelaxed) == 0) stats.proven.store(1, kRelaxed);
  }
  ++ended_since_;
  if (peers_.peer(ticket.index) == &stats) peers_.expect(ticket.index, ticket.klass, now_ns);
}

/// The steepest way down the squared error of the logarithm of the expected response time, by the
/// logarithm of `parallel`; what the service time explains already is taken out by centring.
void Adaptive::learn_parallel(UpstreamStats& stats, float off, float share) noexcept {
  auto [parallel, mean_waiting] = stats.parallel.load();
  parallel = parallel_of(stats);
  const float waiting = 1.0F - share;
  parallel *= 1.0F - g_tuning.parallel_gain * (waiting - mean_waiting) * off;
  mean_waiting += 0.01F * (waiting - mean_waiting);
  stats.parallel.store({std::clamp(parallel, 0.25F, 400.0F), mean_waiting});
}

std::string Adaptive::explain(std::span<const Candidate> candidates,
                              const PickContext& context) const {
  std::string text(name());
  const std::int64_t now_ns = context.now.time_since_epoch().count();
  const std::size_t klass = stat_class(context.method_class);
  for (const Candidate& candidate : candidates) {
    const UpstreamStats* const stats =
        candidate.stats != nullptr ? candidate.stats : peers_.peer(candidate.index);
    if (stats == nullptr) continue;
    const Cost each = cost(candidate, *stats, klass, std::exp(size_log(context)), now_ns);
    text += fmt::format("; {}: {:.1f} ms", candidate.index, static_cast<double>(each.total) * 1e3);
  }
  return text;
}

std::unique_ptr<Balancer> make_adaptive(const BalanceOptions& options) {
  return std::make_unique<Adaptive>(options);
}

}  // namespace sluice::policy

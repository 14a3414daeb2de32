// SPDX-License-Identifier: Apache-2.0
#include "policy/balance/adaptive.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "policy/balance/explain.hpp"
#include "policy/balance/strategies.hpp"

namespace sluice::policy {

namespace {

using namespace std::chrono_literals;

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr std::int64_t kCompareEveryNs = 100'000'000;
constexpr std::int64_t kLearnEveryNs = 1'000'000;
/// With fewer samples each one counts.
constexpr float kLearnAllBelow = 50.0F;
constexpr float kRampSeconds = 30.0F;
constexpr float kRampLeast = 0.1F;
/// Upstreams up to which all are looked at.
constexpr std::size_t kScanMost = 16;
constexpr float kServiceLeast = 1e-6F;
/// Mean service times for which an upstream with calls in flight may be silent.
constexpr float kPatience = 3.0F;
/// Expected response times that a class may be silent and its calls be out.
constexpr float kClassPatience = 8.0F;
/// What is late by so much will take this share of it more.
constexpr float kOverdueStays = 0.7F;
/// Costs that are so much above the least are still as good as it.
constexpr float kAlike = 0.1F;
/// Of the waits that a full node would have, what one that is not busy is thought to have.
constexpr float kIdleWait = 0.15F;

float to_seconds(std::int64_t ns) noexcept {
  return static_cast<float>(ns) * 1e-9F;
}

/// 0.1 right after the restart, 1 after 30 s.
float ramp_at(const UpstreamStats& stats, std::int64_t now_ns) noexcept {
  const std::int64_t restarted = stats.restarted_ns.load(kRelaxed);
  if (restarted == 0) return 1.0F;
  return std::clamp(to_seconds(now_ns - restarted) / kRampSeconds, kRampLeast, 1.0F);
}

/// Until the next call begins, with that much work in flight in so many calls on a node that works
/// on `parallel` at a time: little while it is not busy, and then in proportion.
float waiting_s(float work_s, float calls, float parallel) noexcept {
  if (calls <= 0.0F) return 0.0F;
  const float excess = std::max((calls + 1.0F - parallel) / calls, kIdleWait);
  return work_s / parallel * std::min(excess, 1.0F);
}

}  // namespace

Adaptive::Adaptive(std::size_t upstreams_max)
    : upstreams_max_(upstreams_max), own_(upstreams_max), peers_(upstreams_max) {}

float Adaptive::size(const PickContext& /*context*/) const noexcept {
  return 1.0F;
}

void Adaptive::learn_size(const Ticket& /*ticket*/, float /*off*/, float /*share*/) noexcept {}

Adaptive::Cost Adaptive::cost(const Candidate& candidate, const UpstreamStats& stats,
                              const Placed& call) const noexcept {
  Cost out;
  const UpstreamStats::Class& cell = stats.classes[call.klass];
  const auto [seconds, extra] = cell.expected.load();
  out.service = (seconds > 0.0F ? seconds : peers_.usual_s(call.klass)) * call.size;
  out.failing = extra;
  const std::int32_t calls = stats.calls.load(kRelaxed);
  if (calls > 0) {
    const float work = std::max(to_seconds(stats.work_ns.load(kRelaxed)), 0.0F);
    out.waiting = waiting_s(work, static_cast<float>(calls), peers_.parallel(stats));
    const float silent = to_seconds(call.now_ns - stats.progress_ns.load(kRelaxed));
    const float patience = kPatience * work / static_cast<float>(calls);
    out.overdue = std::max(silent - patience, 0.0F);
    // Its other calls may go well while those of this class hang.
    const auto [own, age] = stats.in_flight(call.klass, call.now_ns);
    if (own > 0) {
      const float quiet = to_seconds(call.now_ns - cell.seen_ns.load(kRelaxed));
      const float patient = kClassPatience * (out.service + out.waiting);
      out.overdue = std::max(out.overdue, std::min(age, quiet) - patient);
    }
    out.overdue *= kOverdueStays;
  }
  const auto weight = static_cast<float>(candidate.weight);
  const float share = weight > 0.0F ? std::min(weight, 1e6F) : 1.0F;
  out.total = (out.service + out.waiting + out.overdue + out.failing) /
              (share * ramp_at(stats, call.now_ns));
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
                                            const Placed& call, Random& random) noexcept {
  std::array<float, kUpstreamsMax> costs;
  auto standing = Standing::kFull;
  float best = HUGE_VALF;
  std::size_t found = candidates.size();
  const std::size_t count = std::min(candidates.size(), kUpstreamsMax);
  for (std::size_t i = 0; i < count; ++i) {
    costs[i] = HUGE_VALF;
    const Candidate& candidate = candidates[i];
    if (candidate.index >= upstreams_max_) continue;
    UpstreamStats& stats = own_.of(candidate.index, candidate.stats);
    peers_.meet(candidate.index, stats);
    const Cost each = cost(candidate, stats, call);
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
  const float limit = best * (1.0F + kAlike);
  float total = 0.0F;
  for (std::size_t i = 0; i < count; ++i) {
    if (costs[i] < limit) total += limit - costs[i];
  }
  float left = static_cast<float>(random.uniform()) * total;
  for (std::size_t i = 0; i < count; ++i) {
    if (!(costs[i] < limit)) continue;
    left -= limit - costs[i];
    if (left >= 0.0F) continue;
    found = i;
    break;
  }
  propensity_ = total > 0.0F ? (limit - costs[found]) / total : 1.0F;
  return static_cast<std::uint32_t>(found);
}

/// The better of two that are drawn by capacity: where other proxies decide by the same figures, or
/// where looking at all would take too long.
std::optional<std::uint32_t> Adaptive::sample(std::span<const Candidate> candidates,
                                              const Placed& call, Random& random) noexcept {
  std::array<float, kUpstreamsMax> shares;
  float total = 0.0F;
  const std::size_t count = std::min(candidates.size(), kUpstreamsMax);
  for (std::size_t i = 0; i < count; ++i) {
    const Candidate& candidate = candidates[i];
    shares[i] = 0.0F;
    if (candidate.index >= upstreams_max_ || !has_room(candidate)) continue;
    const auto weight = static_cast<float>(std::min(candidate.weight, 1e6));
    if (weight > 0.0F) shares[i] = peers_.capacity(candidate.index) * weight;
    total += shares[i];
  }
  if (!(total > 0.0F)) return scan(candidates, call, random);
  std::optional<std::uint32_t> chosen;
  Cost best;
  for (int draw = 0; draw < 2; ++draw) {
    float left = static_cast<float>(random.uniform()) * total;
    std::size_t at = count;
    for (std::size_t i = 0; i < count; ++i) {
      if (shares[i] <= 0.0F) continue;
      at = i;
      left -= shares[i];
      if (left < 0.0F) break;
    }
    if (at == count) break;
    UpstreamStats& stats = own_.of(candidates[at].index, candidates[at].stats);
    peers_.meet(candidates[at].index, stats);
    const Cost each = cost(candidates[at], stats, call);
    if (!chosen || each.standing < best.standing ||
        (each.standing == best.standing && each.total < best.total)) {
      chosen = static_cast<std::uint32_t>(at);
      best = each;
    }
    total -= shares[at];
    shares[at] = 0.0F;
  }
  return chosen;
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
  const Placed call{stat_class(context.method_class), size(context), now_ns};
  const auto position = candidates.size() > kScanMost ? sample(candidates, call, random)
                                                      : scan(candidates, call, random);
  if (position) picked_ = candidates[*position].index;
  return position;
}

Ticket Adaptive::started(std::uint32_t index, UpstreamStats* shared,
                         const PickContext& context) noexcept {
  if (index >= upstreams_max_) return {};
  UpstreamStats& stats = own_.of(index, shared);
  peers_.meet(index, stats);
  const std::size_t klass = stat_class(context.method_class);
  const std::int64_t now_ns = context.now.time_since_epoch().count();
  const float factor = size(context);
  const float known = stats.classes[klass].expected.load().first;
  const float service =
      std::max((known > 0.0F ? known : peers_.usual_s(klass)) * factor, kServiceLeast);
  const float ahead = std::max(to_seconds(stats.work_ns.load(kRelaxed)), 0.0F);
  const auto calls = static_cast<float>(stats.calls.load(kRelaxed));
  const float waiting = waiting_s(ahead, calls, peers_.parallel(stats));
  const Ticket ticket{.stats = &stats,
                      .began_ns = now_ns,
                      .work_ns = static_cast<std::int64_t>(service * 1e9F),
                      .wait_ratio = 1.0F + waiting / service,
                      .size = factor,
                      .crowded = ahead / (service + ahead),
                      .propensity = index == picked_ ? std::exchange(propensity_, 0.0F) : 0.0F,
                      .index = index,
                      .klass = static_cast<std::uint8_t>(klass),
                      .features = context.features};
  stats.begin(klass, ticket.work_ns, now_ns);
  return ticket;
}

void Adaptive::finished(const Ticket& ticket, Ended ended, TimePoint now, Duration took) noexcept {
  if (ticket.stats == nullptr) return;
  const std::int64_t now_ns = now.time_since_epoch().count();
  ticket.stats->end(ticket.klass, ticket.work_ns, ticket.began_ns, now_ns);
  learn(ticket, ended, std::max(to_seconds(took.count()), kServiceLeast), now_ns);
}

void Adaptive::learn(const Ticket& ticket, Ended ended, float elapsed_s,
                     std::int64_t now_ns) noexcept {
  UpstreamStats& stats = *ticket.stats;
  UpstreamStats::Class& cell = stats.classes[ticket.klass];
  if (ended == Ended::kCancelled) return;
  // Every outcome counts here: the share of failures would be off if only good ones were left out.
  PeerView::learn_failure(cell, ended != Ended::kOk);
  // A thousand samples a second of a class tell all there is to know, and cost no more at any rate.
  if (ended == Ended::kOk && samples() && now_ns - cell.seen_ns.load(kRelaxed) < kLearnEveryNs &&
      cell.slow.load().second >= kLearnAllBelow) {
    return;
  }
  if (ended == Ended::kOk) {
    const float seconds = elapsed_s / (ticket.wait_ratio * ticket.size);
    const float share = 1.0F / ticket.wait_ratio;
    const float off = peers_.learn_service(cell, ticket.klass, seconds, share, now_ns);
    peers_.learn_parallel(stats, off, ticket.crowded);
    learn_size(ticket, off, share);
    if (stats.proven.load(kRelaxed) == 0) stats.proven.store(1, kRelaxed);
  }
  ++ended_since_;
  if (peers_.peer(ticket.index) == &stats) peers_.expect(ticket.index, ticket.klass, now_ns);
}

std::string Adaptive::rule(std::span<const Candidate> /*candidates*/,
                           const PickContext& /*context*/) const {
  return "least expected wait";
}

std::string Adaptive::standing_words(const Candidate& candidate, const UpstreamStats& stats,
                                     const Cost& cost, const Placed& call) const {
  const auto ms = [](float seconds) { return static_cast<double>(seconds) * 1e3; };
  std::string text = fmt::format("{:.2f} ms = service {:.2f} + waiting {:.2f}", ms(cost.total),
                                 ms(cost.service), ms(cost.waiting));
  if (cost.overdue > 0.0F) text += fmt::format(" + overdue {:.2f}", ms(cost.overdue));
  if (cost.failing > 0.0F) text += fmt::format(" + failing {:.2f}", ms(cost.failing));
  text += ", " + in_flight_words(candidate);
  if (candidate.weight > 0.0 && candidate.weight != 1.0)
    text += fmt::format(", weight {:g}", candidate.weight);
  if (const float ramp = ramp_at(stats, call.now_ns); ramp < 1.0F)
    text += fmt::format(", ramped up to {:.0f} %", static_cast<double>(ramp) * 100);
  if (stats.classes[call.klass].expected.load().first <= 0.0F) text += ", not measured";
  if (cost.standing == Standing::kUnproven) text += ", not proven yet";
  if (cost.standing == Standing::kWeightless) text += ", without weight";
  return text;
}

Explanation Adaptive::explain(std::span<const Candidate> candidates,
                              const PickContext& context) const {
  const Placed call{stat_class(context.method_class), size(context),
                    context.now.time_since_epoch().count()};
  const auto stats_of = [this](const Candidate& one) {
    return one.stats != nullptr ? one.stats : peers_.peer(one.index);
  };
  Cost best{.total = HUGE_VALF, .standing = Standing::kFull};
  for (const Candidate& candidate : candidates) {
    const UpstreamStats* const stats = stats_of(candidate);
    if (stats == nullptr) continue;
    const Cost each = cost(candidate, *stats, call);
    if (each.standing < best.standing ||
        (each.standing == best.standing && each.total < best.total))
      best = each;
  }
  std::string text = rule(candidates, context);
  if (candidates.size() > kScanMost) text += ", the better of two drawn by capacity";
  return explain_each(std::move(text), candidates, [&](const Candidate& candidate) {
    const UpstreamStats* const stats = stats_of(candidate);
    if (stats == nullptr) return in_flight_words(candidate) + ", not measured";
    const Cost own = cost(candidate, *stats, call);
    std::string words = standing_words(candidate, *stats, own, call);
    if (own.standing != best.standing) return words;
    if (own.total <= best.total) return words + ", best";
    if (own.total < best.total * (1.0F + kAlike)) return words + ", as good as the best";
    return words + fmt::format(", {:.1f}x the best", static_cast<double>(own.total / best.total));
  });
}

std::unique_ptr<Balancer> make_adaptive(std::size_t upstreams_max) {
  return std::make_unique<Adaptive>(upstreams_max);
}

}  // namespace sluice::policy

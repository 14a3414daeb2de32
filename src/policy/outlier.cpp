// SPDX-License-Identifier: Apache-2.0
#include "policy/outlier.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "policy/binomial.hpp"

namespace sluice::policy {
namespace {

/// Times are remembered by as many calls, and for about as long where there are fewer.
constexpr double kPaceCalls = 20.0;
constexpr Duration kPaceMemory = std::chrono::minutes(2);
/// Calls of a class on both sides before its times are compared; fewer tell how long a silence is.
constexpr double kPaceCallsMin = 12.0;
constexpr double kSilenceCallsMin = 3.0;
/// What a class of which nothing is known may take before it counts as silent.
constexpr Duration kSilenceUnknown = std::chrono::seconds(1);
/// Calls unanswered at the same time that need no probe to confirm a silence.
constexpr std::uint32_t kSilentCallsMin = 3;
/// The usual ratio follows this slowly, and not at all while the present one is well above it.
constexpr Duration kUsualMemory = std::chrono::minutes(10);
/// Page's test: a rise of the logarithm by less than the first is borne, and the sum over seconds
/// of what is beyond must reach the second.
constexpr double kRiseBorne = 0.5;
constexpr double kRiseAlarm = 1.0;
/// One report moves the sum by no more than these.
constexpr double kRiseSecondsMax = 1.0;
constexpr double kRisePerCall = 0.2;
constexpr double kRiseMost = 2.5;
/// So many calls of one class only are not by chance.
constexpr std::uint32_t kOneClassCalls = 20;
/// Up to so many calls a smaller margin holds.
constexpr std::uint32_t kFewCalls = 40;
constexpr double kFewMargin = 0.03;
/// After a return: a level and a number of calls at which doubt is enough.
constexpr double kTenderLevel = 0.02;
constexpr std::uint32_t kTenderCallsMin = 2;
/// The calls outside the worst class must look bad too, at this level.
constexpr double kRestLevel = 0.01;
/// A class is proven well when so low a count of failures would be this improbable at such a rate.
constexpr double kWellLevel = 0.05;
constexpr double kBadRate = 0.2;

double unknown() noexcept {
  return std::numeric_limits<double>::quiet_NaN();
}

/// One more failure than was seen: peers that were seen little are not taken to be faultless.
double cautious_rate(const TrafficWindow::Count& count) noexcept {
  return (count.failed + 1.0) / (count.calls + 2.0);
}

template <class Each>
void for_peers(std::size_t own, UpstreamSet peers, std::size_t size, Each each) {
  for (std::size_t i = 0; i < size; ++i) {
    if (i != own && (peers & bit_of(i)) != 0) each(i);
  }
}

}  // namespace

OutlierDetector::OutlierDetector(const OutlierOptions& options, std::size_t upstreams)
    : options_(options), states_(upstreams) {}

void OutlierDetector::report(std::size_t upstream, std::span<const ClassTraffic> traffic,
                             TimePoint now) noexcept {
  State& state = states_[upstream];
  state.window.add(traffic, now);
  const Duration passed =
      state.reported_at == TimePoint{} ? Duration::zero() : now - state.reported_at;
  state.reported_at = now;
  const double kept = std::exp(-seconds(passed) / seconds(kPaceMemory));
  std::uint32_t in_flight = 0;
  std::uint32_t ended = 0;
  for (std::size_t c = 0; c < std::min(traffic.size(), kClassesMax); ++c) {
    const ClassTraffic& own = traffic[c];
    Pace& pace = state.paces[c];
    pace.in_flight = own.in_flight;
    if (own.in_flight == 0 || own.successes + own.failures > 0) pace.quiet_since = now;
    in_flight += own.in_flight;
    ended += own.successes + own.failures;
    if (own.successes > 0) state.answered_at = now;
    if (pace.count > 0.0 || own.successes > 0) {
      pace.count = pace.count * kept + own.successes;
      pace.log_sum = pace.log_sum * kept + own.log_seconds;
      if (pace.count > kPaceCalls) {
        pace.log_sum *= kPaceCalls / pace.count;
        pace.count = kPaceCalls;
      }
    }
    if (own.successes > 0) follow_pace(upstream, c, own.successes, passed);
  }
  if (in_flight == 0 || ended > 0) state.quiet_since = now;
}

/// Median of the peers that know the class, the lower one of two; not a number when none does.
double OutlierDetector::peer_log_mean(std::size_t upstream, std::size_t klass, UpstreamSet peers,
                                      double calls_min) const noexcept {
  std::array<double, kUpstreamsMax> known{};
  std::size_t n = 0;
  for_peers(upstream, peers, states_.size(), [&](std::size_t i) {
    const Pace& pace = states_[i].paces[klass];
    if (pace.count >= calls_min) known[n++] = pace.log_mean();
  });
  if (n == 0) return unknown();
  const auto middle = known.begin() + static_cast<std::ptrdiff_t>((n - 1) / 2);
  std::nth_element(known.begin(), middle, known.begin() + static_cast<std::ptrdiff_t>(n));
  return *middle;
}

void OutlierDetector::follow_pace(std::size_t upstream, std::size_t klass, std::uint32_t calls,
                                  Duration passed) noexcept {
  Pace& pace = states_[upstream].paces[klass];
  const double peers = peer_log_mean(upstream, klass, ~UpstreamSet{0}, kPaceCallsMin);
  if (std::isnan(peers) || pace.count < kPaceCallsMin) return;
  const double gap = pace.log_mean() - peers;
  if (!pace.gap_known) {
    pace.usual_gap = gap;
    pace.gap_known = true;
  }
  const double rise = std::min(gap - pace.usual_gap - kRiseBorne, kRiseMost);
  const double weight = std::min({seconds(passed), kRiseSecondsMax, kRisePerCall * calls});
  pace.risen = std::clamp(pace.risen + rise * weight, 0.0, 4.0 * kRiseAlarm);
  if (rise < 0.0) {
    const double share = 1.0 - std::exp(-seconds(passed) / seconds(kUsualMemory));
    pace.usual_gap += share * (gap - pace.usual_gap);
  }
}

Finding OutlierDetector::judge(std::size_t upstream, UpstreamSet peers, bool tender,
                               TimePoint now) const noexcept {
  const Finding silent = judge_silence(upstream, peers, now);
  if (silent.sure) return silent;
  const Finding errors = judge_errors(upstream, peers, tender);
  if (errors.sure) return errors;
  const Finding slow = judge_pace(upstream, peers);
  return slow.sure ? slow : silent;
}

Finding OutlierDetector::judge_errors(std::size_t upstream, UpstreamSet peers,
                                      bool tender) const noexcept {
  const std::uint32_t calls_min = tender ? kTenderCallsMin : options_.calls_min;
  const TrafficWindow& window = states_[upstream].window;
  const double long_run = peer_failure_share(upstream, peers);
  for (std::size_t s = 0; s < TrafficWindow::kSpans; ++s) {
    const TrafficWindow::Span& own = window.span(s);
    if (own.all.calls < calls_min || own.all.failed < 2) continue;
    TrafficWindow::Count others;
    for_peers(upstream, peers, states_.size(), [&](std::size_t i) {
      const TrafficWindow::Count& count = states_[i].window.span(s).all;
      others.calls += count.calls;
      others.failed += count.failed;
    });
    // Without a word from the peers nobody knows whether it is them all.
    if (others.calls < calls_min) continue;
    // Few calls cannot show a small excess anyway; a large one they need not be as sure of.
    const double margin = own.all.calls < kFewCalls ? kFewMargin : options_.margin;
    const double expected = std::max(cautious_rate(others), long_run) + margin;
    const double level = tender ? kTenderLevel : options_.level;
    if (at_least(own.all.failed, own.all.calls, expected) >= level) continue;
    const auto worst = static_cast<std::uint32_t>(
        std::ranges::max_element(own.by_class, {}, &TrafficWindow::Count::failed) -
        own.by_class.begin());
    if (!beyond_one_class(upstream, own, expected, worst, tender)) continue;
    return {.what = Outlier::kErrors,
            .sure = true,
            .klass = worst,
            .share = static_cast<double>(own.all.failed) / own.all.calls};
  }
  return {};
}

/// Whether it is the upstream that fails rather than one of its methods: the calls outside the
/// worst class fail too often as well, and no class is proven well. Where one class is all that is
/// asked of it, that class stands for the upstream.
bool OutlierDetector::beyond_one_class(std::size_t upstream, const TrafficWindow::Span& own,
                                       double expected, std::uint32_t worst,
                                       bool tender) const noexcept {
  const TrafficWindow::Span& usual = states_[upstream].window.span(TrafficWindow::kLong);
  if ((usual.all.calls - usual.by_class[worst].calls) * 20 < usual.all.calls) return true;
  const TrafficWindow::Count& most = own.by_class[worst];
  const std::uint32_t rest = own.all.calls - most.calls;
  const double bad = std::max(kBadRate, 2.0 * expected);
  for (const TrafficWindow::Count& count : own.by_class) {
    if (count.calls > 0 && at_most(count.failed, count.calls, bad) < kWellLevel) return false;
  }
  const std::uint32_t rest_failed = own.all.failed - most.failed;
  return at_least(rest_failed, rest, expected) < (tender ? 10.0 : 1.0) * kRestLevel;
}

Finding OutlierDetector::judge_pace(std::size_t upstream, UpstreamSet peers) const noexcept {
  const State& state = states_[upstream];
  const double ratio = std::log(options_.slow_ratio);
  const double ratio_alone = std::log(options_.slow_ratio_alone);
  std::size_t slow = 0;
  std::size_t known = 0;
  double most = 0.0;
  Finding finding{.what = Outlier::kSlow};
  for (std::size_t c = 0; c < kClassesMax; ++c) {
    const Pace& pace = state.paces[c];
    if (pace.count < kSilenceCallsMin) continue;
    ++known;
    if (pace.risen < kRiseAlarm || pace.count < kPaceCallsMin) continue;
    const double usual = peer_log_mean(upstream, c, peers, kPaceCallsMin);
    if (std::isnan(usual)) continue;
    const double own = pace.log_mean();
    if (own - usual < ratio || std::exp(own) - std::exp(usual) < seconds(options_.slow_gap)) {
      continue;
    }
    ++slow;
    if (own - usual > most) {
      most = own - usual;
      finding.klass = static_cast<std::uint32_t>(c);
    }
  }
  finding.sure = slow >= 2 || (slow == 1 && known == 1 && most >= ratio_alone);
  return finding.sure ? finding : Finding{};
}

bool OutlierDetector::overdue(std::size_t upstream, std::size_t klass, UpstreamSet peers,
                              TimePoint now) const noexcept {
  const Pace& pace = states_[upstream].paces[klass];
  if (pace.in_flight == 0) return false;
  double usual_s = 0.0;
  if (pace.count >= kSilenceCallsMin) usual_s = std::exp(pace.log_mean());
  const double others = peer_log_mean(upstream, klass, peers, kSilenceCallsMin);
  if (!std::isnan(others)) usual_s = std::max(usual_s, std::exp(others));
  const double borne_s =
      usual_s > 0.0 ? std::max(seconds(options_.silence_min), options_.silence_factor * usual_s)
                    : seconds(std::max(options_.silence_min, kSilenceUnknown));
  return seconds(now - pace.quiet_since) >= borne_s;
}

Finding OutlierDetector::judge_silence(std::size_t upstream, UpstreamSet peers,
                                       TimePoint now) const noexcept {
  const State& state = states_[upstream];
  if (now - state.quiet_since < options_.silence_min) return {};
  Finding finding;
  std::uint32_t unanswered = 0;
  for (std::size_t c = 0; c < kClassesMax; ++c) {
    if (!overdue(upstream, c, peers, now)) continue;
    finding.what = Outlier::kSilent;
    finding.klass = static_cast<std::uint32_t>(c);
    unanswered += state.paces[c].in_flight;
  }
  if (finding.what == Outlier::kNone) return {};
  // It takes a peer that answers meanwhile: a proxy cut off from all of them must not blame one.
  bool others_answer = false;
  for_peers(upstream, peers, states_.size(), [&](std::size_t i) {
    const Duration since = states_[i].answered_at - state.quiet_since;
    others_answer = others_answer || since >= options_.silence_min / 2;
  });
  finding.sure = unanswered >= kSilentCallsMin && others_answer;
  return finding;
}

void OutlierDetector::forget(std::size_t upstream, TimePoint now) noexcept {
  State& state = states_[upstream];
  state.window.clear(now);
  state.quiet_since = now;
  for (Pace& pace : state.paces) {
    pace.count = pace.log_sum = pace.risen = 0.0;
    pace.quiet_since = now;
  }
}

void OutlierDetector::adopt(std::size_t upstream) noexcept {
  for (Pace& pace : states_[upstream].paces) pace.gap_known = false;
}

double OutlierDetector::peer_failure_share(std::size_t upstream, UpstreamSet peers) const noexcept {
  TrafficWindow::Count others;
  for_peers(upstream, peers, states_.size(), [&](std::size_t i) {
    const TrafficWindow::Count& count = states_[i].window.span(TrafficWindow::kLately).all;
    others.calls += count.calls;
    others.failed += count.failed;
  });
  return others.calls == 0 ? 0.0 : static_cast<double>(others.failed) / others.calls;
}

bool OutlierDetector::one_class_in_use(std::size_t upstream) const noexcept {
  const TrafficWindow::Span& minute = states_[upstream].window.span(TrafficWindow::kLong);
  const auto used =
      std::ranges::count_if(minute.by_class, [](const auto& count) { return count.calls > 0; });
  return used == 1 && minute.all.calls >= kOneClassCalls;
}

Duration OutlierDetector::usual(std::size_t upstream, std::uint32_t klass,
                                UpstreamSet peers) const noexcept {
  if (klass >= kClassesMax) return Duration::zero();
  const double mean = peer_log_mean(upstream, klass, peers, kSilenceCallsMin);
  if (std::isnan(mean)) return Duration::zero();
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(std::exp(mean)));
}

}  // namespace sluice::policy

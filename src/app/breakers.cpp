// SPDX-License-Identifier: Apache-2.0
#include "app/breakers.hpp"

#include <array>
#include <iterator>

#include <fmt/format.h>

#include "app/daemon.hpp"
#include "ethereum/method.hpp"
#include "events/event.hpp"

namespace sluice::app {

namespace {

using policy::BreakerState;

/// In the order of BreakerState.
constexpr std::array<std::string_view, 3> kStateWords = {"closed", "open", "half_open"};

std::string_view class_word(std::size_t method_class) {
  return ethereum::word(static_cast<ethereum::MethodClass>(method_class));
}

}  // namespace

void collect_breakers(std::string_view chain, std::string_view upstream, upstream::Shared& shared,
                      metrics::Emitter& emitter) {
  using metrics::MetricId;
  for (std::size_t k = 0; k < ethereum::kMethodClasses; ++k) {
    upstream::ClassBoard& classes = shared.classes();
    const auto totals = classes.totals(k);
    const BreakerState state = classes.breaker(k).state();
    const bool used = totals.successes + totals.failures > 0 || state != BreakerState::kClosed;
    if (!used) continue;
    emitter.one_hot(MetricId::kBreakerState, {chain, upstream, class_word(k)}, kStateWords,
                    static_cast<std::size_t>(state));
    for (std::size_t to = 0; to < kStateWords.size(); ++to) {
      const auto times = classes.transitions(k, static_cast<BreakerState>(to)).load();
      if (times > 0) {
        emitter.counter(MetricId::kBreakerTransitions,
                        {chain, upstream, class_word(k), kStateWords[to]},
                        static_cast<double>(times));
      }
    }
  }
}

std::string breakers_status(upstream::Shared& shared, TimePoint now) {
  std::string out = "{";
  for (std::size_t k = 0; k < ethereum::kMethodClasses; ++k) {
    const policy::Breaker& breaker = shared.classes().breaker(k);
    if (breaker.state() == BreakerState::kClosed) continue;
    fmt::format_to(
        std::back_inserter(out),
        R"({}"{}":{{"state":"{}","failure_ratio":{:.3f},"calls":{:.0f},"opens_in_ms":{}}})",
        out.size() > 1 ? "," : "", class_word(k),
        kStateWords[static_cast<std::size_t>(breaker.state())], breaker.failure_share(now),
        breaker.calls(now), breaker.opens_in(now).count() / 1'000'000);
  }
  return out + "}";
}

void Daemon::breaker_changed(const std::string& chain, const health::UpstreamTarget& upstream,
                             const health::BreakerChange& change) {
  const std::string_view klass = class_word(change.method_class);
  const bool by_hand = upstream.shared->classes().breaker(change.method_class).overridden() !=
                       policy::BreakerOverride::kNone;
  const std::string_view reason = by_hand ? "operator" : "calls";
  switch (change.to) {
    case BreakerState::kOpen:
      events_->emit(events::BreakerOpened{.chain = chain,
                                          .upstream = upstream.name,
                                          .klass = klass,
                                          .reason = reason,
                                          .failure_ratio = change.failure_share,
                                          .calls = static_cast<std::uint64_t>(change.calls),
                                          .open_s = seconds(change.open)});
      return;
    case BreakerState::kHalfOpen:
      events_->emit(
          events::BreakerHalfOpened{.chain = chain, .upstream = upstream.name, .klass = klass});
      return;
    case BreakerState::kClosed:
      // Calls that queue may be served here again.
      tell_workers(upstream.shared, false);
      events_->emit(events::BreakerClosed{.chain = chain,
                                          .upstream = upstream.name,
                                          .klass = klass,
                                          .reason = reason,
                                          .open_s = seconds(change.open)});
      return;
  }
}

}  // namespace sluice::app

// SPDX-License-Identifier: Apache-2.0
#include "health/watched.hpp"

#include <algorithm>
#include <numbers>
#include <utility>

#include "ethereum/method.hpp"

namespace sluice::health {

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

policy::ProbePlanOptions plan_options(Duration interval) {
  policy::ProbePlanOptions options;
  options.interval = interval;
  return options;
}

/// From sums of binary logarithms of nanoseconds to one of natural logarithms of seconds.
double log_seconds(std::uint64_t log2_ns, std::uint32_t count) {
  constexpr double kLogNanosecond = -20.723265836946411;
  return static_cast<double>(log2_ns) / 65536.0 * std::numbers::ln2 + kLogNanosecond * count;
}

template <class To>
To delta(std::uint64_t& last, std::uint64_t current) {
  return static_cast<To>(current - std::exchange(last, current));
}

}  // namespace

Watched::Watched(net::Loop& loop, std::shared_ptr<upstream::Shared> shared, Duration interval,
                 TimePoint now)
    : shared_(std::move(shared)),
      prober_(std::make_unique<Prober>(loop, shared_)),
      plan_(plan_options(interval)),
      quiet_since_(now),
      successes_(shared_->successes.load()),
      failures_(shared_->failures.load()),
      connect_failures_(shared_->connect_failures.load()),
      answered_(successes_) {
  for (std::size_t k = 0; k < totals_.size(); ++k) {
    totals_[k] = shared_->classes().totals(k);
    // One that is open already was told by whoever watched before.
    breakers_[k].state = shared_->classes().breaker(k).state();
    breakers_[k].round = shared_->classes().breaker(k).round();
    breakers_[k].opened_at = now;
  }
}

const Watched::Traffic& Watched::gather() {
  latest_.passive = {
      .successes = delta<std::uint32_t>(successes_, shared_->successes.load(kRelaxed)),
      .failures = delta<std::uint32_t>(failures_, shared_->failures.load(kRelaxed)),
      .connect_failures =
          delta<std::uint32_t>(connect_failures_, shared_->connect_failures.load(kRelaxed)),
      .failing_classes = shared_->failing_classes.load(kRelaxed)};
  latest_.passive.consecutive_failures =
      std::min(shared_->consecutive_failures.load(kRelaxed), latest_.passive.failures);
  for (std::size_t k = 0; k < totals_.size(); ++k) {
    const upstream::ClassBoard::Totals now = shared_->classes().totals(k);
    upstream::ClassBoard::Totals& before = totals_[k];
    policy::ClassTraffic& traffic = latest_.classes[k];
    traffic.successes = static_cast<std::uint32_t>(now.successes - before.successes);
    traffic.failures = static_cast<std::uint32_t>(now.failures - before.failures);
    traffic.log_seconds = log_seconds(now.log2_ns - before.log2_ns, traffic.successes);
    traffic.in_flight = now.in_flight;
    latest_.passive.throttled += static_cast<std::uint32_t>(now.throttled - before.throttled);
    before = now;
  }
  return latest_;
}

bool Watched::due(const policy::ChainHealth& health, std::uint32_t index, bool spare, TimePoint now,
                  Random& random) {
  const policy::UpstreamHealth& upstream = health.upstream(index);
  const policy::HeadAge age = health.head_age(index);
  const bool suspect = (health.suspects() & policy::bit_of(index)) != 0 ||
                       shared_->consecutive_connect_failures.load(kRelaxed) > 0;
  const policy::ProbeView view{
      .well = health.serving(index) == policy::Serving::kIn && failed_ == 0,
      .returning = upstream.probe_class().has_value(),
      .failed = failed_,
      .suspect = suspect && upstream.state() == policy::HealthState::kUp,
      .spare = spare,
      .successes = latest_.passive.successes,
      .failures = latest_.passive.failures,
      .lag = health.standing(index, now).lag,
      .head_at = age.told_at,
      .moved_at = age.moved_at,
      .block_time = age.block_time};
  if (!plan_.due(view, now, random)) return false;
  plan_.sent(now);
  return true;
}

bool Watched::silent_since(TimePoint started) const noexcept {
  return shared_->in_flight.load(kRelaxed) != 0 && quiet_since_ <= started &&
         shared_->successes.load(kRelaxed) == answered_;
}

void Watched::follow_progress(TimePoint now) noexcept {
  const std::uint64_t answered = shared_->successes.load(kRelaxed);
  if (shared_->in_flight.load(kRelaxed) == 0 || answered != answered_) quiet_since_ = now;
  answered_ = answered;
}

void Watched::warm_up_began() noexcept {
  warm_ups_failed_ = shared_->warm_ups_failed.load(kRelaxed);
}

/// Connections that still carry calls of before it went out are there as well.
policy::WarmUpView Watched::warm_up() const noexcept {
  const upstream::Options& options = shared_->options();
  std::uint32_t under_way = shared_->connecting.load(kRelaxed);
  for (const upstream::PoolPart& part : shared_->parts()) under_way += part.trials.load(kRelaxed);
  const std::uint32_t unready = under_way + shared_->parked.load(kRelaxed);
  const std::uint32_t all = shared_->connections.load(kRelaxed);
  return {.wanted = std::min(options.warm_up, shared_->limit.load(kRelaxed)),
          .ready = all > unready ? all - unready : 0,
          .under_way = under_way,
          .failed = shared_->warm_ups_failed.load(kRelaxed) - warm_ups_failed_};
}

bool Watched::next_breaker_change(BreakerChange& change, TimePoint now) noexcept {
  for (std::size_t k = 0; k < breakers_.size(); ++k) {
    const policy::Breaker& breaker = shared_->classes().breaker(k);
    Known& known = breakers_[k];
    policy::BreakerState state = breaker.state();
    // Between two looks it may have been half-open and opened again.
    if (breaker.round() != known.round && known.state == policy::BreakerState::kOpen) {
      state = policy::BreakerState::kHalfOpen;
    }
    known.round = breaker.round();
    if (state == known.state) continue;
    change = {.method_class = k,
              .to = state,
              .failure_share = breaker.failure_share(now),
              .calls = breaker.calls(now),
              .open = state == policy::BreakerState::kOpen ? breaker.opens_in(now)
                                                           : now - known.opened_at};
    if (known.state == policy::BreakerState::kClosed) known.opened_at = now;
    known.state = state;
    shared_->classes().transitions(k, state).fetch_add(1, kRelaxed);
    return true;
  }
  return false;
}

ClassProbe class_probe(std::size_t method_class) noexcept {
  using ethereum::MethodClass;
  switch (static_cast<MethodClass>(method_class)) {
    case MethodClass::kCheapRead:
      return {"eth_gasPrice", "[]"};
    case MethodClass::kStateRead:
      return {"eth_getBalance", R"(["0x0000000000000000000000000000000000000000","latest"])"};
    case MethodClass::kCall:
      return {"eth_call",
              R"([{"to":"0x0000000000000000000000000000000000000000","data":"0x"},"latest"])"};
    case MethodClass::kLogs:
      return {"eth_getLogs", R"([{"fromBlock":"latest","toBlock":"latest"}])"};
    case MethodClass::kBlock:
      return {"eth_getBlockByNumber", R"(["latest",false])"};
    case MethodClass::kTrace:
      // Of no transaction: whether the module answers at all, at no cost.
      return {"debug_traceTransaction",
              R"(["0x0000000000000000000000000000000000000000000000000000000000000000"])"};
    case MethodClass::kWrite:
    case MethodClass::kFilter:
    case MethodClass::kSubscription:
    case MethodClass::kOther:
      break;
  }
  return {};
}

}  // namespace sluice::health

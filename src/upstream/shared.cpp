// SPDX-License-Identifier: Apache-2.0
#include "upstream/shared.hpp"

namespace sluice::upstream {

namespace {

bool take_below(std::atomic<std::uint32_t>& used, std::uint32_t max) noexcept {
  std::uint32_t seen = used.load(std::memory_order_relaxed);
  while (seen < max) {
    if (used.compare_exchange_weak(seen, seen + 1)) return true;
  }
  return false;
}

void fold(std::atomic<std::uint64_t>& mean_ns, Duration duration) noexcept {
  const auto sample = static_cast<std::uint64_t>(std::max<std::int64_t>(duration.count(), 1));
  const std::uint64_t mean = mean_ns.load(std::memory_order_relaxed);
  // Two workers may overwrite each other's sample: a mean can bear that, a lock here could not.
  mean_ns.store(mean == 0 ? sample : mean - mean / 16 + sample / 16, std::memory_order_relaxed);
}

}  // namespace

void Hand::take_over(const Hand& earlier) noexcept {
  drained.store(earlier.drained.load());
  weight.store(earlier.weight.load());
  connections.store(earlier.connections.load());
  for (std::size_t i = 0; i < breakers.size(); ++i) breakers[i].store(earlier.breakers[i].load());
}

Shared::Shared(Options options, std::shared_ptr<net::ClientTls> tls,
               std::shared_ptr<Ceiling> ceiling, std::size_t workers)
    : limit(options.connections_max),
      target(options.connections_min),
      options_(std::move(options)),
      request_prefix_(options_.request_prefix()),
      tls_(std::move(tls)),
      ceiling_(std::move(ceiling)),
      parts_(workers),
      classes_(std::make_shared<ClassBoard>(workers)),
      endpoints_(std::make_shared<const std::vector<net::TcpEndpoint>>()) {}

bool Shared::take_permit() noexcept {
  if (!take_below(connections, limit.load(std::memory_order_relaxed))) return false;
  if (take_below(ceiling_->used, ceiling_->max.load(std::memory_order_relaxed))) return true;
  connections.fetch_sub(1);
  return false;
}

bool Shared::return_permit() noexcept {
  const bool was_full = ceiling_->used.fetch_sub(1) >= ceiling_->max.load();
  connections.fetch_sub(1);
  return was_full;
}

std::shared_ptr<const std::vector<net::TcpEndpoint>> Shared::endpoints() const {
  const std::scoped_lock lock(endpoints_mutex_);
  return endpoints_;
}

void Shared::set_endpoints(std::vector<net::TcpEndpoint> endpoints) {
  auto next = std::make_shared<const std::vector<net::TcpEndpoint>>(std::move(endpoints));
  const std::scoped_lock lock(endpoints_mutex_);
  endpoints_ = std::move(next);
}

void Shared::inherit(const Shared& earlier) noexcept {
  classes_ = earlier.classes_;
  stats_ = earlier.stats_;
  for (std::size_t k = 0; k < kMethodClassesMax; ++k) {
    hedge_after_ns[k].store(earlier.hedge_after_ns[k].load());
    usual_ns[k].store(earlier.usual_ns[k].load());
  }
  latency_ns.store(earlier.latency_ns.load());
  handshake_ns.store(earlier.handshake_ns.load());
  draining = earlier.draining;
  head.store(earlier.head.load());
  in_rotation.store(earlier.in_rotation.load());
  verified.store(earlier.verified.load());
  probed.store(earlier.probed.load());
  answering.store(earlier.answering.load());
  score.store(earlier.score.load());
  lag.store(earlier.lag.load());
  ramp.store(earlier.ramp.load());
  to_blame.store(earlier.to_blame.load());
  outrun.store(earlier.outrun.load());
  consecutive_failures.store(earlier.consecutive_failures.load());
  consecutive_connect_failures.store(earlier.consecutive_connect_failures.load());
  target.store(std::min(earlier.target.load(), options_.connections_max));
  throttled_until_ns.store(earlier.throttled_until_ns.load());
  unbatched_until_ns.store(earlier.unbatched_until_ns.load());
  set_endpoints(*earlier.endpoints());
}

void Shared::obey_hand() noexcept {
  for (std::size_t k = 0; k < kMethodClassesMax; ++k) {
    const auto wanted = static_cast<policy::BreakerOverride>(hand.breaker(k));
    policy::Breaker& breaker = classes_->breaker(k);
    if (breaker.overridden() != wanted) breaker.override_with(wanted);
  }
}

void Shared::observe_latency(Duration duration) noexcept {
  fold(latency_ns, duration);
}

void Shared::observe_handshake(Duration duration) noexcept {
  fold(handshake_ns, duration);
}

}  // namespace sluice::upstream

// SPDX-License-Identifier: Apache-2.0
#include "policy/balance/upstream_stats.hpp"

#include <algorithm>

namespace sluice::policy {

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr float kModelErrorOver = 1000.0F;

std::uint64_t in_flight_word(std::int64_t began_ns) noexcept {
  return (static_cast<std::uint64_t>(began_ns / 1000) << 16) + 1;
}

}  // namespace

void UpstreamStats::begin(std::size_t klass, std::int64_t work, std::int64_t now_ns) noexcept {
  work_ns.fetch_add(work, kRelaxed);
  classes[klass].in_flight.fetch_add(in_flight_word(now_ns), kRelaxed);
  if (calls.fetch_add(1, kRelaxed) == 0) progress_ns.store(now_ns, kRelaxed);
}

void UpstreamStats::end(std::size_t klass, std::int64_t work, std::int64_t began_ns,
                        std::int64_t now_ns) noexcept {
  work_ns.fetch_sub(work, kRelaxed);
  classes[klass].in_flight.fetch_sub(in_flight_word(began_ns), kRelaxed);
  calls.fetch_sub(1, kRelaxed);
  progress_ns.store(now_ns, kRelaxed);
}

void UpstreamStats::restart(TimePoint now) noexcept {
  proven.store(0, kRelaxed);
  restarted_ns.store(now.time_since_epoch().count(), kRelaxed);
}

void UpstreamStats::learn_model_error(float error, float plain_error, float weight) noexcept {
  const float samples = std::min(model_samples.load(kRelaxed) + weight, kModelErrorOver);
  model_samples.store(samples, kRelaxed);
  auto [own, plain] = model_error.load();
  const float pace = weight / std::max(samples, 1.0F);
  own += pace * (error - own);
  plain += pace * (plain_error - plain);
  model_error.store({own, plain});
}

UpstreamStats::InFlight UpstreamStats::in_flight(std::size_t klass,
                                                 std::int64_t now_ns) const noexcept {
  const std::uint64_t word = classes[klass].in_flight.load(kRelaxed);
  const std::uint64_t count = word & 0xffff;
  constexpr std::uint64_t kSum = (std::uint64_t{1} << 48) - 1;
  const std::uint64_t ages =
      (count * static_cast<std::uint64_t>(now_ns / 1000) - (word >> 16)) & kSum;
  // A clock that was read a moment before the start of a call gives a sum just below zero.
  if (count == 0 || ages > kSum / 2) return {static_cast<std::uint32_t>(count), 0.0F};
  return {static_cast<std::uint32_t>(count),
          static_cast<float>(ages) * 1e-6F / static_cast<float>(count)};
}

}  // namespace sluice::policy

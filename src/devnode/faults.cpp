// SPDX-License-Identifier: Apache-2.0
#include "devnode/faults.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace sluice::devnode {
namespace {

constexpr double kLatencyMaxMs = 600'000;
constexpr double kNormalP99 = 2.3263;

bool happens(double ratio, Random& random) {
  return ratio > 0 && random.uniform() < ratio;
}

/// Box and Muller's transform; 1 - u keeps the logarithm's argument above zero.
double normal(Random& random) {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - random.uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * random.uniform());
}

/// The log-normal value with the given mean and 99th percentile: with m = ln(p99/mean), sigma
/// solves sigma^2/2 - z sigma + m = 0, which has no solution above m = z^2/2 (then the widest
/// possible shape is taken).
double lognormal(double mean, double p99, Random& random) {
  if (mean <= 0) return 0;
  const double ratio = std::max(std::log(p99 / mean), 0.0);
  const double sigma = kNormalP99 - std::sqrt(std::max(kNormalP99 * kNormalP99 - 2 * ratio, 0.0));
  return mean * std::exp(sigma * normal(random) - sigma * sigma / 2);
}

}  // namespace

Duration Latency::draw(Random& random, std::optional<Duration> asked) const {
  double ms = mean_ms;
  if (happens(tail_ratio, random)) {
    ms = tail_ms;
  } else if (shape == Shape::kUniform) {
    ms = min_ms + 2 * std::max(mean_ms - min_ms, 0.0) * random.uniform();
  } else if (shape == Shape::kExponential) {
    ms = min_ms - std::max(mean_ms - min_ms, 0.0) * std::log(1.0 - random.uniform());
  } else if (shape == Shape::kLognormal) {
    ms = lognormal(mean_ms, p99_ms > 0 ? p99_ms : 3 * mean_ms, random);
  } else if (shape == Shape::kAsked && asked) {
    ms = seconds(*asked) * 1e3;
  }
  ms = factor * std::clamp(ms, std::clamp(min_ms, 0.0, kLatencyMaxMs), kLatencyMaxMs);
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double, std::milli>(ms));
}

bool Faults::covers(std::string_view method) const noexcept {
  return methods.empty() || std::find(methods.begin(), methods.end(), method) != methods.end();
}

const Latency& Faults::latency_of(std::string_view method) const noexcept {
  const auto own = latency_by_method.find(method);
  return own == latency_by_method.end() ? latency : own->second;
}

Verdict Faults::decide(std::string_view method, Random& random,
                       std::optional<Duration> asked) const {
  Verdict verdict;
  verdict.latency = latency_of(method).draw(random, asked);
  verdict.hang = happens(hang, random);
  if (happens(disconnect, random)) verdict.disconnect = disconnect_stage;
  verdict.rate_limited = happens(rate_limit_429, random);
  verdict.error = happens(error_ratio, random);
  verdict.null_result = happens(null_results, random);
  verdict.truncate = happens(truncate, random);
  if (happens(garbage_ratio, random)) verdict.garbage = garbage;
  if (happens(framing_ratio, random)) verdict.framing = framing;
  return verdict;
}

}  // namespace sluice::devnode

// SPDX-License-Identifier: Apache-2.0
#include "policy/latency_histogram.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "support/property.hpp"
#include "unit/policy/sim.hpp"

namespace sluice::policy {
namespace {

using namespace test;

TEST_CASE("a step's middle is within 1.6 % of what falls into it, and steps rise") {
  sluice::test::check_property("error", [](std::uint64_t raw) {
    const Duration value(static_cast<Duration::rep>(1024 + raw % 137'000'000'000ULL));
    const Duration middle = LatencyScale::middle_of(LatencyScale::step_of(value));
    RC_ASSERT(std::fabs(seconds(middle) / seconds(value) - 1) <= 1.0 / 64);
    RC_ASSERT(LatencyScale::step_of(value) <= LatencyScale::step_of(value + 1us));
  });
}

TEST_CASE("what is beyond the scale falls into its ends") {
  CHECK(LatencyScale::step_of(Duration(-5)) == 0);
  CHECK(LatencyScale::step_of(Duration(0)) == 0);
  CHECK(LatencyScale::step_of(Duration(1024)) == 0);
  CHECK(LatencyScale::step_of(24h) == LatencyScale::kSteps - 1);
  CHECK(LatencyScale::step_of(Duration::max()) == LatencyScale::kSteps - 1);
}

/// Quantiles of a million samples against the exact ones.
template <class Draw>
void check_quantiles(Draw draw) {
  Random random(7);
  const auto histogram = std::make_unique<LatencyHistogram>();
  std::vector<double> exact;
  for (int i = 0; i < 1'000'000; ++i) {
    const double s = std::clamp(draw(random), 2e-6, 130.0);
    exact.push_back(s);
    histogram->record(Duration(static_cast<Duration::rep>(s * 1e9)));
  }
  RecentLatency recent;
  recent.begin();
  recent.add(*histogram);
  recent.end(at(0s));
  CHECK(recent.samples() == exact.size());
  std::sort(exact.begin(), exact.end());
  for (const double q : {0.5, 0.9, 0.95, 0.99, 0.999, 0.9999}) {
    const double want = exact[static_cast<std::size_t>(q * static_cast<double>(exact.size())) - 1];
    CAPTURE(q, want, seconds(recent.quantile(q)));
    CHECK(std::fabs(seconds(recent.quantile(q)) / want - 1) <= 0.017);
  }
}

TEST_CASE("quantiles are within 1.6 % of the exact ones, whatever the shape") {
  const auto normal = [](Random& r) {
    return std::sqrt(-2 * std::log(1 - r.uniform())) * std::cos(6.283185307 * r.uniform());
  };
  check_quantiles([&](Random& r) { return 0.003 * std::exp(normal(r)); });
  check_quantiles([](Random& r) { return 0.001 * std::pow(1 - r.uniform(), -1 / 1.1); });
  check_quantiles(
      [&](Random& r) { return (r.uniform() < 0.5 ? 0.001 : 0.4) * std::exp(0.1 * normal(r)); });
}

TEST_CASE("what was slow once is forgotten, by half every ten seconds") {
  const auto one = std::make_unique<LatencyHistogram>();
  const auto other = std::make_unique<LatencyHistogram>();
  RecentLatency recent;
  const auto look = [&](Duration when) {
    recent.begin();
    recent.add(*one);
    recent.add(*other);
    recent.end(at(when));
  };
  for (int i = 0; i < 1000; ++i) one->record(100ms);
  look(0s);
  CHECK(recent.samples() == 1000);
  for (int i = 0; i < 1000; ++i) other->record(1ms);
  look(1s);
  CHECK(recent.samples() == 2000);
  CHECK(seconds(recent.quantile(0.9)) == Approx(0.1).epsilon(0.016));
  look(30s);
  CHECK(recent.samples() == 250);
  for (int i = 0; i < 5000; ++i) other->record(1ms);
  look(31s);
  CHECK(seconds(recent.quantile(0.95)) == Approx(0.001).epsilon(0.016));
  look(3000s);
  CHECK(recent.samples() == 0);
  CHECK(recent.quantile(0.5) == Duration::zero());
}

}  // namespace
}  // namespace sluice::policy

// SPDX-License-Identifier: Apache-2.0
#include "proxy/fitness.hpp"

#include <functional>
#include <vector>

#include "support/catch.hpp"

namespace sluice::proxy {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kNow = TimePoint(1h);
constexpr std::size_t kClass = 3;
constexpr std::uint64_t kHead = 100;

/// One that nothing keeps calls from.
UpstreamSpec sound() {
  UpstreamSpec spec;
  upstream::Options options;
  options.connections_max = 64;
  spec.shared = std::make_shared<upstream::Shared>(options, nullptr,
                                                   std::make_shared<upstream::Ceiling>(), 1);
  spec.shared->in_rotation = true;
  spec.shared->head = kHead;
  spec.rate = std::make_shared<RateGate>(0);
  return spec;
}

Obstacle bar_of(const UpstreamSpec& spec, Fit least, const ethereum::BlockRef& block = {}) {
  return obstacle(spec, kClass, block, kHead, kNow, least);
}

}  // namespace

TEST_CASE("each obstacle by itself, and how far down it still counts") {
  struct Row {
    Obstacle expected;
    std::function<void(UpstreamSpec&)> make;
    /// Of the three, those that it bars.
    bool in_rotation = false, last_resort = false;
  };
  const auto open_breaker = [](UpstreamSpec& spec) {
    spec.shared->hand.breakers[kClass] = upstream::Hand::Breaker::kOpen;
    spec.shared->obey_hand();
  };
  const std::vector<Row> rows = {
      {Obstacle::kNone, [](UpstreamSpec&) {}},
      {Obstacle::kDrained, [](UpstreamSpec& s) { s.shared->hand.drained = true; }, true, true},
      {Obstacle::kOut, [](UpstreamSpec& s) { s.shared->in_rotation = false; }, true, true},
      {Obstacle::kThrottled,
       [](UpstreamSpec& s) {
         s.shared->throttled_until_ns = (kNow + 1s).time_since_epoch().count();
       },
       true, true},
      {Obstacle::kRateUsedUp,
       [](UpstreamSpec& s) {
         s.rate = std::make_shared<RateGate>(1);
         static_cast<void>(s.rate->take(kNow));
       },
       true, true},
      {Obstacle::kOutrun, [](UpstreamSpec& s) { s.shared->outrun = policy::kOutrunSuspect; }},
      {Obstacle::kToBlame, [](UpstreamSpec& s) { s.shared->to_blame = true; }},
      {Obstacle::kConnectFailed,
       [](UpstreamSpec& s) { s.shared->consecutive_connect_failures = 1; }},
      {Obstacle::kFailing,
       [](UpstreamSpec& s) {
         s.shared->consecutive_failures = kSuspectFailures;
         s.shared->failing_classes = 3;
       }},
      {Obstacle::kBreaker, open_breaker},
      {Obstacle::kLagging, [](UpstreamSpec& s) { s.shared->lag = s.lag_prefer + 1; }},
  };
  for (const Row& row : rows) {
    INFO(word(row.expected));
    UpstreamSpec spec = sound();
    row.make(spec);
    CHECK(bar_of(spec, Fit::kBest) == row.expected);
    CHECK(bar_of(spec, Fit::kInRotation) == (row.in_rotation ? row.expected : Obstacle::kNone));
    CHECK(bar_of(spec, Fit::kLastResort) == (row.last_resort ? row.expected : Obstacle::kNone));
  }
}

TEST_CASE("one that is out but answers its probes is a last resort") {
  UpstreamSpec spec = sound();
  spec.shared->in_rotation = false;
  spec.shared->answering = true;
  CHECK(bar_of(spec, Fit::kInRotation) == Obstacle::kOut);
  CHECK(bar_of(spec, Fit::kLastResort) == Obstacle::kNone);
}

TEST_CASE("a block that it has not got keeps a call away, a past one does not mind its lag") {
  UpstreamSpec spec = sound();
  spec.shared->head = kHead - 5;
  spec.shared->lag = 5;
  ethereum::BlockRef block{.kind = ethereum::BlockRef::kNumber, .number = kHead - 5};
  CHECK(bar_of(spec, Fit::kBest, block) == Obstacle::kNone);
  block.number = kHead - 4;
  CHECK(bar_of(spec, Fit::kBest, block) == Obstacle::kWithoutBlock);
  // Nobody has it: all are as good.
  block.number = kHead + 1;
  CHECK(bar_of(spec, Fit::kBest, block) == Obstacle::kNone);
}

TEST_CASE("a candidate has the room that its limit leaves, not that of its pool") {
  const UpstreamSpec spec = sound();
  CHECK(candidate_of(spec, 0).capacity == 64);
  spec.shared->limit = 8;
  spec.shared->in_flight = 8;
  CHECK(candidate_of(spec, 0).capacity == 8);
  CHECK_FALSE(has_room(candidate_of(spec, 0)));
  spec.shared->in_flight = 7;
  CHECK(has_room(candidate_of(spec, 0)));
}

}  // namespace sluice::proxy

// SPDX-License-Identifier: Apache-2.0
#include "policy/retry.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "unit/policy/sim.hpp"

namespace sluice::policy {
namespace {

using namespace test;

constexpr Resend kAll[] = {Resend::kFreely, Resend::kRetry, Resend::kByHash, Resend::kPinned,
                           Resend::kNever};
constexpr const char* kAllNames[] = {"freely", "retry", "by hash", "pinned", "never"};

struct Fixture {
  RetryPolicy policy;
  RetryState state;
  RetryBudget budget{{}, at(0s)};
  Random random{1};

  RetryDecision operator()(const FailedAttempt& attempt, Resend resend, TimePoint now = at(0s),
                           TimePoint deadline = at(30s)) {
    return decide(policy, state, attempt, resend, now, deadline, budget, random);
  }
  double spent() const { return 30.0 - budget.balance(at(0s)); }
};

FailedAttempt failed(Failure failure, bool bytes_written = true, bool other = true) {
  return {.failure = failure, .bytes_written = bytes_written, .other_upstream_left = other};
}

}  // namespace

TEST_CASE("what each failure allows for each resend class") {
  struct Row {
    const char* name;
    FailedAttempt attempt;
    const char* actions;  // per class in kAll: e elsewhere, s same, - give up
    bool spends;
    bool maybe_sent;
  };
  const std::vector<Row> rows = {
      {"surely not sent", failed(Failure::kSurelyNotSent), "eeeee", false, false},
      {"maybe sent", failed(Failure::kMaybeSent), "eee--", true, true},
      {"judged retryable", failed(Failure::kJudgedRetryable), "eee--", true, false},
      {"stale, bytes written", failed(Failure::kStaleConnection), "sss--", false, true},
      {"upstream lost", failed(Failure::kUpstreamLost), "eee--", false, true},
      {"stale, nothing written", failed(Failure::kStaleConnection, false), "sssss", false, false},
  };
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < 5; ++i) {
      INFO(row.name << ", " << kAllNames[i]);
      Fixture f;
      const RetryDecision decision = f(row.attempt, kAll[i]);
      const char wanted = row.actions[i];
      CHECK(decision.backoff == Duration::zero());
      CHECK(f.state.maybe_sent == row.maybe_sent);
      if (wanted == '-') {
        CHECK(decision == RetryDecision{RetryAction::kGiveUp, GiveUp::kMethod, 0s});
        CHECK(f.spent() == Approx(0.0));
        CHECK(f.state.retries == 0);
      } else {
        CHECK(decision.reason == GiveUp::kNone);
        CHECK(decision.action ==
              (wanted == 'e' ? RetryAction::kElsewhere : RetryAction::kReplaySame));
        CHECK(f.spent() == Approx(row.spends ? 1.0 : 0.0));
        CHECK(f.state.retries == (wanted == 'e' ? 1 : 0));
      }
    }
  }
}

TEST_CASE("a stale connection is replayed once at each upstream, then it is a cut connection") {
  Fixture f;
  f.policy.retries_max = 1;
  const auto stale = failed(Failure::kStaleConnection);
  CHECK(f(stale, Resend::kFreely).action == RetryAction::kReplaySame);
  CHECK(f(stale, Resend::kFreely).action == RetryAction::kElsewhere);
  CHECK(f.spent() == Approx(1.0));
  CHECK(f(stale, Resend::kFreely).action == RetryAction::kReplaySame);
  CHECK(f(stale, Resend::kFreely).reason == GiveUp::kAttempts);
}

TEST_CASE("the replay needs neither a retry nor budget") {
  Fixture f;
  f.policy.retries_max = 0;
  while (f.budget.try_spend(at(0s))) {
  }
  CHECK(f(failed(Failure::kStaleConnection), Resend::kByHash).action == RetryAction::kReplaySame);
  CHECK(f(failed(Failure::kSurelyNotSent), Resend::kByHash).reason == GiveUp::kAttempts);
}

TEST_CASE("a pinned or never-resent call is never resent once bytes were written, in any order") {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    for (const Resend resend : {Resend::kPinned, Resend::kNever}) {
      Fixture f;
      f.policy.retries_max = 10;
      for (int step = 0; step < 10; ++step) {
        const FailedAttempt attempt{.failure = static_cast<Failure>(random.below(4)),
                                    .bytes_written = random.below(2) == 0,
                                    .other_upstream_left = random.below(2) == 0};
        const bool written =
            attempt.failure == Failure::kMaybeSent ||
            attempt.failure == Failure::kJudgedRetryable ||
            (attempt.failure == Failure::kStaleConnection && attempt.bytes_written);
        const auto decision = f(attempt, resend);
        if (written) REQUIRE(decision.action == RetryAction::kGiveUp);
        if (decision.action == RetryAction::kGiveUp) break;
      }
    }
  }
}

TEST_CASE("attempts, deadline and budget each end it, with their reason") {
  SECTION("attempts") {
    Fixture f;
    for (std::uint32_t i = 0; i < f.policy.retries_max; ++i) {
      CHECK(f(failed(Failure::kMaybeSent), Resend::kFreely).action == RetryAction::kElsewhere);
    }
    CHECK(f(failed(Failure::kMaybeSent), Resend::kFreely).reason == GiveUp::kAttempts);
    CHECK(f(failed(Failure::kSurelyNotSent), Resend::kFreely).reason == GiveUp::kAttempts);
  }
  SECTION("deadline") {
    for (const Failure failure : {Failure::kSurelyNotSent, Failure::kMaybeSent,
                                  Failure::kJudgedRetryable, Failure::kStaleConnection}) {
      Fixture f;
      CHECK(f(failed(failure), Resend::kFreely, at(30s), at(30s)).reason == GiveUp::kDeadline);
      CHECK(f(failed(failure), Resend::kFreely, at(31s), at(30s)).reason == GiveUp::kDeadline);
      CHECK(f(failed(failure), Resend::kFreely, at(30s - 1ns), at(30s)).reason == GiveUp::kNone);
    }
  }
  SECTION("budget") {
    Fixture f;
    while (f.budget.try_spend(at(0s))) {
    }
    CHECK(f(failed(Failure::kMaybeSent), Resend::kFreely).reason == GiveUp::kBudget);
    CHECK(f.state.retries == 0);
    CHECK(f(failed(Failure::kSurelyNotSent), Resend::kFreely).action == RetryAction::kElsewhere);
  }
  SECTION("a decision that gives up for the deadline spends nothing") {
    Fixture f;
    auto attempt = failed(Failure::kMaybeSent, true, false);
    attempt.retry_after = 5s;
    CHECK(f(attempt, Resend::kFreely, at(0s), at(5s)).reason == GiveUp::kDeadline);
    CHECK(f.spent() == Approx(0.0));
  }
}

TEST_CASE("a retry that could begin no earlier than the deadline is not made") {
  Fixture f;
  f.policy.backoff = 0s;
  auto throttled = failed(Failure::kJudgedRetryable, true, false);
  throttled.retry_after = 5s;
  CHECK(f(throttled, Resend::kFreely, at(0s), at(5s)).reason == GiveUp::kDeadline);
  CHECK(f(throttled, Resend::kFreely, at(0s), at(5s + 1ns)).backoff == 5s);
}

TEST_CASE("backoff is fully jittered, only when no other upstream is left") {
  Fixture f;
  f.policy.retries_max = 100;
  f.policy.backoff = 25ms;
  f.policy.backoff_max = 1s;
  f.budget = RetryBudget({.floor_per_s = 1e6}, at(0s));
  const auto alone = failed(Failure::kSurelyNotSent, true, false);
  for (std::uint32_t retries : {0U, 1U, 3U, 10U, 40U}) {
    CAPTURE(retries);
    const Duration most = std::min<Duration>(1s, 25ms * (1LL << std::min(retries, 20U)));
    Duration low = 1h;
    Duration high = 0s;
    for (int i = 0; i < 2000; ++i) {
      f.state.retries = retries;
      const Duration backoff = f(alone, Resend::kFreely).backoff;
      low = std::min(low, backoff);
      high = std::max(high, backoff);
      REQUIRE(backoff <= most);
    }
    CHECK(low < most / 50);
    CHECK(high > most - most / 50);
  }
  f.state.retries = 40;
  CHECK(f(failed(Failure::kSurelyNotSent), Resend::kFreely).backoff == Duration::zero());
  SECTION("what a throttled reply asked for is waited out first") {
    auto throttled = failed(Failure::kJudgedRetryable, true, false);
    throttled.retry_after = 300ms;
    f.state.retries = 0;
    const auto decision = f(throttled, Resend::kFreely);
    CHECK(decision.backoff >= 300ms);
    CHECK(decision.backoff <= 325ms);
    throttled.other_upstream_left = true;
    f.state.retries = 0;
    CHECK(f(throttled, Resend::kFreely).backoff == Duration::zero());
  }
  SECTION("no backoff configured is none") {
    f.policy.backoff = 0s;
    f.state.retries = 0;
    CHECK(f(alone, Resend::kFreely).backoff == Duration::zero());
  }
}

TEST_CASE("the budget keeps extra attempts to its share of the calls") {
  struct Row {
    const char* name;
    double calls_per_s;
    double failing;  // share of attempts that want another
  };
  for (const Row& row : {Row{"quiet", 1, 1.0}, Row{"busy", 1000, 1.0},
                         Row{"busy, half fails", 1000, 0.5}, Row{"very busy", 20000, 1.0}}) {
    INFO(row.name);
    Random random(7);
    const RetryBudget::Options options;
    RetryBudget budget(options, at(0s));
    const double total_s = 60;
    const auto gap = Duration(static_cast<Duration::rep>(1e9 / row.calls_per_s));
    int calls = 0;
    int extra = 0;
    for (Duration t{0}; t < 60s; t += gap) {
      ++calls;
      budget.on_call(at(t));
      if (random.uniform() < row.failing && budget.try_spend(at(t))) ++extra;
    }
    CHECK(extra <= 0.1 * calls + options.floor_per_s * (10 + total_s) + 1);
    // It is a budget and not a ban: what is allowed can be had.
    CHECK(extra >= 0.9 * std::min<double>(row.failing * calls, 0.1 * calls));
  }
}

TEST_CASE("an unused budget fades to its floor, and a quiet hour saves nothing up") {
  RetryBudget budget({.ratio = 0.1, .floor_per_s = 3, .ttl = 10s}, at(0s));
  CHECK(budget.balance(at(0s)) == Approx(30));
  CHECK(budget.balance(at(1h)) == Approx(30));
  for (int i = 0; i < 10000; ++i) budget.on_call(at(1h));
  CHECK(budget.balance(at(1h)) == Approx(1030));
  CHECK(budget.balance(at(1h + 10s)) == Approx(30 + 1000 * std::exp(-1.0)));
  CHECK(budget.balance(at(2h)) == Approx(30));
  int spent = 0;
  while (budget.try_spend(at(2h))) ++spent;
  CHECK((spent == 29 || spent == 30));
  CHECK_FALSE(budget.try_spend(at(2h)));
  CHECK(budget.try_spend(at(2h + 1s)));
}

TEST_CASE("a clock that goes back gives the budget nothing") {
  RetryBudget budget({}, at(1h));
  while (budget.try_spend(at(1h))) {
  }
  CHECK_FALSE(budget.try_spend(at(0s)));
  CHECK(budget.balance(at(0s)) < 1.0);
}

TEST_CASE("where all refuse, trying them again spends") {
  Fixture f;
  f.policy.retries_max = 100;
  int tries = 0;
  while (f(failed(Failure::kSurelyNotSent, true, false), Resend::kNever).action ==
         RetryAction::kElsewhere) {
    ++tries;
  }
  CHECK(tries == 30);
  CHECK(f(failed(Failure::kSurelyNotSent), Resend::kNever).action == RetryAction::kElsewhere);
}

TEST_CASE("a retry that would probably come too late is not made; a replay is") {
  Fixture f;
  FailedAttempt late = failed(Failure::kMaybeSent);
  late.expected = 100ms;
  CHECK(f(late, Resend::kFreely, at(0s), at(100ms)).reason == GiveUp::kDeadline);
  CHECK(f.spent() == Approx(0.0));
  CHECK(f(late, Resend::kFreely, at(0s), at(100ms + 1ns)).action == RetryAction::kElsewhere);
  FailedAttempt stale = failed(Failure::kStaleConnection);
  stale.expected = 100ms;
  CHECK(f(stale, Resend::kFreely, at(0s), at(50ms)).action == RetryAction::kReplaySame);
  // Where there is only the same one again, after a wait: both count.
  FailedAttempt waits = failed(Failure::kMaybeSent, true, false);
  waits.retry_after = 60ms;
  waits.expected = 100ms;
  CHECK(f(waits, Resend::kFreely, at(0s), at(159ms)).reason == GiveUp::kDeadline);
}

}  // namespace sluice::policy

// SPDX-License-Identifier: Apache-2.0
// How attempts end and what is learned from it, at once and by the tick.
#include <algorithm>
#include <utility>

#include "sim/core/draw.hpp"
#include "sim/tail/desk.hpp"

namespace sluice::sim {

void Desk::let_go(std::uint32_t id, std::uint32_t n) {
  Attempt& attempt = calls_[id].attempts[n];
  if (!std::exchange(attempt.alive, false)) return;
  // Whoever hedges without a budget does not call copies back either.
  if (options_.hedging != Hedging::kUnbudgeted) {
    nodes_[attempt.upstream]->cancel(std::uint64_t{id} * kAttempts + n);
  }
  --upstreams_[attempt.upstream].in_flight;
  serve(attempt.upstream, calls_[id].worker);
}

void Desk::finish(std::uint32_t id, bool served) {
  Call& call = calls_[id];
  if (std::exchange(call.done, true)) return;
  if (call.waiting) queue_.cancel(*std::exchange(call.waiting, std::nullopt));
  result_.calls.push_back({.at = call.came - Engine::kStart,
                           .took = engine_.now() - call.came,
                           .served = served && engine_.now() <= call.deadline,
                           .critical = call.priority == policy::Priority::kCritical});
  for (std::uint32_t n = 0; n < call.attempts_made; ++n) let_go(id, n);
}

void Desk::learn(const Call& call, const Attempt& attempt, bool ok) {
  Upstream& upstream = upstreams_[attempt.upstream];
  const Duration took = engine_.now() - attempt.started;
  if (ok) {
    upstream.consecutive = upstream.consecutive_connect = upstream.outrun = 0;
    upstream.passive.consecutive_failures = 0;
    ++upstream.passive.successes;
    upstream.times[call.method].add(took);
    const std::size_t klass = std::min<std::size_t>(call.method, policy::kLimitClasses - 1);
    ++upstream.sample.classes[klass].count;
    upstream.sample.classes[klass].latency_s += seconds(took);
  } else {
    ++upstream.consecutive;
    ++upstream.passive.failures;
    ++upstream.passive.consecutive_failures;
    if (attempt.node_down) {
      ++upstream.consecutive_connect;
      ++upstream.passive.connect_failures;
    }
  }
  upstream.vegas.on_sample(seconds(took), upstream.in_flight, !ok);
  if (ok) upstream.gradient2.on_sample(seconds(took), upstream.in_flight, engine_.now());
  update_room(attempt.upstream);
}

void Desk::on_reply(std::uint32_t id, std::uint32_t n, Reply reply) {
  Call& call = calls_[id];
  Attempt& attempt = call.attempts[n];
  if (!attempt.alive) return;
  const bool ok = reply == Reply::kOk;
  learn(call, attempt, ok);
  if (ok) {
    attempt.alive = false;
    --upstreams_[attempt.upstream].in_flight;
    if (n == 1 && call.attempts[0].alive && options_.hedging == Hedging::kSluice) {
      ++upstreams_[call.attempts[0].upstream].outrun;
    }
    finish(id, true);
    serve(attempt.upstream, call.worker);
    return;
  }
  if (reply == Reply::kRefused) {
    failed(id, n,
           attempt.node_down ? policy::Failure::kSurelyNotSent : policy::Failure::kMaybeSent);
  } else {
    failed(id, n, policy::Failure::kJudgedRetryable);
  }
}

void Desk::on_timeout(std::uint32_t id, std::uint32_t n) {
  Call& call = calls_[id];
  if (!call.attempts[n].alive) return;
  learn(call, call.attempts[n], false);
  failed(id, n, policy::Failure::kMaybeSent);
}

void Desk::failed(std::uint32_t id, std::uint32_t n, policy::Failure failure) {
  let_go(id, n);
  Call& call = calls_[id];
  // Its twin is still under way.
  for (std::uint32_t i = 0; i < call.attempts_made; ++i) {
    if (call.attempts[i].alive) return;
  }
  if (!call.done) retry(id, failure);
}

void Desk::retry(std::uint32_t id, policy::Failure failure) {
  Call& call = calls_[id];
  const TimePoint now = engine_.now();
  if (options_.retrying == Retrying::kNaive) {
    if (call.attempts_made > 3 || now >= call.deadline) {
      finish(id, false);
      return;
    }
    if (eligible(call, false) == 0) call.tried = 0;
    static_cast<void>(route(id));
    return;
  }
  Worker& worker = workers_[call.worker];
  const policy::FailedAttempt attempt{.failure = failure,
                                      .bytes_written = true,
                                      .other_upstream_left = eligible(call, false) != 0,
                                      .retry_after = Duration::zero(),
                                      .expected = expected(call.method)};
  const auto decision =
      policy::decide({}, call.retry, attempt, options_.methods[call.method].resend, now,
                     call.deadline, worker.budget, worker.random);
  if (decision.action == policy::RetryAction::kGiveUp) {
    finish(id, false);
    return;
  }
  ++result_.retries;
  if (!attempt.other_upstream_left) call.tried = 0;
  engine_.after(decision.backoff, [this, id] {
    if (!calls_[id].done) static_cast<void>(route(id));
  });
}

void Desk::update_room(std::uint32_t u) {
  Upstream& upstream = upstreams_[u];
  std::uint32_t room = options_.pool_max;
  if (options_.limiting == Limiting::kSluice) room = upstream.limit.limit();
  if (options_.limiting == Limiting::kVegas) room = upstream.vegas.limit();
  if (options_.limiting == Limiting::kGradient2) room = upstream.gradient2.limit();
  upstream.room = room;
}

void Desk::probe(std::uint32_t u) {
  const std::uint64_t id = kProbeCalls + probes_++;
  workers_[0].budget.charge(engine_.now());
  count_attempt();
  const auto answered = std::make_shared<bool>(false);
  nodes_[u]->send(id, 0, 0.0002, [this, u, answered](Reply reply) {
    if (std::exchange(*answered, true)) return;
    const TimePoint now = engine_.now();
    if (reply == Reply::kOk) {
      upstreams_[u].outrun = upstreams_[u].consecutive = upstreams_[u].consecutive_connect = 0;
      const auto head = static_cast<std::uint64_t>(seconds(engine_.elapsed()) / 12) + 1;
      static_cast<void>(health_.probe_ok(
          u, {.head = head, .chain_verified = true, .syncing = false, .latency = 1ms}, now,
          health_random_));
    } else {
      static_cast<void>(health_.probe_failed(u,
                                             reply == Reply::kRefused
                                                 ? policy::ProbeFailure::kConnect
                                                 : policy::ProbeFailure::kBadReply,
                                             now, health_random_));
    }
  });
  engine_.after(1s, [this, u, id, answered] {
    if (std::exchange(*answered, true)) return;
    nodes_[u]->cancel(id);
    static_cast<void>(
        health_.probe_failed(u, policy::ProbeFailure::kTimeout, engine_.now(), health_random_));
  });
}

void Desk::tick() {
  const TimePoint now = engine_.now();
  ++ticks_;
  const policy::UpstreamSet before = health_.rotation();
  const bool second = ticks_ % 10 == 0;
  const double wanted = policy::hedge_quantile(options_.hedge);
  for (std::uint32_t u = 0; u < upstreams_.size(); ++u) {
    Upstream& upstream = upstreams_[u];
    static_cast<void>(health_.passive(u, std::exchange(upstream.passive, {}), now, health_random_));
    upstream.sample.length = kTick;
    static_cast<void>(upstream.limit.add(upstream.sample));
    upstream.sample = {.length = {}, .classes = {}, .in_flight_max = upstream.in_flight};
    const std::uint32_t had = upstream.room;
    update_room(u);
    const bool returned = (before & policy::bit_of(u)) == 0;
    if (upstream.room > had || returned) {
      for (std::uint32_t w = 0; w < options_.workers; ++w) serve(u, w);
    }
    if ((ticks_ + u) % 20 == 0) probe(u);
    for (std::size_t m = 0; second && m < options_.methods.size(); ++m) {
      upstream.late[m] = upstream.times[m].quantile(wanted);
      upstream.samples[m] = upstream.times[m].count();
      if (u == 0) medians_[m] = upstream.times[m].quantile(0.5);
      if (ticks_ % 100 == 0) upstream.times[m].next_window();
    }
  }
  static_cast<void>(health_.tick(now));
  result_.limits.push_back(upstreams_[0].room);
}

}  // namespace sluice::sim

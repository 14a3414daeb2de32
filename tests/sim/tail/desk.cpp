// SPDX-License-Identifier: Apache-2.0
// Where calls go, and when another attempt is made. How attempts end: desk_replies.cpp.
#include "sim/tail/desk.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "sim/core/draw.hpp"

namespace sluice::sim {
namespace {

constexpr std::uint64_t kArrivals = 0x61727230;
constexpr std::uint64_t kCalls = 0x63616c30;
constexpr std::uint64_t kLuck = 0x6c756b30;
constexpr std::uint64_t kWorkers = 0x77726b30;

policy::RetryBudget::Options budget_of(std::uint32_t workers) {
  policy::RetryBudget::Options options;
  options.floor_per_s /= workers;
  return options;
}

policy::HedgeOptions hedges_of(policy::HedgeOptions options, std::uint32_t workers) {
  options.burst /= workers;
  return options;
}

}  // namespace

Desk::Desk(const DeskOptions& options)
    : options_(options),
      queue_({.max = 10000, .reserve = 0.05}, options.workers),
      health_(policy::HealthOptions{}, options.nodes.size()),
      health_random_(derived(options.seed, 7)),
      medians_(options.methods.size()),
      arrivals_(derived(options.seed, kArrivals)) {
  policy::ConcurrencyLimit::Options limit = options.limit;
  limit.max = options.pool_max;
  for (std::uint32_t i = 0; i < options.nodes.size(); ++i) {
    nodes_.push_back(std::make_unique<UpstreamModel>(engine_, i, options.seed, options.nodes[i]));
    upstreams_.push_back({.room = options.pool_max,
                          .passive = {},
                          .sample = {},
                          .times = std::vector<RecentTimes>(options.methods.size()),
                          .late = std::vector<Duration>(options.methods.size()),
                          .samples = std::vector<std::uint64_t>(options.methods.size()),
                          .limit = policy::ConcurrencyLimit(limit),
                          .vegas = Vegas(options.seed + i),
                          .gradient2 = {}});
    update_room(i);
  }
  for (std::uint32_t w = 0; w < options.workers; ++w) {
    workers_.push_back(
        {policy::RetryBudget(budget_of(options.workers), engine_.now()),
         policy::HedgeBudget(hedges_of(options.hedge, options.workers), engine_.now()),
         derived(options.seed, kWorkers, w)});
  }
}

DeskResult Desk::run() {
  for (std::uint32_t u = 0; u < nodes_.size(); ++u) probe(u);
  engine_.run_for(std::chrono::milliseconds(50));
  if (options_.script) options_.script(engine_, nodes_);
  engine_.every(kTick, [this] {
    tick();
    return engine_.elapsed() < options_.time + options_.deadline * 2;
  });
  schedule_arrival();
  engine_.run(Engine::kStart + options_.time + options_.deadline * 2);
  for (const Call& call : calls_) {
    if (options_.methods[call.method].resend == policy::Resend::kNever && call.may_have_run > 1) {
      ++result_.twice;
    }
  }
  return std::move(result_);
}

void Desk::schedule_arrival() {
  const double rate = options_.rate(engine_.elapsed());
  engine_.after(from_seconds(exponential(arrivals_) / rate), [this] {
    if (engine_.elapsed() >= options_.time) return;
    arrive();
    schedule_arrival();
  });
}

void Desk::arrive() {
  const auto id = static_cast<std::uint32_t>(calls_.size());
  Random own = derived(options_.seed, kCalls, id);
  Call& call = calls_.emplace_back();
  call.came = engine_.now();
  call.deadline = call.came + options_.deadline;
  call.worker = static_cast<std::uint32_t>(own.below(options_.workers));
  call.client = static_cast<std::uint32_t>(own.below(options_.clients));
  if (own.uniform() < options_.critical_share) call.priority = policy::Priority::kCritical;
  double share = own.uniform();
  while (call.method + 1 < options_.methods.size() &&
         share >= options_.methods[call.method].share) {
    share -= options_.methods[call.method++].share;
  }
  workers_[call.worker].budget.on_call(call.came);
  workers_[call.worker].hedges.on_call(call.came);
  static_cast<void>(route(id));
}

double Desk::service_s(std::uint32_t call, std::uint32_t attempt) const {
  const MethodMix& method = options_.methods[calls_[call].method];
  Random size = derived(options_.seed, kCalls + 1, call);
  Random luck = derived(options_.seed ^ kLuck, call, attempt);
  return method.median_s * lognormal(size, method.size_sigma) * lognormal(luck, method.luck_sigma);
}

policy::UpstreamSet Desk::eligible(const Call& call, bool best) const {
  policy::UpstreamSet set = 0;
  for (std::size_t u = 0; u < upstreams_.size(); ++u) {
    const policy::UpstreamSet bit = policy::bit_of(u);
    if ((call.tried & bit) != 0 || (health_.rotation() & bit) == 0) continue;
    const Upstream& upstream = upstreams_[u];
    if (best && (upstream.consecutive >= 5 || upstream.consecutive_connect >= 3 ||
                 upstream.outrun >= policy::kOutrunSuspect)) {
      continue;
    }
    set |= bit;
  }
  return set;
}

std::optional<std::uint32_t> Desk::pick(policy::UpstreamSet set) {
  const auto count = static_cast<std::uint32_t>(upstreams_.size());
  std::optional<std::uint32_t> best;
  ++turn_;
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint32_t u = (turn_ + i) % count;
    if ((set & policy::bit_of(u)) == 0 || upstreams_[u].in_flight >= upstreams_[u].room) continue;
    if (!best || upstreams_[u].in_flight < upstreams_[*best].in_flight) best = u;
    if (options_.picking == Picking::kRoundRobin) break;
  }
  return best;
}

bool Desk::route(std::uint32_t id, std::optional<std::uint32_t> lane) {
  Call& call = calls_[id];
  if (engine_.now() >= call.deadline) {
    finish(id, false);
    return true;
  }
  policy::UpstreamSet set = eligible(call, true);
  if (set == 0) set = eligible(call, false);
  if (set == 0) {
    finish(id, false);
    return true;
  }
  if (const auto upstream = pick(set)) {
    attempt(id, *upstream, lane && *lane != call.worker ? kDial : Duration::zero());
    return true;
  }
  return !wait(id, set);
}

bool Desk::wait(std::uint32_t id, policy::UpstreamSet among) {
  Call& call = calls_[id];
  const TimePoint now = engine_.now();
  const TimePoint until = std::min(now + options_.queue_timeout, call.deadline);
  // It leaves earlier than that when it could not be answered any more.
  call.wait_until = std::min(until, call.deadline - expected(call.method));
  if (options_.waiting == Waiting::kFifo) {
    call.wait_until = call.deadline;
    call.queued = true;
    fifo_.push_back(id);
  } else {
    if (options_.waiting == Waiting::kNone || call.wait_until <= now) {
      finish(id, false);
      return false;
    }
    const auto pushed = queue_.push({.priority = call.priority,
                                     .deadline = until,
                                     .upstreams = among,
                                     .client = call.client,
                                     .lane = call.worker,
                                     .call = id},
                                    now);
    if (!pushed) {
      finish(id, false);
      return false;
    }
    call.waiting = pushed->handle;
    if (pushed->displaced) {
      const auto out = static_cast<std::uint32_t>(pushed->displaced->waiter.call);
      calls_[out].waiting.reset();
      finish(out, false);
    }
  }
  engine_.at(call.wait_until, [this, id] { wait_over(id); });
  return true;
}

void Desk::wait_over(std::uint32_t id) {
  Call& call = calls_[id];
  if (call.done || engine_.now() < call.wait_until) return;
  if (call.waiting && queue_.cancel(*call.waiting)) {
    call.waiting.reset();
    finish(id, false);
  } else if (call.queued) {
    call.queued = false;
    finish(id, false);
  }
}

void Desk::serve(std::uint32_t u, std::uint32_t lane) {
  Upstream& upstream = upstreams_[u];
  while (upstream.in_flight < upstream.room && !fifo_.empty()) {
    const std::uint32_t id = fifo_.front();
    fifo_.pop_front();
    // What cannot use this one goes to the end.
    if (std::exchange(calls_[id].queued, false) && !route(id)) break;
  }
  while (upstream.in_flight < upstream.room) {
    const auto granted = queue_.pop_for(u, lane, engine_.now());
    if (!granted) return;
    const auto id = static_cast<std::uint32_t>(granted->waiter.call);
    calls_[id].waiting.reset();
    if (granted->end != policy::WaitEnd::kGranted) {
      finish(id, false);
    } else if (!route(id, lane)) {
      return;
    }
  }
}

void Desk::attempt(std::uint32_t id, std::uint32_t u, Duration dial) {
  Call& call = calls_[id];
  Upstream& upstream = upstreams_[u];
  const TimePoint now = engine_.now();
  const std::uint32_t n = call.attempts_made++;
  Attempt& attempt = call.attempts[n];
  attempt = {
      .upstream = u, .started = now, .alive = true, .node_down = nodes_[u]->faults().crashed};
  call.tried |= policy::bit_of(u);
  if (!attempt.node_down) ++call.may_have_run;
  count_attempt();
  if (now >= call.deadline) ++result_.after_deadline;
  upstream.sample.in_flight_max = std::max(upstream.sample.in_flight_max, ++upstream.in_flight);
  const auto send = [this, id, n, u] {
    if (!calls_[id].attempts[n].alive) return;
    nodes_[u]->send(std::uint64_t{id} * kAttempts + n, calls_[id].method, service_s(id, n),
                    [this, id, n](Reply reply) { on_reply(id, n, reply); });
  };
  if (dial > Duration::zero()) {
    engine_.after(dial, send);
  } else {
    send();
  }
  TimePoint until = std::min(call.deadline, now + options_.attempt_timeout);
  const bool others = (eligible(call, false) & ~call.tried) != 0;
  if (options_.methods[call.method].resend == policy::Resend::kFreely && others &&
      options_.retrying == Retrying::kSluice) {
    until = std::min(until, now + (call.deadline - now) / 3 * 2);
  }
  engine_.at(until, [this, id, n] { on_timeout(id, n); });
  if (n == 0 && options_.hedging != Hedging::kOff) plan_hedge(id);
}

void Desk::count_attempt() {
  const auto second = static_cast<std::size_t>(seconds(engine_.elapsed()));
  if (result_.attempts_by_second.size() <= second) result_.attempts_by_second.resize(second + 1);
  ++result_.attempts_by_second[second];
}

void Desk::plan_hedge(std::uint32_t id) {
  const Call& call = calls_[id];
  const std::uint32_t u = call.attempts[0].upstream;
  const Duration own = upstreams_[u].late[call.method];
  if (options_.hedging == Hedging::kUnbudgeted) {
    // As it is configured by hand: what one call in twenty took when the nodes had little to do.
    const MethodMix& method = options_.methods[call.method];
    if (method.resend != policy::Resend::kFreely) return;
    const double sigma = std::hypot(method.size_sigma, method.luck_sigma);
    engine_.after(from_seconds(method.median_s * std::exp(1.645 * sigma)),
                  [this, id] { hedge(id); });
    return;
  }
  std::vector<double> peers;
  for (std::size_t i = 0; i < upstreams_.size(); ++i) {
    if (i != u) peers.push_back(static_cast<double>(upstreams_[i].late[call.method].count()));
  }
  const auto delay = policy::hedge_delay(
      options_.hedge,
      {.resend = options_.methods[call.method].resend,
       .own = own,
       .samples = upstreams_[u].samples[call.method],
       .peers = Duration(static_cast<Duration::rep>(peers.empty() ? 0.0 : median(peers)))});
  if (delay) engine_.after(*delay, [this, id] { hedge(id); });
}

void Desk::hedge(std::uint32_t id) {
  Call& call = calls_[id];
  if (call.done || call.attempts_made != 1 || !call.attempts[0].alive) return;
  const policy::UpstreamSet others = eligible(call, true) & ~call.tried;
  const auto upstream = pick(others);
  if (options_.hedging == Hedging::kSluice) {
    double used = 0;
    double room = 0;
    for (const Upstream& of : upstreams_) used += of.in_flight, room += of.room;
    Worker& worker = workers_[call.worker];
    const policy::HedgeMoment moment{.other_upstream = upstream.has_value(),
                                     .utilisation = used / room,
                                     .limiting = upstream && upstreams_[*upstream].limit.limiting(),
                                     .queued = queue_.size() > 0,
                                     .remaining = call.deadline - engine_.now(),
                                     .expected = expected(call.method)};
    const auto verdict =
        policy::hedge_now(options_.hedge, moment, engine_.now(), worker.hedges, worker.budget);
    if (verdict != policy::HedgeVerdict::kStart) return;
  }
  if (!upstream || engine_.now() >= call.deadline) return;
  ++result_.hedges;
  attempt(id, *upstream, Duration::zero());
}

}  // namespace sluice::sim

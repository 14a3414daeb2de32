// SPDX-License-Identifier: Apache-2.0
#include "sim/health/run.hpp"

#include <array>
#include <bit>
#include <memory>
#include <utility>

#include "sim/core/draw.hpp"

namespace sluice::sim::health {

namespace {

constexpr Duration kDeadline = 30s;
constexpr Duration kAttemptTimeout = 10s;
constexpr Duration kNetwork = 1ms;
constexpr Duration kBlock = 12s;
constexpr std::uint32_t kNodeWorkers = 96;
constexpr Duration kSample = 10ms;
constexpr Duration kFlap = 5s;

struct KindOf {
  double share;
  double median_s;
};
constexpr std::array<KindOf, kKinds> kMix = {
    {{0.40, 0.2e-3}, {0.40, 3e-3}, {0.15, 20e-3}, {0.05, 100e-3}}};
constexpr double kSigma = 0.5;
/// The kind that fails in the script of one method.
constexpr Kind kBroken = kCall;

}  // namespace

std::string_view word(Script script) noexcept {
  constexpr std::array<std::string_view, 8> kWords = {
      "nothing", "crash", "black_hole", "errors30", "one_method", "slow10", "frozen", "flapping"};
  return kWords[static_cast<std::size_t>(script)];
}

Run::Run(const Scene& scene, std::uint64_t seed)
    : scene_(scene),
      seed_(seed),
      under_way_(scene.upstreams),
      around_{.engine = engine_,
              .upstreams = scene.upstreams,
              .seed = seed,
              .ask = [this](std::size_t u, Kind k, Duration t,
                            auto done) { ask(u, k, t, std::move(done)); },
              .head_of = [this](std::size_t u) { return head_of(u); },
              .abandon = [this](std::size_t u) { abandon(u); }},
      arrivals_(derived(seed, 1)),
      // Somewhere within a block's time.
      broken_at_(engine_.now() + scene.before + from_seconds(12.0 * derived(seed, 3).uniform())),
      repaired_at_(broken_at_ + scene.fault) {
  for (std::uint32_t i = 0; i < scene.upstreams; ++i) {
    nodes_.push_back(std::make_unique<UpstreamModel>(
        engine_, i, seed, UpstreamOptions{.workers = kNodeWorkers, .network_delay = kNetwork}));
  }
  for (std::uint32_t w = 0; w < scene.workers; ++w) {
    workers_.push_back({.balancer = policy::make_balancer("least-connections", scene.upstreams),
                        .budget = policy::RetryBudget({}, engine_.now()),
                        .random = derived(seed, 4, w)});
  }
  guard_ = make_guard(scene.guard, around_);
}

Outcome Run::go() {
  engine_.at(broken_at_, [this] { break_it(); });
  engine_.at(repaired_at_, [this] { repair(); });
  engine_.every(kSample, [this] {
    sample();
    return !over_;
  });
  engine_.after(1s, [this] { arrive(); });
  engine_.run(repaired_at_ + scene_.after);
  over_ = true;
  // What is still under way ends, at the latest by its timeout.
  engine_.run_for(kAttemptTimeout + 1s);
  if (!detected_) outcome_.detected_s = outcome_.detected_after_call_s = seconds(scene_.fault);
  if (!returned_) outcome_.returned_s = seconds(scene_.after);
  outcome_.others_blocked =
      samples_ == 0 ? 0.0 : static_cast<double>(blocked_) / static_cast<double>(samples_);
  outcome_.probes = static_cast<double>(guard_->probes());
  outcome_.mean_s = served_ > 0 ? served_s_ / served_ : 0;
  return outcome_;
}

void Run::arrive() {
  if (over_) return;
  const std::uint64_t id = calls_.size();
  Random luck = derived(seed_, 2, id);
  double point = luck.uniform();
  std::uint32_t kind = 0;
  while (kind + 1 < kKinds && point >= kMix[kind].share) point -= kMix[kind++].share;
  calls_.push_back({.kind = static_cast<Kind>(kind),
                    .worker = static_cast<std::uint32_t>(id % scene_.workers),
                    .service_s = kMix[kind].median_s * lognormal(luck, kSigma),
                    .begun = engine_.now(),
                    .deadline = engine_.now() + kDeadline});
  workers_[calls_[id].worker].budget.on_call(engine_.now());
  if (engine_.now() >= broken_at_) ++outcome_.calls;
  route(id);
  engine_.after(from_seconds(exponential(arrivals_) / scene_.rate), [this] { arrive(); });
}

policy::UpstreamSet Run::eligible(const Call& call, Rank rank) {
  policy::UpstreamSet set = 0;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if ((call.tried & policy::bit_of(i)) == 0 && guard_->fit(i, call.kind, rank, engine_.now()))
      set |= policy::bit_of(i);
  }
  return set;
}

std::uint32_t Run::pick(const Call& call, policy::UpstreamSet set) {
  Worker& worker = workers_[call.worker];
  policy::UpstreamSet ramped = set;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if ((set & policy::bit_of(i)) == 0) continue;
    const double share = guard_->share(i, engine_.now());
    if (share < 1.0 && worker.random.uniform() >= share) ramped &= ~policy::bit_of(i);
  }
  if (ramped != 0) set = ramped;
  std::array<policy::Candidate, policy::kUpstreamsMax> candidates;
  std::size_t n = 0;
  for (; set != 0; set &= set - 1) {
    const auto i = static_cast<std::uint32_t>(std::countr_zero(set));
    candidates[n++] = {.index = i, .in_flight = static_cast<std::uint32_t>(under_way_[i].size())};
  }
  const auto position =
      worker.balancer->pick({candidates.data(), n}, {.now = engine_.now()}, worker.random);
  return candidates[*position].index;
}

void Run::route(std::uint64_t id) {
  const Call& call = calls_[id];
  policy::UpstreamSet set = eligible(call, Rank::kBest);
  if (set == 0) set = eligible(call, Rank::kInRotation);
  if (set == 0) set = eligible(call, Rank::kLastResort);
  if (set == 0 || engine_.now() >= call.deadline) {
    done(id, false);
    return;
  }
  attempt(id, pick(call, set));
}

void Run::attempt(std::uint64_t id, std::uint32_t upstream) {
  Call& call = calls_[id];
  const TimePoint now = engine_.now();
  call.upstream = upstream;
  call.started = now;
  call.tried |= policy::bit_of(upstream);
  call.under_way = true;
  call.place = under_way_[upstream].size();
  under_way_[upstream].push_back(id);
  call.token = guard_->begin(upstream, call.kind, now);
  const std::uint32_t number = ++call.attempts;
  if (upstream == 0 && now >= broken_at_ && !detected_) {
    if (first_met_ == TimePoint{}) first_met_ = now;
    ++outcome_.detected_calls;
  }
  const std::uint64_t luck = id * 8 + number % 8;
  nodes_[upstream]->send(luck, call.kind, call.service_s,
                         [this, id, number, upstream, now](Reply reply) {
                           const Call& own = calls_[id];
                           if (!own.under_way || own.attempts != number) return;
                           ended(id, how(upstream, reply, now));
                         });
  engine_.at(std::min(call.deadline, now + kAttemptTimeout), [this, id, number, luck, upstream] {
    const Call& own = calls_[id];
    if (!own.under_way || own.attempts != number) return;
    nodes_[upstream]->cancel(luck);
    ended(id, Ended::kTimeout);
  });
}

Ended Run::how(std::size_t upstream, Reply reply, TimePoint started) const {
  if (reply == Reply::kOk) return Ended::kOk;
  if (reply != Reply::kRefused) return Ended::kError;
  return upstream == 0 && started < down_since_ ? Ended::kCut : Ended::kRefused;
}

void Run::ended(std::uint64_t id, Ended how) {
  Call& call = calls_[id];
  auto& there = under_way_[call.upstream];
  calls_[there.back()].place = call.place;
  there[call.place] = there.back();
  there.pop_back();
  call.under_way = false;
  guard_->end(call.upstream, call.kind, call.token, how, engine_.now() - call.started,
              engine_.now());
  switch (how) {
    case Ended::kOk:
      done(id, true);
      return;
    case Ended::kError:
      fail(id, policy::Failure::kJudgedRetryable);
      return;
    case Ended::kRefused:
      fail(id, policy::Failure::kSurelyNotSent);
      return;
    case Ended::kCut:
    case Ended::kTimeout:
      fail(id, policy::Failure::kMaybeSent);
      return;
    case Ended::kLost:
      fail(id, policy::Failure::kUpstreamLost);
      return;
  }
}

void Run::fail(std::uint64_t id, policy::Failure failure) {
  Call& call = calls_[id];
  if (!scene_.retries) {
    done(id, false);
    return;
  }
  Worker& worker = workers_[call.worker];
  const bool others = eligible(call, Rank::kInRotation) != 0;
  const auto decision = policy::decide(
      {}, call.retry, {.failure = failure, .other_upstream_left = others}, policy::Resend::kFreely,
      engine_.now(), call.deadline, worker.budget, worker.random);
  if (decision.action != policy::RetryAction::kElsewhere) {
    done(id, false);
    return;
  }
  if (!others) call.tried = 0;
  if (decision.backoff == Duration::zero()) {
    route(id);
  } else {
    engine_.after(decision.backoff, [this, id] { route(id); });
  }
}

void Run::done(std::uint64_t id, bool well) {
  const Call& call = calls_[id];
  if (call.begun < broken_at_) return;
  if (well) {
    ++served_;
    served_s_ += seconds(engine_.now() - call.begun);
  } else {
    ++outcome_.errors;
  }
}

void Run::abandon(std::size_t upstream) {
  for (const std::uint64_t id : std::vector(under_way_[upstream])) {
    if (calls_[id].under_way && calls_[id].upstream == upstream) ended(id, Ended::kLost);
  }
}

void Run::ask(std::size_t upstream, Kind kind, Duration timeout,
              std::function<void(Ended, Duration)> done) {
  const std::uint64_t id = (std::uint64_t{1} << 50) + asked_++;
  Random luck = derived(seed_, 5, id);
  const auto over = std::make_shared<bool>(false);
  const auto tell = std::make_shared<std::function<void(Ended, Duration)>>(std::move(done));
  const TimePoint started = engine_.now();
  const double service_s = kMix[kind].median_s * lognormal(luck, kSigma);
  nodes_[upstream]->send(id, kind, service_s, [this, over, tell, upstream, started](Reply reply) {
    if (std::exchange(*over, true)) return;
    (*tell)(how(upstream, reply, started), engine_.now() - started);
  });
  engine_.after(timeout, [this, over, tell, started] {
    if (!std::exchange(*over, true)) (*tell)(Ended::kTimeout, engine_.now() - started);
  });
}

/// A node learns of a block a moment after it was made, each after its own time.
std::uint64_t Run::head_of(std::size_t upstream) const {
  const TimePoint seen = upstream == 0 ? std::min(engine_.now(), frozen_at_) : engine_.now();
  const auto since = seen - Engine::kStart + 10 * kBlock;
  const auto block = static_cast<std::uint64_t>(since / kBlock);
  Random luck = derived(seed_, 6 + upstream, block);
  const Duration late = from_seconds(0.3 + 0.5 * lognormal(luck, 0.5));
  return since % kBlock >= late ? block : block - 1;
}

void Run::break_it() {
  Faults faults;
  switch (scene_.script) {
    case Script::kNothing:
      return;
    case Script::kCrash:
      faults.crashed = true;
      down_since_ = engine_.now();
      break;
    case Script::kBlackHole:
      faults.black_hole = true;
      break;
    case Script::kErrors30:
      faults.error_share = 0.3;
      break;
    case Script::kOneMethod:
      faults.failing_methods = 1U << kBroken;
      break;
    case Script::kSlow10:
      faults.slowness = 10;
      break;
    case Script::kFrozenHead:
      frozen_at_ = engine_.now();
      return;
    case Script::kFlapping:
      flap();
      return;
  }
  nodes_[0]->set(faults);
}

void Run::flap() {
  Faults faults = nodes_[0]->faults();
  if (engine_.now() >= repaired_at_) return;
  faults.crashed = !faults.crashed;
  if (faults.crashed) down_since_ = engine_.now();
  nodes_[0]->set(faults);
  engine_.after(kFlap, [this] { flap(); });
}

void Run::repair() {
  frozen_at_ = TimePoint::max();
  nodes_[0]->set({});
}

void Run::sample() {
  const TimePoint now = engine_.now();
  if (now < broken_at_) return;
  if (now >= repaired_at_) {
    if (returned_ || !guard_->restored(0, now)) return;
    returned_ = true;
    outcome_.returned_s = seconds(now - repaired_at_);
    return;
  }
  const bool one = scene_.script == Script::kOneMethod;
  bool used = false;
  for (std::uint32_t k = 0; k < kKinds; ++k) {
    const bool fit = guard_->fit(0, static_cast<Kind>(k), Rank::kBest, now);
    if (!one || k == kBroken) {
      used = used || fit;
    } else {
      ++samples_;
      blocked_ += fit ? 0 : 1;
    }
  }
  if (used || detected_) return;
  detected_ = true;
  outcome_.detected_s = seconds(now - broken_at_);
  outcome_.detected_after_call_s = first_met_ == TimePoint{} ? 0.0 : seconds(now - first_met_);
}

}  // namespace sluice::sim::health

// SPDX-License-Identifier: Apache-2.0
// Which upstream gets the call.
#include <array>
#include <bit>
#include <cmath>
#include <utility>

#include "proxy/call.hpp"
#include "proxy/exchange.hpp"
#include "proxy/upstream_batch.hpp"
#include "proxy/worker.hpp"

namespace sluice::proxy {

namespace {

/// Up to this share of calls health alone says what a returned upstream gets; beyond it strategies
/// that have a slow start of their own do.
constexpr double kFirstShare = 0.1;

/// Calls with larger params do not go into upstream batches, whose bytes stay few.
constexpr std::size_t kBatchedParamsMax = 8192;

/// Full nodes keep the state of so many blocks at hand; older ones take an archive.
constexpr std::uint64_t kRecentBlocks = 128;

}  // namespace

bool Call::fit(std::size_t upstream, TimePoint now, Fit least) const {
  return what_bars(upstream, now, least) == Obstacle::kNone;
}

Obstacle Call::what_bars(std::size_t upstream, TimePoint now, Fit least) const {
  const ChainSpec& spec = *chain().spec;
  return obstacle(spec.upstreams[upstream], static_cast<std::size_t>(method_->klass), block_,
                  spec.shared->head.load(std::memory_order_relaxed), now, least);
}

policy::UpstreamSet Call::eligible(policy::UpstreamSet among, TimePoint now, Fit least) const {
  policy::UpstreamSet set = 0;
  for (; among != 0; among &= among - 1) {
    const auto i = static_cast<std::size_t>(std::countr_zero(among));
    if (fit(i, now, least)) set |= policy::bit_of(i);
  }
  return set;
}

/// An upstream that has just come back gets a share of its calls: it is left out by chance where
/// there are others.
policy::UpstreamSet Call::without_returning(policy::UpstreamSet set) const {
  policy::UpstreamSet left = set;
  for (policy::UpstreamSet rest = set; rest != 0; rest &= rest - 1) {
    const auto i = static_cast<std::size_t>(std::countr_zero(rest));
    const double ramp = chain().spec->upstreams[i].shared->ramp.load(std::memory_order_relaxed);
    if (ramp >= 1.0 || (ramp > kFirstShare && chain().balancer->ramps())) continue;
    if (exchange_.worker().random().uniform() >= ramp) left &= ~policy::bit_of(i);
  }
  return left != 0 ? left : set;
}

std::optional<std::uint32_t> Call::pick(policy::UpstreamSet among, TimePoint now) {
  if (exchange_.wants_choice()) [[unlikely]]
    return pick_in_words(among, now);
  return pick_among(among, now);
}

std::optional<std::uint32_t> Call::pick_among(policy::UpstreamSet among, TimePoint now) {
  if (std::has_single_bit(among)) return static_cast<std::uint32_t>(std::countr_zero(among));
  std::array<policy::Candidate, policy::kUpstreamsMax> candidates;
  std::size_t count = 0;
  for (; among != 0; among &= among - 1) {
    const auto i = static_cast<std::uint32_t>(std::countr_zero(among));
    candidates[count++] = candidate_of(chain().spec->upstreams[i], i);
  }
  if (count == 0) return std::nullopt;
  if (count == 1) return candidates[0].index;
  const auto tier = policy::select_tier({candidates.data(), count});
  const auto position =
      chain().balancer->pick(tier, pick_context(now), exchange_.worker().random());
  if (!position) return std::nullopt;
  if (chain().by_affinity) {
    exchange_.worker().metrics().affinity(chain().spec->slot,
                                          static_cast<std::size_t>(chain().balancer->affinity()));
  }
  return tier[*position].index;
}

void Call::route(TimePoint now) {
  if (now >= deadline_) {
    no_upstream();
    return;
  }
  policy::UpstreamSet set = eligible(untried(), now, Fit::kBest);
  if (set == 0) set = eligible(untried(), now, Fit::kInRotation);
  if (set == 0) set = eligible(untried(), now, Fit::kLastResort);
  set = without_returning(set);
  if (set == 0) {
    if (!await_first_probe(now)) no_upstream();
    return;
  }
  policy::UpstreamSet left = set;
  while (const auto chosen = pick(left, now)) {
    if (attempt(*chosen, now, false)) return;
    left &= ~policy::bit_of(*chosen);
  }
  wait(set, now);
}

bool Call::attempt(std::uint32_t upstream, TimePoint now, bool fresh) {
  upstream::Pool& pool = *chain().pools[upstream];
  const UpstreamSpec& spec = chain().spec->upstreams[upstream];
  if (may_gather(spec, now, fresh)) {
    attempt_.upstream = upstream;
    gathered_ = true;
    count_against_rate(now);
    exchange_.worker().batcher().add(*this, pool, spec, fresh);
    return true;
  }
  const bool careful =
      method_->resend == ethereum::Resend::kNever || method_->resend == ethereum::Resend::kPinned;
  upstream::Connection* connection = fresh ? pool.take_fresh(now) : pool.take(now, careful);
  if (connection == nullptr) return false;
  connection_ = connection;
  attempt_.upstream = upstream;
  begin_attempt(now);
  attempt_.left = connection->connected();
  connection->start({attempt_.wire_id, method_name_, params_}, *this, attempt_deadline(now));
  return true;
}

policy::PickContext Call::pick_context(TimePoint now) const {
  policy::PickContext context{.now = now,
                              .method_class = static_cast<std::uint32_t>(method_->klass),
                              .affinity_hash = exchange_.caller().affinity};
  if (chain().by_features) context.features = features();
  return context;
}

policy::CallFeatures Call::features() const {
  using ethereum::BlockRef;
  const std::uint64_t head = chain().spec->shared->head.load(std::memory_order_relaxed);
  const std::uint64_t to = block_.kind == BlockRef::kNumber ? block_.number : head;
  const std::uint64_t from = block_.from_kind == BlockRef::kNumber     ? block_.from
                             : block_.from_kind == BlockRef::kEarliest ? 0
                                                                       : to;
  const std::uint64_t span = block_.range && to > from ? to - from : 0;
  const bool past = block_.kind == BlockRef::kNumber || block_.kind == BlockRef::kEarliest;
  return {.log_params = std::log1p(static_cast<float>(params_.size())),
          .log_span = std::log1p(static_cast<float>(span)),
          // What full nodes keep at hand.
          .historical = past && to + kRecentBlocks < head};
}

void Call::count_against_rate(TimePoint now) {
  if (!std::exchange(counted_, true)) {
    static_cast<void>(chain().spec->upstreams[attempt_.upstream].rate->take(now));
  }
}

void Call::begin_attempt(TimePoint now) {
  count_against_rate(now);
  counted_ = false;
  begin(attempt_, attempt_.upstream, now);
}

void Call::begin(Attempt& attempt, std::uint32_t upstream, TimePoint now) {
  Worker& worker = exchange_.worker();
  upstream::Shared& shared = *chain().spec->upstreams[upstream].shared;
  tried_ |= policy::bit_of(upstream);
  ++attempts_;
  attempt.upstream = upstream;
  attempt.wire_id = worker.next_wire_id();
  attempt.started = attempt.sent = now;
  attempt.ticket = chain().balancer->started(upstream, &shared.stats(), pick_context(now));
  attempt.underway.start(shared.classes(), worker.index(), static_cast<std::size_t>(method_->klass),
                         now);
  attempt.calls = 1;
  attempt.left = attempt.batched = attempt.echo = false;
}

bool Call::may_gather(const UpstreamSpec& upstream, TimePoint now, bool fresh) const {
  Batcher& batcher = exchange_.worker().batcher();
  // A slow call would hold up the others, and what went wrong once goes alone; but a batch that met
  // a dead connection is replayed as one.
  const bool first = attempts_ == 0 || (fresh && attempt_.batched);
  return batcher.gathering() && !alone_ && first && method_->resend == ethereum::Resend::kFreely &&
         method_->cost <= ethereum::CostClass::kMedium && params_.size() <= kBatchedParamsMax &&
         batcher.takes(upstream, now);
}

void Call::join(UpstreamBatch& batch, TimePoint now) {
  gathered_ = false;
  batch_ = &batch;
  begin_attempt(now);
  attempt_.batched = true;
  batch.add(*this, attempt_.wire_id, attempt_deadline(now));
}

void Call::send_alone(TimePoint now) {
  gathered_ = false;
  alone_ = true;
  if (attempt(attempt_.upstream, now, false)) return;
  counted_ = false;
  route(now);
}

void Call::resend_alone() {
  const net::Ref<Exchange> hold(&exchange_);
  batch_ = nullptr;
  timer_.reset();
  alone_ = true;
  const TimePoint time = now();
  account_attempt(kAttemptCancelled, policy::Ended::kCancelled, time);
  exchange_.worker().metrics().retry(chain().spec->slot,
                                     static_cast<std::size_t>(RetryReason::kUnbatched));
  if (attempt(attempt_.upstream, time, false)) return;
  tried_ &= ~policy::bit_of(attempt_.upstream);
  route(time);
}

TimePoint Call::attempt_deadline(TimePoint now) const {
  const TimePoint until = std::min(deadline_, now + exchange_.snapshot().limits.attempt_timeout);
  // A light read leaves a third of its time to another upstream, should this one hang. Heavy calls
  // may well need all of it.
  const TimePoint most = now + (deadline_ - now) / 3 * 2;
  const bool light =
      method_->resend == ethereum::Resend::kFreely && method_->cost <= ethereum::CostClass::kMedium;
  if (most >= until || !light || retry_state_.retries >= chain().spec->retry.retries_max)
    return until;
  return eligible(untried(), now, Fit::kInRotation) != 0 ? most : until;
}

void Call::cut() {
  if (done_ || method_ == nullptr) return;
  done_ = true;
  timer_.reset();
  static_cast<void>(leave_queue());
  exchange_.worker().remove_waiter(wait_key_);
  if (connection_ != nullptr || batch_ != nullptr) {
    account_attempt(kAttemptCancelled, policy::Ended::kCancelled, now());
  }
  let_go();
  account(CallOutcome::kCancelled, 499, 0, stream_bytes_);
}

void Call::let_go() {
  drop_hedge();
  let_go_of_first();
}

void Call::let_go_of_first() {
  if (std::exchange(gathered_, false)) exchange_.worker().batcher().remove(*this);
  if (const auto batch = std::exchange(batch_, nullptr); batch != nullptr) batch->drop(*this);
  if (const auto connection = std::exchange(connection_, nullptr); connection != nullptr) {
    connection->abandon();
  }
}

void Call::no_upstream() {
  if (kept_error_.empty() && fails_as_unknown_write()) return;
  const TimePoint time = now();
  if (time >= deadline_) {
    fail(CallOutcome::kTimeout, 504, -32603, "the deadline of the call has passed", "deadline");
    return;
  }
  if (!kept_error_.empty()) {
    deliver();
    return;
  }
  const upstream::Shared* owner =
      pinned_ ? chain().spec->upstreams[*pinned_].shared.get() : nullptr;
  const bool lost = owner != nullptr && owner->probed.load() && !owner->in_rotation.load() &&
                    !owner->answering.load();
  if (lost || (owner != nullptr && !owner->hand.takes_calls())) {
    // A node that went down, or is drained, takes its filters with it. Clients that are told so
    // make another on a node that lives; told to come again, they would wait for as long as the
    // node is away.
    fail(CallOutcome::kUnavailable, 200, -32000, "filter not found", "filter_lost");
    return;
  }
  fail(CallOutcome::kUnavailable, 503, -32603, "no upstream can take the call now",
       tried_ == 0 ? "no_upstream" : "upstreams_failed", std::chrono::seconds(1));
}

void Call::retry_now() {
  const TimePoint time = now();
  // Everybody has had the call once: now all of them may again.
  if (eligible(untried(), time, Fit::kLastResort) == 0) tried_ = 0;
  route(time);
}

}  // namespace sluice::proxy

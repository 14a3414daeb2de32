// SPDX-License-Identifier: Apache-2.0
#include "sim/core/upstream_model.hpp"

#include <algorithm>
#include <utility>

#include "sim/core/draw.hpp"

namespace sluice::sim {

namespace {

constexpr std::uint64_t kErrorDraw = 0x65727230;

}  // namespace

void UpstreamModel::reply_after(Duration delay, Done done, Reply reply) {
  engine_.after(delay, [done = std::move(done), reply]() mutable { done(reply); });
}

void UpstreamModel::send(std::uint64_t call, std::uint32_t method, double service_s, Done done) {
  ++received_;
  if (faults_.crashed) {
    reply_after(options_.network_delay, std::move(done), Reply::kRefused);
    return;
  }
  engine_.after(options_.network_delay / 2,
                [this, job = Job{call, method, service_s, std::move(done)}]() mutable {
                  arrive(std::move(job));
                });
}

void UpstreamModel::arrive(Job job) {
  const Duration back = options_.network_delay / 2;
  if (faults_.crashed) {
    reply_after(back, std::move(job.done), Reply::kRefused);
    return;
  }
  if (faults_.black_hole) return;
  bool over = faults_.throttling;
  if (options_.rate_limit > 0) {
    const double passed = seconds(engine_.now() - std::exchange(tokens_at_, engine_.now()));
    tokens_ = tokens_ < 0 ? options_.rate_limit
                          : std::min(options_.rate_limit, tokens_ + passed * options_.rate_limit);
    over = over || tokens_ < 1;
    if (!over) tokens_ -= 1;
  }
  if (over) {
    reply_after(back, std::move(job.done), Reply::kThrottled);
  } else if (running_ < options_.workers) {
    start(std::move(job));
  } else if (queue_.size() >= options_.queue_max) {
    reply_after(back, std::move(job.done), Reply::kRejected);
  } else {
    queue_.push_back(std::move(job));
  }
}

double UpstreamModel::time_of(std::uint32_t method, double service_s) const noexcept {
  const double by_method =
      method < options_.slowness_by_method.size() ? options_.slowness_by_method[method] : 1.0;
  return service_s * options_.slowness * faults_.slowness * by_method;
}

void UpstreamModel::start(Job job) {
  ++running_;
  Random luck = derived(seed_ ^ kErrorDraw, job.call, index_);
  const bool fails = (job.method < 64 && (faults_.failing_methods >> job.method & 1) != 0) ||
                     (faults_.error_share > 0 && luck.uniform() < faults_.error_share);
  double takes = time_of(job.method, job.service_s);
  if (fails && faults_.error_time > Duration::zero()) takes = seconds(faults_.error_time);
  const TimePoint begins = std::max(engine_.now(), faults_.stalled_until);
  const TimePoint ends = begins + from_seconds(takes);
  busy_until_.push_back(ends);
  const Reply reply = fails ? Reply::kError : Reply::kOk;
  engine_.at(ends, [this, epoch = epoch_, reply, job = std::move(job)]() mutable {
    finish(epoch, std::move(job), reply);
  });
}

void UpstreamModel::finish(std::uint64_t epoch, Job job, Reply reply) {
  if (epoch != epoch_) {
    // It was cut off when the node crashed; a hole swallowed it.
    if (faults_.black_hole) return;
    reply_after(options_.network_delay / 2, std::move(job.done), Reply::kRefused);
    return;
  }
  if (engine_.now() < faults_.stalled_until) {
    // The stall caught it at work: it goes on afterwards.
    engine_.at(faults_.stalled_until, [this, epoch, reply, job = std::move(job)]() mutable {
      finish(epoch, std::move(job), reply);
    });
    return;
  }
  --running_;
  const auto at = std::ranges::min_element(busy_until_);
  if (at != busy_until_.end()) busy_until_.erase(at);
  reply_after(options_.network_delay / 2, std::move(job.done), reply);
  next();
}

void UpstreamModel::next() {
  while (running_ < options_.workers && !queue_.empty()) {
    Job job = std::move(queue_.front());
    queue_.pop_front();
    start(std::move(job));
  }
}

void UpstreamModel::cancel(std::uint64_t call) {
  const auto at = std::ranges::find(queue_, call, &Job::call);
  if (at == queue_.end()) return;
  queue_.erase(at);
}

void UpstreamModel::set_workers(std::uint32_t workers) {
  options_.workers = workers;
  next();
}

void UpstreamModel::set(const Faults& faults) {
  const bool dies =
      (faults.crashed && !faults_.crashed) || (faults.black_hole && !faults_.black_hole);
  faults_ = faults;
  if (!dies) return;
  ++epoch_;
  running_ = 0;
  busy_until_.clear();
  std::deque<Job> lost = std::exchange(queue_, {});
  if (faults_.black_hole) return;
  for (Job& job : lost)
    reply_after(options_.network_delay / 2, std::move(job.done), Reply::kRefused);
}

double UpstreamModel::finish_in_s(std::uint32_t method, double service_s) const {
  const double own = time_of(method, service_s) + seconds(options_.network_delay);
  const double stall = std::max(0.0, seconds(faults_.stalled_until - engine_.now()));
  if (running_ < options_.workers) return stall + own;
  // When each worker is free, as a heap with the earliest on top; those who wait take them in turn.
  std::vector<double> free_s;
  free_s.reserve(busy_until_.size());
  for (const TimePoint until : busy_until_)
    free_s.push_back(std::max(stall, seconds(until - engine_.now())));
  std::ranges::make_heap(free_s, std::greater<>());
  for (const Job& job : queue_) {
    std::ranges::pop_heap(free_s, std::greater<>());
    free_s.back() += time_of(job.method, job.service_s);
    std::ranges::push_heap(free_s, std::greater<>());
  }
  return std::max(0.0, free_s.front()) + own;
}

}  // namespace sluice::sim

// SPDX-License-Identifier: Apache-2.0
#include "sim/pool/driver.hpp"

#include <algorithm>

#include "sim/core/statistics.hpp"

namespace sluice::sim::pool {

struct Run {
  Engine engine;
  const Setting& setting;
  Policy& policy;
  TimePoint end;
  TimePoint measured_from = TimePoint::max();
  TimePoint measured_until = TimePoint::max();
  std::vector<std::unique_ptr<Worker>> workers;
  std::uint32_t open = 0;
  TimePoint open_since = Engine::kStart;
  Outcome outcome;
  std::vector<double> waits_after_step;

  TimePoint falls_at = TimePoint::max();

  [[nodiscard]] std::uint32_t limit() const noexcept {
    return engine.now() < falls_at ? setting.max : setting.max_later;
  }
  void changed(int by) {
    outcome.connection_s += open * seconds(engine.now() - open_since);
    open_since = engine.now();
    open = static_cast<std::uint32_t>(static_cast<int>(open) + by);
    outcome.most_open = std::max<double>(outcome.most_open, open);
    if (by > 0 || engine.now() > falls_at + std::chrono::seconds(1))
      outcome.above_cap = std::max(outcome.above_cap, static_cast<double>(open) - limit());
  }
};

TimePoint Worker::now() const noexcept {
  return run_.engine.now();
}

std::uint32_t Worker::limit() const noexcept {
  return run_.limit();
}

Duration Worker::handshake() const noexcept {
  return run_.setting.handshake;
}

std::uint32_t Worker::take_peak() noexcept {
  const std::uint32_t peak = peak_;
  peak_ = busy_;
  return peak;
}

void Worker::arrive(const Arrival& call) {
  run_.outcome.calls += 1;
  run_.policy.called(*this);
  if (!idle_.empty()) {
    idle_.pop_back();
    begin(call, now());
    run_.policy.took(*this);
    return;
  }
  run_.outcome.waited += 1;
  waiting_.push_back({call, now()});
  run_.policy.missed(*this);
}

void Worker::begin(const Arrival& call, TimePoint since) {
  ++busy_;
  peak_ = std::max(peak_, busy_);
  const Duration wait = now() - since;
  run_.outcome.wait_s += seconds(wait);
  if (since >= run_.measured_from && since < run_.measured_until)
    run_.waits_after_step.push_back(seconds(wait));
  const Duration took(call.busy_ns);
  run_.engine.after(took, [this, took] { done(took); });
}

void Worker::done(Duration took) {
  --busy_;
  run_.policy.answered(*this, took);
  if (run_.open > limit()) {
    run_.changed(-1);
    return;
  }
  if (!waiting_.empty() && !run_.policy.bound()) {
    const Waiting next = waiting_.front();
    waiting_.pop_front();
    begin(next.call, next.since);
  } else {
    ready();
  }
}

void Worker::ready() {
  idle_.push_back(now());
  expire();
}

/// Those at the front have been idle for longest.
void Worker::expire() {
  if (run_.setting.idle_timeout == Duration::max()) return;
  std::uint32_t old = 0;
  while (old < idle_.size() && now() - idle_[old] >= run_.setting.idle_timeout) ++old;
  trim(old);
}

void Worker::dial(std::uint32_t count) {
  for (; count > 0 && run_.open < limit(); --count) {
    ++connecting_;
    run_.outcome.handshakes += 1;
    run_.changed(1);
    run_.engine.after(run_.setting.handshake, [this] {
      --connecting_;
      if (!waiting_.empty()) {
        const Waiting next = waiting_.front();
        waiting_.pop_front();
        begin(next.call, next.since);
      } else {
        ready();
      }
      run_.policy.established(*this);
    });
  }
}

void Worker::trim(std::uint32_t count) {
  for (; count > 0 && !idle_.empty(); --count) {
    idle_.pop_front();
    run_.changed(-1);
  }
}

Outcome run(const std::vector<Arrival>& trace, const Load& load, const Setting& setting,
            Policy& policy) {
  Run run{.setting = setting, .policy = policy};
  run.end = Engine::kStart + Duration(static_cast<std::int64_t>(load.length_s * 1e9));
  if (load.step_s > 0) {
    const auto at = [](double s) {
      return Engine::kStart + Duration(static_cast<std::int64_t>(s * 1e9));
    };
    run.measured_from = at(load.step_s + 0.1);
    run.measured_until = at(load.step_end_s);
    run.falls_at = at((load.step_s + load.step_end_s) / 2);
  }
  for (std::uint32_t w = 0; w < setting.workers; ++w) {
    run.workers.push_back(std::make_unique<Worker>(run, w));
    policy.began(*run.workers.back());
  }
  std::size_t next = 0;
  std::function<void()> feed = [&] {
    const Arrival& call = trace[next++];
    run.workers[call.worker]->arrive(call);
    if (next < trace.size())
      run.engine.at(Engine::kStart + Duration(trace[next].at_ns), [&feed] { feed(); });
  };
  if (!trace.empty()) run.engine.at(Engine::kStart + Duration(trace[0].at_ns), [&feed] { feed(); });
  if (policy.interval() > Duration::zero()) {
    run.engine.every(policy.interval(), [&run, &policy] {
      policy.tick(run.workers, run.engine.now());
      return run.engine.now() < run.end;
    });
  }
  run.engine.run(run.end);
  run.changed(0);
  run.outcome.p99_after_step_s = quantile(run.waits_after_step, 0.99);
  return run.outcome;
}

}  // namespace sluice::sim::pool

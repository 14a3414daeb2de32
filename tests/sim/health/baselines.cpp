// SPDX-License-Identifier: Apache-2.0
// Others' ways of leaving bad upstreams alone, each re-implemented from its documentation with its
// defaults. They get what they cannot have in life: all workers share their state without delay.
#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <vector>

#include "sim/health/guard.hpp"

namespace sluice::sim::health {

namespace {

class None final : public Guard {
 public:
  bool fit(std::size_t, Kind, Rank, TimePoint) override { return true; }
  std::uint32_t begin(std::size_t, Kind, TimePoint) override { return 0; }
  void end(std::size_t, Kind, std::uint32_t, Ended, Duration, TimePoint) override {}
};

/// Envoy's outlier detection: five failures in a row, at once; success rate below mean - 1.9
/// standard deviations every 10 s where at least 5 hosts had 100 requests; out for 30 s times the
/// ejections, at most 300 s, one taken back with each good interval; at most 10 % out, but one
/// always may; below 50 % healthy all are used.
class Envoy final : public Guard {
 public:
  explicit Envoy(Surroundings& around) : hosts_(around.upstreams), now_(around.engine) {
    around.engine.every(kInterval, [this] {
      sweep();
      return true;
    });
  }
  bool fit(std::size_t upstream, Kind, Rank, TimePoint) override {
    return !hosts_[upstream].out || 2 * (hosts_.size() - out()) < hosts_.size();
  }
  std::uint32_t begin(std::size_t, Kind, TimePoint) override { return 0; }
  void end(std::size_t upstream, Kind, std::uint32_t, Ended ended, Duration, TimePoint) override {
    Host& host = hosts_[upstream];
    if (ended == Ended::kLost) return;
    ++host.calls;
    if (good(ended)) {
      ++host.successes;
      host.run = 0;
    } else if (++host.run >= kRun) {
      host.run = 0;
      eject(host);
    }
  }

 private:
  static constexpr Duration kInterval = 10s;
  static constexpr Duration kBase = 30s;
  static constexpr Duration kMost = 300s;
  static constexpr std::uint32_t kRun = 5;

  struct Host {
    bool out = false;
    TimePoint since{};
    std::uint32_t times = 0;
    std::uint32_t run = 0;
    std::uint32_t calls = 0;
    std::uint32_t successes = 0;
  };

  [[nodiscard]] std::size_t out() const {
    return static_cast<std::size_t>(std::ranges::count_if(hosts_, &Host::out));
  }
  void eject(Host& host) {
    if (host.out || (out() != 0 && out() * 10 >= hosts_.size())) return;
    host.out = true;
    host.since = now_.now();
    ++host.times;
  }
  void sweep() {
    for (Host& host : hosts_) {
      if (!host.out) {
        if (host.times > 0) --host.times;
      } else if (now_.now() - host.since >= std::min<Duration>(kBase * host.times, kMost)) {
        host.out = false;
        host.run = 0;
      }
    }
    judge_rates();
    for (Host& host : hosts_) host.calls = host.successes = 0;
  }
  void judge_rates() {
    std::vector<double> rates;
    for (const Host& host : hosts_) {
      if (host.calls >= 100) rates.push_back(static_cast<double>(host.successes) / host.calls);
    }
    if (rates.size() < 5) return;
    double mean = 0;
    for (const double rate : rates) mean += rate / static_cast<double>(rates.size());
    double variance = 0;
    for (const double rate : rates)
      variance += (rate - mean) * (rate - mean) / static_cast<double>(rates.size());
    const double least = mean - 1.9 * std::sqrt(variance);
    for (Host& host : hosts_) {
      if (host.calls >= 100 && static_cast<double>(host.successes) / host.calls < least)
        eject(host);
    }
  }

  std::vector<Host> hosts_;
  Engine& now_;
};

/// The last outcomes of one breaker.
class Ring {
 public:
  explicit Ring(std::size_t size) : size_(size) {}
  void add(bool failed) {
    outcomes_.push_back(failed);
    if (failed) ++failures_;
    if (outcomes_.size() <= size_) return;
    if (outcomes_.front()) --failures_;
    outcomes_.pop_front();
  }
  void clear() {
    outcomes_.clear();
    failures_ = 0;
  }
  [[nodiscard]] bool full() const { return outcomes_.size() >= size_; }
  [[nodiscard]] std::size_t failures() const { return failures_; }

 private:
  std::size_t size_;
  std::size_t failures_ = 0;
  std::deque<bool> outcomes_;
};

struct CountOptions {
  std::size_t window;       ///< outcomes before anything is judged
  std::size_t failures;     ///< of them that open it
  Duration open;            ///< until half-open
  std::size_t half_open;    ///< calls let through then
  std::size_t half_good;    ///< that close it as soon as they went well; 0: judged when all are in
  std::size_t half_failed;  ///< that open it again
};

/// A breaker per upstream that counts outcomes.
class CountBreakers final : public Guard {
 public:
  CountBreakers(Surroundings& around, const CountOptions& options)
      : options_(options), breakers_(around.upstreams, Breaker(options.window)) {}

  bool fit(std::size_t upstream, Kind, Rank, TimePoint now) override {
    Breaker& breaker = breakers_[upstream];
    if (breaker.state == State::kOpen && now >= breaker.until) {
      breaker.state = State::kHalfOpen;
      breaker.let_in = breaker.good = breaker.failed = 0;
    }
    return breaker.state == State::kClosed ||
           (breaker.state == State::kHalfOpen && breaker.let_in < options_.half_open);
  }
  std::uint32_t begin(std::size_t upstream, Kind, TimePoint) override {
    Breaker& breaker = breakers_[upstream];
    if (breaker.state != State::kHalfOpen) return 0;
    ++breaker.let_in;
    return 1;
  }
  void end(std::size_t upstream, Kind, std::uint32_t token, Ended ended, Duration,
           TimePoint now) override {
    Breaker& breaker = breakers_[upstream];
    if (ended == Ended::kLost) return;
    if (breaker.state == State::kClosed) {
      breaker.ring.add(!good(ended));
      if (breaker.ring.full() && breaker.ring.failures() >= options_.failures) open(breaker, now);
    } else if (breaker.state == State::kHalfOpen && token == 1) {
      ++(good(ended) ? breaker.good : breaker.failed);
      const bool all_in = breaker.good + breaker.failed >= options_.half_open;
      if (breaker.failed >= options_.half_failed) {
        open(breaker, now);
      } else if (all_in || (options_.half_good > 0 && breaker.good >= options_.half_good)) {
        breaker.state = State::kClosed;
        breaker.ring.clear();
      }
    }
  }

 private:
  enum class State : std::uint8_t { kClosed, kOpen, kHalfOpen };
  struct Breaker {
    explicit Breaker(std::size_t window) : ring(window) {}
    Ring ring;
    State state = State::kClosed;
    TimePoint until{};
    std::size_t let_in = 0;
    std::size_t good = 0;
    std::size_t failed = 0;
  };
  void open(Breaker& breaker, TimePoint now) {
    breaker.state = State::kOpen;
    breaker.until = now + options_.open;
    breaker.ring.clear();
  }

  CountOptions options_;
  std::vector<Breaker> breakers_;
};

}  // namespace

std::string_view word(GuardKind kind) noexcept {
  constexpr std::array<std::string_view, kGuards> kWords = {"sluice", "envoy", "resilience4j",
                                                            "count-80", "none"};
  return kWords[static_cast<std::size_t>(kind)];
}

std::unique_ptr<Guard> make_envoy(Surroundings& around) {
  return std::make_unique<Envoy>(around);
}

/// resilience4j: 50 % of the last 100, judged from 100 on; open for 60 s; then 10 calls, and closed
/// unless half of them fail. Its limit for slow calls, all of them above 60 s, is never reached
/// here.
std::unique_ptr<Guard> make_resilience4j(Surroundings& around) {
  return std::make_unique<CountBreakers>(around, CountOptions{.window = 100,
                                                              .failures = 50,
                                                              .open = 60s,
                                                              .half_open = 10,
                                                              .half_good = 0,
                                                              .half_failed = 5});
}

/// 20 of the last 80, nothing before 80; open for five minutes; then 8 good ones of up to 200.
std::unique_ptr<Guard> make_count80(Surroundings& around) {
  return std::make_unique<CountBreakers>(around, CountOptions{.window = 80,
                                                              .failures = 20,
                                                              .open = 5min,
                                                              .half_open = 200,
                                                              .half_good = 8,
                                                              .half_failed = 193});
}

std::unique_ptr<Guard> make_guard(GuardKind kind, Surroundings& around) {
  switch (kind) {
    case GuardKind::kOurs:
      return make_ours(around);
    case GuardKind::kEnvoy:
      return make_envoy(around);
    case GuardKind::kResilience4j:
      return make_resilience4j(around);
    case GuardKind::kCount80:
      return make_count80(around);
    case GuardKind::kNone:
      break;
  }
  return std::make_unique<None>();
}

}  // namespace sluice::sim::health

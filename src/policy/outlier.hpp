// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/clock.hpp"
#include "policy/traffic_window.hpp"
#include "policy/upstream_set.hpp"

namespace sluice::policy {

struct OutlierOptions {
  /// By so much an upstream may fail more often than its peers.
  double margin = 0.05;
  /// How improbable its failures must be at the peers' rate plus the margin.
  double level = 1e-4;
  std::uint32_t calls_min = 10;
  /// Usual time against its peers', by class: on two classes, and where only one is in use.
  double slow_ratio = 3.0;
  double slow_ratio_alone = 5.0;
  /// Less than this is not worth a word, whatever the ratio.
  Duration slow_gap = std::chrono::milliseconds(5);
  /// No reply at all for so long, and for so many times what the class takes, is a silence.
  Duration silence_min = std::chrono::milliseconds(400);
  double silence_factor = 20.0;

  bool operator==(const OutlierOptions&) const = default;
};

enum class Outlier : std::uint8_t {
  kNone,
  kErrors,  ///< fails more often than its peers
  kSlow,    ///< became slower than its peers
  kSilent,  ///< takes calls and answers none
};

struct Finding {
  Outlier what = Outlier::kNone;
  /// Sure enough to act upon; otherwise a reason to probe at once.
  bool sure = false;
  /// The class that shows it most: what a probe should ask.
  std::uint32_t klass = 0;
  /// Share of calls that fail; for kErrors.
  double share = 0.0;
};

/// Which upstream of a chain does worse than its peers on the same kinds of calls? Judged by live
/// traffic alone, and against peers only: what is wrong with all of them is wrong elsewhere, and
/// takes nobody out. Works with two upstreams. One method class that fails or is slow is no reason:
/// breakers and balancing deal with that.
/// Errors: a binomial test of the calls of the last 0.5, 1, 2, … 60 s (TrafficWindow) against the
/// pooled peers of the same time; several windows, since a short one forgets the healthy past and a
/// long one sees enough calls at low rates. Slowness: the mean logarithm of the times, which is the
/// median where times are lognormal, against the median of the peers, and only if it rose lately
/// (Page 1954, on the logarithm of the ratio): a distant upstream that always was slower is the
/// balancer's business. Silence: calls in flight and none answered, which needs no timeout.
/// Part of ChainHealth, control thread only; nothing is allocated after construction.
class OutlierDetector {
 public:
  OutlierDetector(const OutlierOptions& options, std::size_t upstreams);

  /// What calls did since the last report, by class; at most kClassesMax of them. About every
  /// 100 ms for each upstream, whether there were calls or not.
  void report(std::size_t upstream, std::span<const ClassTraffic> traffic, TimePoint now) noexcept;

  /// `peers`: those in good standing, which may include the upstream itself. `tender`: it has just
  /// returned, so that less evidence will do.
  [[nodiscard]] Finding judge(std::size_t upstream, UpstreamSet peers, bool tender,
                              TimePoint now) const noexcept;

  /// It is back: what it did before no longer counts.
  void forget(std::size_t upstream, TimePoint now) noexcept;
  /// Its slowness is its usual state from now on.
  void adopt(std::size_t upstream) noexcept;

  /// Share of the peers' calls that failed in the last seconds.
  [[nodiscard]] double peer_failure_share(std::size_t upstream, UpstreamSet peers) const noexcept;
  /// Whether it was called for one class only in the last minute, often enough to say so.
  [[nodiscard]] bool one_class_in_use(std::size_t upstream) const noexcept;
  /// What the peers usually take for a call of this class; zero when unknown.
  [[nodiscard]] Duration usual(std::size_t upstream, std::uint32_t klass,
                               UpstreamSet peers) const noexcept;

 private:
  /// Times of one class at one upstream.
  struct Pace {
    double count = 0.0;  ///< faded
    double log_sum = 0.0;
    double usual_gap = 0.0;  ///< what the logarithm of its ratio to the peers usually is
    double risen = 0.0;      ///< Page's sum
    bool gap_known = false;
    std::uint32_t in_flight = 0;
    TimePoint quiet_since{};  ///< since when calls have been in flight with none answered
    [[nodiscard]] double log_mean() const noexcept { return log_sum / count; }
  };
  struct State {
    TrafficWindow window;
    std::array<Pace, kClassesMax> paces{};
    TimePoint reported_at{};
    TimePoint answered_at{};
    TimePoint quiet_since{};
  };

  [[nodiscard]] Finding judge_errors(std::size_t upstream, UpstreamSet peers,
                                     bool tender) const noexcept;
  [[nodiscard]] bool beyond_one_class(std::size_t upstream, const TrafficWindow::Span& own,
                                      double expected, std::uint32_t worst,
                                      bool tender) const noexcept;
  [[nodiscard]] Finding judge_pace(std::size_t upstream, UpstreamSet peers) const noexcept;
  [[nodiscard]] Finding judge_silence(std::size_t upstream, UpstreamSet peers,
                                      TimePoint now) const noexcept;
  [[nodiscard]] bool overdue(std::size_t upstream, std::size_t klass, UpstreamSet peers,
                             TimePoint now) const noexcept;
  [[nodiscard]] double peer_log_mean(std::size_t upstream, std::size_t klass, UpstreamSet peers,
                                     double calls_min) const noexcept;
  void follow_pace(std::size_t upstream, std::size_t klass, std::uint32_t calls,
                   Duration passed) noexcept;

  OutlierOptions options_;
  std::vector<State> states_;
};

}  // namespace sluice::policy

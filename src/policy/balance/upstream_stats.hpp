// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "base/clock.hpp"

namespace sluice::policy {

/// Method classes that have statistics of their own; higher ones share the last place.
inline constexpr std::size_t kStatClasses = 16;

[[nodiscard]] constexpr std::size_t stat_class(std::uint32_t method_class) noexcept {
  return method_class < kStatClasses ? method_class : kStatClasses - 1;
}

/// Two floats that are read and written as one word.
class AtomicPair {
 public:
  struct Value {
    float first = 0.0F;
    float second = 0.0F;
  };
  [[nodiscard]] Value load() const noexcept {
    return std::bit_cast<Value>(word_.load(std::memory_order_relaxed));
  }
  void store(Value value) noexcept {
    word_.store(std::bit_cast<std::uint64_t>(value), std::memory_order_relaxed);
  }

 private:
  static_assert(sizeof(Value) == sizeof(std::uint64_t));
  std::atomic<std::uint64_t> word_{0};
};

/// What the strategies have learned about one upstream and what is under way there, shared by all
/// workers. Every member is one word, relaxed: no lock and no retry loop. A mean that two workers
/// write at once loses one of the samples, which it can bear; the sums of what is in flight are
/// added to and subtracted from, and come back to nothing exactly. Owned by what stands for the
/// upstream, outlives every ticket.
class UpstreamStats {
 public:
  /// Calls of one class.
  struct alignas(64) Class {
    /// Means of the fourth root of the service time in seconds, over about 10, 30 and 100 calls,
    /// and how many calls they stand for.
    AtomicPair quick;
    AtomicPair slow;
    /// Share of failed calls, and how many samples it is worth.
    AtomicPair failures;
    /// Worked out of the above and the peers: expected service time, and what failing adds to a
    /// call's cost, in seconds. 0 is unknown.
    AtomicPair expected;
    /// Nanoseconds of the monotonic clock at the latest sample; 0 is never.
    std::atomic<std::int64_t> seen_ns{0};
    /// Calls in flight in the low 16 bits, the sum of their starts in microseconds above: one
    /// addition keeps both, and the sum may wrap, as only differences are taken of it.
    std::atomic<std::uint64_t> in_flight{0};
  };

  struct InFlight {
    std::uint32_t calls = 0;
    float age_s = 0.0F;  ///< their mean
  };

  /// A call begins: `work_ns` is what it is expected to take of the node's time.
  void begin(std::size_t klass, std::int64_t work_ns, std::int64_t now_ns) noexcept;
  /// The same call ends, with the same figures.
  void end(std::size_t klass, std::int64_t work_ns, std::int64_t began_ns,
           std::int64_t now_ns) noexcept;

  /// The upstream is new or comes back into rotation: it is ramped up from here on, and gets one
  /// call at a time until one has succeeded.
  void restart(TimePoint now) noexcept;
  /// By how much (as a logarithm) a model and the plain estimate were off at a call; `weight`: how
  /// far that is to be believed, 0..1.
  void learn_model_error(float error, float plain_error, float weight) noexcept;

  [[nodiscard]] InFlight in_flight(std::size_t klass, std::int64_t now_ns) const noexcept;

  std::array<Class, kStatClasses> classes;
  /// Expected seconds of all calls in flight, in nanoseconds.
  alignas(64) std::atomic<std::int64_t> work_ns{0};
  std::atomic<std::int32_t> calls{0};
  /// 1 once a call has succeeded since restart().
  std::atomic<std::int32_t> proven{0};
  /// When a call ended last, or when work began after there had been none.
  std::atomic<std::int64_t> progress_ns{0};
  /// When it was put into rotation; 0 is long ago.
  std::atomic<std::int64_t> restarted_ns{0};
  /// How many calls the node seems to work on at a time, 0 while nothing is known, and the mean
  /// share of waiting in its expected response times.
  AtomicPair parallel;
  /// For `learned`: mean errors of the model and of the plain estimate here, as logarithms, over
  /// about 1,000 calls; the second is 0 until there was one. And how many calls they stand for.
  AtomicPair model_error;
  std::atomic<float> model_samples{0.0F};
  /// For peak-ewma: the cost in seconds, and the microsecond of its latest update in the bits of
  /// the other.
  std::atomic<std::uint64_t> peak{0};
};

}  // namespace sluice::policy

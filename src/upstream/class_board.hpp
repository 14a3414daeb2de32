// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/random.hpp"
#include "policy/balance/balancer.hpp"
#include "policy/breaker.hpp"
#include "policy/latency_histogram.hpp"

namespace sluice::upstream {

/// More than there are classes of methods.
inline constexpr std::size_t kMethodClassesMax = 16;
/// In the place of a method class where node times are summed: calls that left in a batch, which
/// take less each than the same calls alone.
inline constexpr std::size_t kBatchedClass = kMethodClassesMax - 1;

/// What attempts did at one upstream and how long they took, by worker and method class, and the
/// breaker of each class. Each worker writes its own cells alone, without locked instructions; the
/// control thread reads all. The breakers all workers share. Stands for the same node across
/// reloads; owned by Shared.
class ClassBoard {
 public:
  /// Since the start. `log2_ns`: sum over the successes of the logarithm of their times in
  /// nanoseconds, in 1/65536.
  struct Totals {
    std::uint64_t successes = 0;
    std::uint64_t failures = 0;
    std::uint64_t throttled = 0;
    std::uint64_t log2_ns = 0;
    std::uint32_t in_flight = 0;
    /// Calls that were answered well with a reply that did not stream, and nanoseconds that the
    /// node took for them, without waits for a connection. Those of batches are kBatchedClass's.
    std::uint64_t timed = 0;
    std::uint64_t node_ns = 0;
  };

  explicit ClassBoard(std::size_t workers) : rows_(workers) {}
  ~ClassBoard();
  ClassBoard(const ClassBoard&) = delete;
  ClassBoard& operator=(const ClassBoard&) = delete;

  [[nodiscard]] std::size_t workers() const noexcept { return rows_.size(); }
  /// Response times that one worker saw; null while it has met none of the class.
  [[nodiscard]] const policy::LatencyHistogram* times(std::size_t worker,
                                                      std::size_t method_class) const noexcept {
    return rows_[worker].cells[method_class].times.load(std::memory_order_acquire);
  }
  [[nodiscard]] Totals totals(std::size_t method_class) const noexcept;
  [[nodiscard]] policy::Breaker& breaker(std::size_t method_class) noexcept {
    return breakers_[method_class];
  }
  /// How often a breaker came into a state; the control thread counts them as it sees them.
  [[nodiscard]] std::atomic<std::uint64_t>& transitions(std::size_t method_class,
                                                        policy::BreakerState to) noexcept {
    return transitions_[method_class][static_cast<std::size_t>(to)];
  }
  void configure(const policy::BreakerOptions& options) noexcept {
    for (policy::Breaker& breaker : breakers_) breaker.configure(options);
  }

 private:
  friend class Underway;
  struct Cell {
    std::atomic<std::uint64_t> successes{0};
    std::atomic<std::uint64_t> failures{0};
    std::atomic<std::uint64_t> throttled{0};
    std::atomic<std::uint64_t> log2_ns{0};
    std::atomic<std::uint32_t> in_flight{0};
    /// Made at the first sample, and where it is to the end.
    std::atomic<policy::LatencyHistogram*> times{nullptr};
    std::atomic<std::uint64_t> timed{0};
    std::atomic<std::uint64_t> node_ns{0};

    void record(Duration took) noexcept;
  };
  struct alignas(64) Row {
    std::array<Cell, kMethodClassesMax> cells;
  };

  std::vector<Row> rows_;
  std::array<policy::Breaker, kMethodClassesMax> breakers_;
  std::array<std::array<std::atomic<std::uint64_t>, 3>, kMethodClassesMax> transitions_{};
};

/// An attempt under way, as the board counts it: from its start to its one end. One that is dropped
/// without an end counts as cancelled, so that nothing is in flight for ever. On its worker's
/// thread; the board outlives it.
class Underway {
 public:
  Underway() = default;
  ~Underway() { drop(); }
  Underway(Underway&& other) noexcept { *this = std::move(other); }
  Underway& operator=(Underway&& other) noexcept {
    if (this == &other) return *this;
    drop();
    board_ = std::exchange(other.board_, nullptr);
    cell_ = other.cell_;
    method_class_ = other.method_class_;
    pass_ = other.pass_;
    started_ = other.started_;
    reached_ = other.reached_;
    answered_ = other.answered_;
    return *this;
  }

  /// Begins; one that has begun already is dropped.
  void start(ClassBoard& board, std::size_t worker, std::size_t method_class,
             TimePoint now) noexcept {
    drop();
    board_ = &board;
    cell_ = &board.rows_[worker].cells[method_class];
    method_class_ = method_class;
    pass_ = board.breaker(method_class).take(now);
    reached_ = true;
    answered_ = false;
    started_ = now;
    add(cell_->in_flight, 1U);
  }
  /// No connection came about: that is for the upstream as a whole, not for its class's breaker.
  void not_reached() noexcept { reached_ = false; }
  /// A reply came that shows no fault of the node's: however little it says of its health, the
  /// class is alive.
  void answered() noexcept { answered_ = true; }
  /// It was given up after so long, and would have taken longer: were that not counted, an upstream
  /// whose late replies are never waited for would look quick.
  void outrun(Duration age) noexcept { cell_->record(age); }
  /// The node has answered well, and took so long for it. Before end(); once.
  void node_took(Duration took, bool batched) noexcept {
    ClassBoard::Cell& cell = batched ? cell_[kBatchedClass - method_class_] : *cell_;
    add(cell.timed, std::uint64_t{1});
    add(cell.node_ns, static_cast<std::uint64_t>(took.count()));
  }
  /// `took`: what the call itself took.
  void end(policy::Ended ended, Duration took, TimePoint now, Random& random) noexcept;

 private:
  template <class T>
  static void add(std::atomic<T>& counter, T amount) noexcept {
    // One writer.
    counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  void drop() noexcept;

  ClassBoard* board_ = nullptr;
  ClassBoard::Cell* cell_ = nullptr;
  std::size_t method_class_ = 0;
  policy::BreakerPass pass_;
  TimePoint started_{};
  bool reached_ = true;
  bool answered_ = false;
};

}  // namespace sluice::upstream

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <vector>

#include "policy/latency_histogram.hpp"

namespace sluice::upstream {

/// More than there are classes of methods.
inline constexpr std::size_t kMethodClassesMax = 16;

/// Response times of one upstream by worker and method class. Each worker makes the histograms of
/// the classes it meets, and alone writes them; the control thread reads all. Shared by everything
/// that stands for the same node, across reloads; never moves a histogram.
class LatencyBoard {
 public:
  explicit LatencyBoard(std::size_t workers) : rows_(workers) {}
  ~LatencyBoard() {
    for (Row& row : rows_) {
      for (auto& cell : row) delete cell.load(std::memory_order_relaxed);
    }
  }
  LatencyBoard(const LatencyBoard&) = delete;
  LatencyBoard& operator=(const LatencyBoard&) = delete;

  /// On the worker's thread.
  void record(std::size_t worker, std::size_t method_class, Duration took) {
    auto& cell = rows_[worker][method_class];
    policy::LatencyHistogram* histogram = cell.load(std::memory_order_relaxed);
    if (histogram == nullptr) {
      histogram = new policy::LatencyHistogram;
      cell.store(histogram, std::memory_order_release);
    }
    histogram->record(took);
  }
  /// Null while that worker has met none of the class. Any thread.
  [[nodiscard]] const policy::LatencyHistogram* find(std::size_t worker,
                                                     std::size_t method_class) const noexcept {
    return rows_[worker][method_class].load(std::memory_order_acquire);
  }
  [[nodiscard]] std::size_t workers() const noexcept { return rows_.size(); }

 private:
  using Row = std::array<std::atomic<policy::LatencyHistogram*>, kMethodClassesMax>;
  std::vector<Row> rows_;
};

}  // namespace sluice::upstream

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

#include "metrics/buckets.hpp"

namespace sluice::metrics {

inline constexpr std::size_t kCacheLine = 64;

/// One number with one writing thread and any readers. Load and store instead of fetch_add: the
/// single writer needs no locked instruction, and a reader never sees a torn or a falling count.
class Cell {
 public:
  void add(std::uint64_t n) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  /// A gauge is kept as a sum that wraps: negative changes are added in two's complement.
  void change(std::int64_t by) noexcept { add(static_cast<std::uint64_t>(by)); }
  [[nodiscard]] std::uint64_t get() const noexcept {
    return value_.load(std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint64_t> value_{0};
};
static_assert(sizeof(Cell) == 8);

inline constexpr std::size_t kCellsPerLine = kCacheLine / sizeof(Cell);

/// Room for `cells`, in whole cache lines.
[[nodiscard]] constexpr std::size_t whole_lines(std::size_t cells) noexcept {
  return (cells + kCellsPerLine - 1) / kCellsPerLine * kCellsPerLine;
}

/// A histogram is kBuckets counts and the sum in nanoseconds, in whole lines.
inline constexpr std::size_t kHistogramSum = kBuckets;
inline constexpr std::size_t kHistogramCells = whole_lines(kBuckets + 1);

inline void record(Cell* histogram, Duration value) noexcept {
  const std::uint64_t ns = to_ns(value);
  histogram[bucket_index(ns)].add(1);
  histogram[kHistogramSum].add(ns);
}

struct FreeCells {
  void operator()(Cell* cells) const noexcept {
    ::operator delete[](cells, std::align_val_t{kCacheLine});
  }
};
using CellBlock = std::unique_ptr<Cell[], FreeCells>;

/// Zeroed, on its own cache lines, so that no other thread's writes share one.
[[nodiscard]] inline CellBlock make_cells(std::size_t count) {
  return CellBlock(new (std::align_val_t{kCacheLine}) Cell[whole_lines(count)]());
}

/// One thread's blocks by slot, written by the control thread while the owner records. A slot's
/// block stays where it is to the end, and is there before anybody is told the slot's number; so
/// look-up is two loads and no check.
class BlockTable {
 public:
  static constexpr std::size_t kPageSlots = 256;
  static constexpr std::size_t kSlotsMax = kPageSlots * 256;

  /// Control thread. `slot` < kSlotsMax and not set before.
  void set(std::size_t slot, CellBlock block) {
    auto& page = pages_[slot / kPageSlots];
    if (page.load(std::memory_order_relaxed) == nullptr) {
      owned_pages_.at(slot / kPageSlots) = std::make_unique<Page>();
      page.store(owned_pages_[slot / kPageSlots].get(), std::memory_order_release);
    }
    Page& in = *page.load(std::memory_order_relaxed);
    in.blocks[slot % kPageSlots].store(block.get(), std::memory_order_release);
    in.owned[slot % kPageSlots] = std::move(block);
  }

  [[nodiscard]] Cell* at(std::size_t slot) const noexcept {
    const Page* page = pages_[slot / kPageSlots].load(std::memory_order_acquire);
    return page->blocks[slot % kPageSlots].load(std::memory_order_acquire);
  }

 private:
  struct Page {
    std::array<std::atomic<Cell*>, kPageSlots> blocks{};
    std::array<CellBlock, kPageSlots> owned;
  };
  std::array<std::atomic<Page*>, kSlotsMax / kPageSlots> pages_{};
  std::array<std::unique_ptr<Page>, kSlotsMax / kPageSlots> owned_pages_;
};

}  // namespace sluice::metrics

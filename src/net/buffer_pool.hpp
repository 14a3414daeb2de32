// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::net {

/// A flat byte buffer: read position, write position, capacity. Grows by doubling up to what its
/// owner asks for.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::size_t capacity) : data_(allocate(capacity)), capacity_(capacity) {}
  /// What was moved from is empty and has no capacity.
  Buffer(Buffer&& other) noexcept { swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    Buffer taken(std::move(other));
    swap(taken);
    return *this;
  }

  [[nodiscard]] char* data() noexcept { return data_.get() + begin_; }
  [[nodiscard]] std::size_t size() const noexcept { return end_ - begin_; }
  [[nodiscard]] bool empty() const noexcept { return end_ == begin_; }
  [[nodiscard]] std::string_view view() const noexcept { return {data_.get() + begin_, size()}; }
  [[nodiscard]] std::span<char> space() noexcept { return {data_.get() + end_, capacity_ - end_}; }
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
  void commit(std::size_t bytes) noexcept { end_ += bytes; }
  /// Drops `bytes` from the end: they were moved elsewhere.
  void trim(std::size_t bytes) noexcept { end_ -= bytes; }

  void consume(std::size_t bytes) noexcept {
    begin_ += bytes;
    if (begin_ == end_) begin_ = end_ = 0;
  }
  /// As consume(), while a read into space() is pending: nothing moves.
  void consume_pinned(std::size_t bytes) noexcept { begin_ += bytes; }
  /// Room for `bytes` more behind the data: moves the data to the front, or to a larger block.
  /// Invalidates views.
  void reserve(std::size_t bytes);

 private:
  void swap(Buffer& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(capacity_, other.capacity_);
    std::swap(begin_, other.begin_);
    std::swap(end_, other.end_);
  }

  /// Buffers have pages of their own. From the heap they would lie between small blocks that live
  /// as long as a connection, and what a burst took would never go back to the system.
  struct Unmap {
    Unmap() noexcept : capacity(0) {}
    explicit Unmap(std::size_t size) noexcept : capacity(size) {}
    void operator()(char* data) const noexcept;
    std::size_t capacity;
  };
  using Block = std::unique_ptr<char[], Unmap>;
  [[nodiscard]] static Block allocate(std::size_t capacity);

  Block data_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

/// Free buffers of one size, shared by the connections of one worker, so that an idle connection
/// holds none. Keeps at most `kept_max`; the rest go back to the allocator. Lives on its worker's
/// thread.
class BufferPool {
 public:
  static constexpr std::size_t kBufferBytes = 16384;

  explicit BufferPool(std::size_t kept_max = 256) : kept_max_(kept_max) {}

  [[nodiscard]] Buffer take();
  /// Buffers that have grown beyond the pool's size are freed.
  void give(Buffer&& buffer) noexcept;

 private:
  std::size_t kept_max_;
  std::vector<Buffer> free_;
};

}  // namespace sluice::net

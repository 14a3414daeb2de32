// SPDX-License-Identifier: Apache-2.0
#include "net/buffer_pool.hpp"

#include <algorithm>
#include <cstring>
#include <new>

#include <sys/mman.h>

namespace sluice::net {

void Buffer::Unmap::operator()(char* data) const noexcept {
  ::munmap(data, capacity);
}

Buffer::Block Buffer::allocate(std::size_t capacity) {
  void* data =
      ::mmap(nullptr, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) throw std::bad_alloc();
  return {static_cast<char*>(data), Unmap(capacity)};
}

void Buffer::reserve(std::size_t bytes) {
  if (capacity_ - end_ >= bytes) return;
  const std::size_t held = size();
  if (capacity_ - held >= bytes) {
    std::memmove(data_.get(), data_.get() + begin_, held);
  } else {
    const std::size_t capacity = std::max(capacity_ * 2, held + bytes);
    Block larger = allocate(capacity);
    if (held != 0) std::memcpy(larger.get(), data_.get() + begin_, held);
    data_ = std::move(larger);
    capacity_ = capacity;
  }
  begin_ = 0;
  end_ = held;
}

Buffer BufferPool::take() {
  if (free_.empty()) return Buffer(kBufferBytes);
  Buffer buffer = std::move(free_.back());
  free_.pop_back();
  return buffer;
}

void BufferPool::give(Buffer&& buffer) noexcept {
  if (buffer.capacity() != kBufferBytes || free_.size() >= kept_max_) {
    const Buffer dropped = std::move(buffer);
    return;
  }
  buffer.consume(buffer.size());
  free_.push_back(std::move(buffer));
}

}  // namespace sluice::net

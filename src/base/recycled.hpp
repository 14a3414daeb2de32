// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <new>
#include <utility>

#if defined(__SANITIZE_ADDRESS__)
#define SLUICE_RECYCLE 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SLUICE_RECYCLE 0
#endif
#endif
#ifndef SLUICE_RECYCLE
#define SLUICE_RECYCLE 1
#endif

namespace sluice {

/// Base of a class whose objects come and go with every call, on one thread each: what dies is kept
/// for the next of its kind, since the general allocator takes its slow path for objects of a
/// kilobyte and more. Keeps at most `kKept` of them for each thread. Memory only: construction and
/// destruction happen as ever. Off under AddressSanitizer, from which it would hide mistakes.
template <class T, std::size_t kKept = 64>
class Recycled {
 public:
  static void* operator new(std::size_t bytes) {
    if (SLUICE_RECYCLE && bytes == sizeof(T) && shelf_.first != nullptr) {
      Free* const taken = shelf_.first;
      shelf_.first = taken->next;
      --shelf_.count;
      return taken;
    }
    return ::operator new(bytes);
  }
  static void operator delete(void* object, std::size_t bytes) noexcept {
    if (SLUICE_RECYCLE && bytes == sizeof(T) && shelf_.count < kKept) {
      if (!shelf_.swept) sweep_at_end();
      shelf_.first = new (object) Free{shelf_.first};
      ++shelf_.count;
      return;
    }
    ::operator delete(object, bytes);
  }

 protected:
  ~Recycled() = default;

 private:
  struct Free {
    Free* next;
  };
  struct Shelf {
    Free* first = nullptr;
    std::size_t count = 0;
    bool swept = false;
  };
  struct Sweeper {
    ~Sweeper() {
      // What dies after this is not kept any more.
      shelf_.count = kKept;
      while (shelf_.first != nullptr) {
        ::operator delete(std::exchange(shelf_.first, shelf_.first->next), sizeof(T));
      }
    }
  };

  /// Apart from the shelf, so that the common path is free of the checks which a thread's objects
  /// with destructors need.
  static void sweep_at_end() noexcept {
    shelf_.swept = true;
    static thread_local const Sweeper sweeper;
    static_cast<void>(sweeper);
  }

  static inline constinit thread_local Shelf shelf_{};
};

}  // namespace sluice

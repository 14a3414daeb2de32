// SPDX-License-Identifier: Apache-2.0
// Counts what the decoder asks of the heap: nothing for messages of one frame, and never by a
// declared length.
#include <atomic>
#include <cstdlib>
#include <new>

#include "cases.hpp"
#include "support/catch.hpp"

namespace {
std::atomic<std::size_t> allocated{0};
}

void* operator new(std::size_t size) {
  allocated += size;
  void* memory = std::malloc(size != 0 ? size : 1);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
// The sanitizers bring a version of this one that would not match the delete below.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  allocated += size;
  return std::malloc(size != 0 ? size : 1);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

using namespace sluice::ws;
using namespace sluice::ws::test;

namespace {

/// Bytes taken from the heap while `bytes` are decoded in one call after the other.
std::size_t taken(Decoder& decoder, std::string& bytes) {
  const std::size_t before = allocated;
  char* data = bytes.data();
  std::size_t size = bytes.size();
  for (;;) {
    std::size_t consumed = 0;
    const Event event = decoder.next(data, size, consumed, {});
    data += consumed;
    size -= consumed;
    if (event.kind == Event::Kind::kNeedMore) break;
  }
  return allocated - before;
}

}  // namespace

TEST_CASE("messages of one frame and control frames cost no allocation") {
  Decoder decoder(Role::kServer);
  std::string bytes =
      wire({frame(kText, std::string(300, 'a')), frame(kPing, "p"),
            frame(kBin, std::string(70000, 'b')), frame(kPong, "q"), frame(kClose, "")},
           Role::kClient);
  CHECK(taken(decoder, bytes) == 0);
  CHECK(decoder.finished());
}

TEST_CASE("a declared length allocates nothing") {
  for (const bool fin : {true, false}) {
    for (const std::uint64_t declared :
         {std::uint64_t{16} << 20, std::uint64_t{1} << 40, ~std::uint64_t{0} >> 1}) {
      Decoder decoder(Role::kServer);
      std::string bytes = wire({with_length(frame(kText, "x", fin), 8, declared)}, Role::kClient);
      CHECK(taken(decoder, bytes) < 64);
    }
  }
}

TEST_CASE("a fragmented message costs what has come, and a large one is given back") {
  Decoder decoder(Role::kServer);
  std::string large =
      wire({frame(kText, std::string(1 << 20, 'a'), false), frame(kCont, "b")}, Role::kClient);
  CHECK(taken(decoder, large) < (5U << 20));
  // Kept capacity would make this free.
  std::string again =
      wire({frame(kText, std::string(1500, 'a'), false), frame(kCont, "b")}, Role::kClient);
  CHECK(taken(decoder, again) >= 1500);
  std::string small =
      wire({frame(kText, std::string(1500, 'a'), false), frame(kCont, "b")}, Role::kClient);
  CHECK(taken(decoder, small) == 0);
}

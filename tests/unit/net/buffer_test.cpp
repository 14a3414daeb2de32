// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <string>

#include "base/random.hpp"
#include "net/buffer_pool.hpp"
#include "support/catch.hpp"

using namespace sluice;

namespace {

void append(net::Buffer& buffer, std::string_view bytes) {
  buffer.reserve(bytes.size());
  REQUIRE(buffer.space().size() >= bytes.size());
  std::memcpy(buffer.space().data(), bytes.data(), bytes.size());
  buffer.commit(bytes.size());
}

}  // namespace

TEST_CASE("a buffer against a string, at random") {
  Random random(11);
  net::Buffer buffer;
  std::string model;
  for (int step = 0; step < 20000; ++step) {
    INFO("step " << step);
    switch (random.below(4)) {
      case 0:
      case 1: {
        std::string bytes(random.below(300), '\0');
        for (char& c : bytes) c = static_cast<char>(random.below(256));
        append(buffer, bytes);
        model += bytes;
        break;
      }
      case 2: {
        const auto gone = random.below(model.size() + 1);
        buffer.consume(gone);
        model.erase(0, gone);
        break;
      }
      default: {
        const auto gone = random.below(model.size() / 4 + 1);
        buffer.trim(gone);
        model.resize(model.size() - gone);
        break;
      }
    }
    REQUIRE(buffer.view() == model);
    if (step % 997 == 0) {
      net::Buffer moved(std::move(buffer));
      REQUIRE(buffer.capacity() == 0);
      REQUIRE(buffer.empty());
      buffer = std::move(moved);
    }
  }
}

TEST_CASE("a buffer that was moved from can be used again") {
  net::Buffer one(64);
  append(one, "first");
  net::Buffer two;
  two = std::move(one);
  CHECK(two.view() == "first");
  append(one, "again");
  CHECK(one.view() == "again");
  CHECK(two.view() == "first");
}

TEST_CASE("the pool keeps what is of its size, up to its bound, and gives it out empty") {
  net::BufferPool pool(1);
  net::Buffer one = pool.take();
  net::Buffer two = pool.take();
  const char* address = one.data();
  append(one, "secret");
  pool.give(std::move(one));
  pool.give(std::move(two));
  net::Buffer again = pool.take();
  CHECK(again.data() == address);
  CHECK(again.empty());
  again.reserve(net::BufferPool::kBufferBytes + 1);
  pool.give(std::move(again));
  CHECK(pool.take().capacity() == net::BufferPool::kBufferBytes);
}

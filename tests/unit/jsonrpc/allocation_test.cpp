// SPDX-License-Identifier: Apache-2.0
// Counts what the whole executable allocates, to show that the data path does not once it is warm.
#include <atomic>
#include <cstdlib>
#include <new>
#include <string>

#include "jsonrpc/reply_stream.hpp"
#include "jsonrpc/splitter.hpp"
#include "jsonrpc/write.hpp"
#include "support/catch.hpp"

namespace {

std::atomic<std::size_t> allocated_bytes{0};

}  // namespace

void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  allocated_bytes += size;
  return std::malloc(size == 0 ? 1 : size);
}
void* operator new(std::size_t size) {
  void* const memory = operator new(size, std::nothrow);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, const std::nothrow_t&) noexcept {
  std::free(memory);
}

using namespace sluice::jsonrpc;

TEST_CASE("no allocation once warm, and none that grows with the body") {
  const std::string call =
      R"({"jsonrpc":"2.0","id":1,"method":"eth_\u0063all","params":[{"to":"0x1"},"latest"]})";
  std::string batch = "[" + call;
  for (int i = 0; i < 99; ++i) batch += "," + call;
  batch += "]";
  std::string flood = "[1";
  for (int i = 0; i < 1'000'000; ++i) flood += ",1";
  flood += "]";
  const std::string reply =
      R"({"jsonrpc":"2.0","id":1,"result":[")" + std::string(100'000, 'x') + "\"]}";
  const Limits limits;
  Splitter splitter;
  ReplyStream stream(1);
  std::string out;
  const auto round = [&] {
    std::size_t seen = splitter.split(call, limits).calls.size();
    seen += splitter.split(batch, limits).calls.size();
    append_request(out, 1, splitter.split(call, limits).calls.front().method, "[]");
    append_error(out, "1", -32601, "a \"b\"");
    out.clear();
    seen += parse_reply(reply).valid ? 1U : 0U;
    stream.reset(1);
    stream.feed(reply);
    return seen + (stream.finish() ? 1U : 0U);
  };
  CHECK(round() == 103);
  std::size_t before = allocated_bytes;
  const std::size_t seen = round();
  std::size_t after = allocated_bytes;
  CHECK(seen == 103);
  CHECK(after == before);

  before = allocated_bytes;
  const bool refused = splitter.split(flood, limits).error_code != 0;
  after = allocated_bytes;
  CHECK(refused);
  CHECK(after - before < 4 * limits.batch_max * sizeof(CallView));
}

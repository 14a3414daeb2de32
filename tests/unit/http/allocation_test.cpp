// SPDX-License-Identifier: Apache-2.0
// Replaces the global operator new of this test program by one that counts.
#include <cstdlib>
#include <new>

#include "feed.hpp"
#include "http/chunk_decoder.hpp"

namespace {

std::size_t allocations = 0;

}  // namespace

void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  ++allocations;
  return std::malloc(size == 0 ? 1 : size);
}
void* operator new(std::size_t size) {
  if (void* memory = operator new(size, std::nothrow)) return memory;
  throw std::bad_alloc();
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

using namespace sluice::http;
using namespace sluice::http::test;

TEST_CASE("warm parsers do not allocate") {
  const std::string request =
      "POST /mainnet HTTP/1.1\r\nHost: node\r\nA: b\r\nB: c\r\nContent-Type: application/json\r\n"
      "Transfer-Encoding: chunked\r\n\r\n";
  const std::string response = "HTTP/1.1 200 OK\r\nA: b\r\nB: c\r\nContent-Length: 5\r\n\r\n";
  std::string body = "5\r\nhello\r\n0\r\n\r\n";
  const RequestLimits limits;
  RequestParser request_parser(limits);
  ResponseParser response_parser{ResponseLimits{}};
  ChunkDecoder decoder;
  std::size_t warm = 0;
  bool good = true;
  for (int round = 0; round < 4; ++round) {
    if (round == 1) warm = allocations;
    request_parser.reset();
    response_parser.reset();
    decoder.reset(ChunkLimits{});
    body = "5\r\nhello\r\n0\r\n\r\n";
    good =
        good && request_parser.parse(std::string_view(request).substr(0, 50)) == Status::kNeedMore;
    good = good && request_parser.parse(request) == Status::kDone;
    good = good && !check_framing(request_parser.head(), limits);
    good = good && response_parser.parse(response) == Status::kDone;
    good = good && decoder.decode(body.data(), body.size(), body.data()).status == Status::kDone;
  }
  const std::size_t after = allocations;
  CHECK(good);
  CHECK(warm > 0);
  CHECK(after == warm);
}

// SPDX-License-Identifier: Apache-2.0
#include "http/writer.hpp"

#include <array>
#include <limits>
#include <set>

#include "feed.hpp"

using namespace sluice::http;
using namespace sluice::http::test;

namespace {

std::string chunk_header(std::uint64_t size) {
  std::array<char, kChunkHeaderBytesMax> buffer{};
  return {buffer.data(), write_chunk_header(buffer.data(), size)};
}

std::string status_line(int status) {
  std::string out;
  append_status_line(out, status);
  return out;
}

}  // namespace

TEST_CASE("sizes of chunks of every length") {
  const auto max = std::numeric_limits<std::uint64_t>::max();
  std::vector<std::uint64_t> values = {max, max - 1, 1, 9, 10, 99, 100, 101, 0x1ff, 65535, 5242880};
  for (int bit = 0; bit < 64; ++bit) values.push_back(std::uint64_t{1} << bit);
  for (const std::uint64_t value : values) {
    std::array<char, 32> hex{};
    std::snprintf(hex.data(), hex.size(), "%llx\r\n", static_cast<unsigned long long>(value));
    CHECK(chunk_header(value) == hex.data());
  }
  CHECK(chunk_header(max).size() == kChunkHeaderBytesMax);
}

TEST_CASE("status lines") {
  CHECK(status_line(200) == "HTTP/1.1 200 OK\r\n");
  CHECK(status_line(431) == "HTTP/1.1 431 Request Header Fields Too Large\r\n");
  CHECK(status_line(502) == "HTTP/1.1 502 Bad Gateway\r\n");
  CHECK(status_line(599) == "HTTP/1.1 599 Unknown\r\n");
  std::string out = "before";
  append_status_line(out, 204);
  CHECK(out == "beforeHTTP/1.1 204 No Content\r\n");
}

TEST_CASE("every status that we send has a phrase") {
  for (const Reject& row : reject_rows()) {
    INFO(row.reason);
    CHECK(reason_phrase(row.status) != "Unknown");
  }
}

TEST_CASE("what we write, our own parsers read back") {
  std::string out(kContinue);
  append_status_line(out, 200);
  out += "Content-Type: application/json\r\nContent-Length: 7\r\n\r\n";
  ResponseParser parser{ResponseLimits{}};
  REQUIRE(parser.parse(out) == Status::kDone);
  CHECK(parser.head().status == 200);
  CHECK(parser.head().content_length == 7);
}

TEST_CASE("the reasons are closed words, each once, with a status and a text") {
  std::set<std::string_view> words;
  for (const Reject& row : reject_rows()) {
    INFO(row.reason);
    CHECK(words.insert(row.reason).second);
    CHECK(row.status >= 400);
    CHECK(row.status <= 505);
    CHECK_FALSE(row.text.empty());
    for (const char c : row.reason)
      CHECK(((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'));
  }
  CHECK(reject_of(Reason::kNone).status == 0);
  CHECK(reject_of(Reason::kTargetTooLong).status == 414);
  CHECK(upstream_reject_of(Reason::kObsFold).status == 502);
  CHECK(upstream_reject_of(Reason::kObsFold).reason == "obs_fold");
}

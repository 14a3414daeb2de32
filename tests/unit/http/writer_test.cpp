// SPDX-License-Identifier: Apache-2.0
#include "http/writer.hpp"

#include <array>
#include <limits>
#include <set>

#include "feed.hpp"

using namespace sluice::http;
using namespace sluice::http::test;

namespace {

template <class Write, class... Args>
std::string written(Write write, Args... args) {
  std::array<char, 256> buffer{};
  return {buffer.data(), write(buffer.data(), args...)};
}

}  // namespace

TEST_CASE("decimals and hexadecimals of every length") {
  CHECK(written(write_decimal, std::uint64_t{0}) == "0");
  CHECK(written(write_hex, std::uint64_t{0}) == "0");
  const auto max = std::numeric_limits<std::uint64_t>::max();
  std::vector<std::uint64_t> values = {max, max - 1, 1, 9, 10, 99, 100, 101, 65535, 5242880};
  for (std::uint64_t power = 1; power <= max / 10; power *= 10) {
    values.insert(values.end(), {power, power - 1, power + 1, power * 9});
  }
  for (int bit = 0; bit < 64; ++bit) values.push_back(std::uint64_t{1} << bit);
  for (const std::uint64_t value : values) {
    CHECK(written(write_decimal, value) == std::to_string(value));
    std::array<char, 32> hex{};
    std::snprintf(hex.data(), hex.size(), "%llx", static_cast<unsigned long long>(value));
    CHECK(written(write_hex, value) == hex.data());
  }
  CHECK(std::to_string(max).size() == kDecimalBytesMax);
}

TEST_CASE("pieces of a head") {
  CHECK(written(write_status_line, 200) == "HTTP/1.1 200 OK\r\n");
  CHECK(written(write_status_line, 431) == "HTTP/1.1 431 Request Header Fields Too Large\r\n");
  CHECK(written(write_status_line, 599) == "HTTP/1.1 599 Unknown\r\n");
  CHECK(written(write_field, std::string_view("A"), std::string_view("b")) == "A: b\r\n");
  CHECK(written(write_field, std::string_view("A"), std::string_view()) == "A: \r\n");
  CHECK(written(write_chunk_header, std::uint64_t{0x1ff}) == "1ff\r\n");
  std::string out;
  append_status_line(out, 502);
  append_field(out, "Content-Length", std::uint64_t{12});
  append_field(out, "Connection", "close");
  CHECK(out == "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 12\r\nConnection: close\r\n");
}

TEST_CASE("every status fits, and every one that we send has a phrase") {
  for (int status = 100; status < 600; ++status) {
    CHECK(written(write_status_line, status).size() <= kStatusLineBytesMax);
  }
  for (const Reject& row : reject_rows()) {
    INFO(row.reason);
    CHECK(reason_phrase(row.status) != "Unknown");
  }
}

TEST_CASE("what we write, our own parsers read back") {
  std::string out(kContinue);
  append_status_line(out, 200);
  append_field(out, "Content-Type", "application/json");
  append_field(out, "Content-Length", std::uint64_t{7});
  out += "\r\n";
  ResponseParser parser{ResponseLimits{}};
  REQUIRE(parser.parse(out) == Status::kDone);
  CHECK(parser.head().status == 200);
  CHECK(parser.head().content_length == 7);
}

TEST_CASE("field values that could end a line are known") {
  CHECK(is_field_value(""));
  CHECK(is_field_value("a b\tc \xFF"));
  CHECK_FALSE(is_field_value("a\r\nB: c"));
  CHECK_FALSE(is_field_value("a\nb"));
  CHECK_FALSE(is_field_value(bytes("a\0b")));
  CHECK_FALSE(is_field_value("a\x7F"));
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

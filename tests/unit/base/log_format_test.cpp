// SPDX-License-Identifier: Apache-2.0
#include "base/log_format.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "support/catch.hpp"

namespace log_ns = sluice::log;
using log_ns::Field;
using log_ns::Level;

namespace {

std::string json(std::string_view event, std::string_view msg, std::vector<Field> fields = {}) {
  std::string out;
  log_ns::append_json(out, 0.5, Level::kInfo, event, msg, fields.data(), fields.size());
  return out;
}

std::string text(std::string_view msg, std::vector<Field> fields = {}) {
  std::string out;
  log_ns::append_text(out, 0.5, Level::kWarn, "e", msg, fields.data(), fields.size());
  return out;
}

bool contains(std::string_view all, std::string_view part) {
  return all.find(part) != std::string_view::npos;
}

}  // namespace

TEST_CASE("a timestamp is RFC 3339 in UTC with microseconds") {
  struct Row {
    double at;
    const char* want;
  };
  for (const Row& row :
       {Row{0, "1970-01-01T00:00:00.000000Z"}, Row{-1, "1970-01-01T00:00:00.000000Z"},
        Row{951782399.999999, "2000-02-28T23:59:59.999999Z"},
        Row{951782400.9999999, "2000-02-29T00:00:01.000000Z"},
        Row{1769850000.000001, "2026-01-31T09:00:00.000001Z"}}) {
    std::string out;
    log_ns::append_timestamp(out, row.at);
    CHECK(out == row.want);
  }
}

TEST_CASE("outside text cannot forge a line, a field or a terminal command") {
  struct Row {
    std::string_view in, want;
  };
  using namespace std::string_view_literals;
  const std::vector<Row> rows = {
      {"plain", "plain"},
      {"", ""},
      {"a\"b\\c", R"(a\"b\\c)"},
      {"a\nb\rc\td", R"(a\nb\u000dc\u0009d)"},
      {"nul\0nul"sv, R"(nul\u0000nul)"},
      {"\x1b[31mred", R"(\u001b[31mred)"},
      {"\x7f", R"(\u007f)"},
      {"\xc2\x9b"
       "31m",
       R"(\u009b31m)"},               // CSI in one code point
      {"\xe2\x80\xa8", R"(\u2028)"},  // line separator
      {"\xe2\x80\xae"
       "x",
       R"(\u202ex)"},                 // right-to-left override
      {"\xe2\x81\xa6", R"(\u2066)"},  // left-to-right isolate
      {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
      {"\xff", R"(\ufffd)"},
      {"\xc3", R"(\ufffd)"},  // cut short
      {"\xc3(", R"(\ufffd()"},
      {"\xc0\xaf", R"(\ufffd\ufffd)"},  // overlong slash
      {"\xe0\x80\xaf", R"(\ufffd\ufffd\ufffd)"},
      {"\xf0\x80\x80\xaf", R"(\ufffd\ufffd\ufffd\ufffd)"},
      {"\xed\xa0\x80", R"(\ufffd\ufffd\ufffd)"},  // surrogate
      {"\xf4\x90\x80\x80", R"(\ufffd\ufffd\ufffd\ufffd)"},
  };
  for (const Row& row : rows) {
    std::string out;
    log_ns::append_escaped(out, row.in);
    CHECK(out == row.want);
    CHECK(json("e", "m", {{"k", row.in}}) ==
          R"({"ts":"1970-01-01T00:00:00.500000Z","level":"info","event":"e","msg":"m","k":")" +
              std::string(row.want) + "\"}\n");
    const std::string line = text(row.in, {{"k", row.in}});
    CHECK(std::count(line.begin(), line.end(), '\n') == 1);
    CHECK(std::none_of(line.begin(), line.end() - 1,
                       [](char c) { return static_cast<unsigned char>(c) < 0x20; }));
  }
}

TEST_CASE("a long value is cut between characters and marked") {
  for (const std::string_view piece : {"x", "\xc3\xa9", "\x01", "\xf0\x9f\x98\x80"}) {
    std::string in;
    while (in.size() < 3000) in += piece;
    std::string out;
    log_ns::append_escaped(out, in);
    CHECK(out.size() <= log_ns::kValueBytesMax + 3);
    CHECK(out.size() > log_ns::kValueBytesMax - 6);
    CHECK(out.substr(out.size() - 3) == "…");
    std::string again;
    log_ns::append_escaped(again, out.substr(0, out.size() - 3), 100'000);
    CHECK(!contains(again, "ufffd"));
  }
  CHECK(contains(text("m", {{"k", std::string(5000, 'x')}}), "…"));
}

TEST_CASE("fields keep their types") {
  const std::string line = json("e", "m",
                                {{"s", "a b"},
                                 {"string", std::string("x")},
                                 {"i", -5},
                                 {"u", std::uint8_t{200}},
                                 {"max", std::numeric_limits<std::uint64_t>::max()},
                                 {"min", std::numeric_limits<std::int64_t>::min()},
                                 {"d", 0.25},
                                 {"f", 2.5F},
                                 {"big", 1e300},
                                 {"nan", std::nan("")},
                                 {"inf", -INFINITY},
                                 {"t", true},
                                 {"n", false}});
  CHECK(contains(line, R"("s":"a b","string":"x","i":-5,"u":200,"max":18446744073709551615,)"
                       R"("min":-9223372036854775808,"d":0.25,"f":2.5,"big":1e+300,"nan":null,)"
                       R"("inf":null,"t":true,"n":false})"));
}

TEST_CASE("text is for people, and still unambiguous") {
  CHECK(text("upstream left rotation", {{"chain", "mainnet"},
                                        {"reason", "timed out"},
                                        {"empty", ""},
                                        {"eq", "a=b"},
                                        {"url", "127.0.0.1:80/x"},
                                        {"n", 5},
                                        {"on", true}}) ==
        "1970-01-01T00:00:00.500000Z WARN  upstream left rotation event=e chain=mainnet "
        "reason=\"timed out\" empty=\"\" eq=\"a=b\" url=127.0.0.1:80/x n=5 on=true\n");
}

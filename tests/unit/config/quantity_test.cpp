// SPDX-License-Identifier: Apache-2.0
#include "config/quantity.hpp"

#include "base/random.hpp"
#include "config/suggest.hpp"
#include "support/catch.hpp"

using namespace sluice::config;

namespace {

struct Good {
  Type type;
  const char* text;
  double value;
  const char* canonical;
};

constexpr Good kGood[] = {
    {Type::kDuration, "250ms", 250e6, "250ms"},
    {Type::kDuration, "0s", 0, "0s"},
    {Type::kDuration, "60s", 60e9, "1m"},
    {Type::kDuration, "1.5s", 1.5e9, "1500ms"},
    {Type::kDuration, "90m", 5.4e12, "90m"},
    {Type::kDuration, "24h", 8.64e13, "1d"},
    {Type::kDuration, "1us", 1000, "1us"},
    {Type::kDuration, "0.5us", 500, "0.5us"},
    {Type::kSize, "0B", 0, "0B"},
    {Type::kSize, "5MiB", 5242880, "5MiB"},
    {Type::kSize, "1.5KiB", 1536, "1536B"},
    {Type::kSize, "1024KiB", 1048576, "1MiB"},
    {Type::kPercent, "0%", 0, "0%"},
    {Type::kPercent, "10%", 0.1, "10%"},
    {Type::kPercent, "2.5%", 0.025, "2.5%"},
    {Type::kPercent, "29%", 0.29, "29%"},
    {Type::kPercent, "100%", 1, "100%"},
    {Type::kRate, "300/s", 300, "300/s"},
    {Type::kRate, "100/m", 100.0 / 60, "100/m"},
    {Type::kRate, "60/m", 1, "1/s"},
    {Type::kRate, "1/h", 1.0 / 3600, "1/h"},
    {Type::kRate, "0.5/s", 0.5, "30/m"},
    {Type::kCount, "9007199254740991", 9007199254740991.0, "9007199254740991"},
    {Type::kCount, "007", 7, "7"},
    {Type::kNumber, "99.9", 99.9, "99.9"},
};

}  // namespace

TEST_CASE("quantities are read, and printed in one form") {
  for (const Good& each : kGood) {
    INFO(each.text);
    const auto value = parse_quantity(each.type, each.text, {});
    REQUIRE(value);
    CHECK(*value == each.value);
    CHECK(format_quantity(each.type, *value) == each.canonical);
  }
}

TEST_CASE("whatever is read is printed as something that reads the same, up to 2^53") {
  sluice::Random random(20240607);
  const struct {
    Type type;
    const char* units[6];
  } kinds[] = {{Type::kDuration, {"us", "ms", "s", "m", "h", "d"}},
               {Type::kSize, {"B", "KiB", "MiB", "GiB", "B", "KiB"}},
               {Type::kPercent, {"%", "%", "%", "%", "%", "%"}},
               {Type::kRate, {"/s", "/m", "/h", "/s", "/m", "/h"}}};
  for (int i = 0; i < 20000; ++i) {
    const auto& kind = kinds[random.below(4)];
    std::string text = std::to_string(random.below(random.below(2) == 0 ? 100 : 1000000));
    if (random.below(3) == 0) text += "." + std::to_string(random.below(1000));
    text += kind.units[random.below(6)];
    const auto value = parse_quantity(kind.type, text, {});
    REQUIRE(value);
    if (*value > 9007199254740991.0) continue;
    const std::string printed = format_quantity(kind.type, *value);
    CAPTURE(text, printed);
    const auto again = parse_quantity(kind.type, printed, {});
    REQUIRE(again);
    REQUIRE(*again == *value);
  }
}

TEST_CASE("bad quantities are told apart") {
  const struct {
    Type type;
    const char* text;
    QuantityError::Kind kind;
    const char* suggestion;
  } cases[] = {
      {Type::kDuration, "", QuantityError::kNotANumber, ""},
      {Type::kDuration, "-1s", QuantityError::kNotANumber, ""},
      {Type::kDuration, "+1s", QuantityError::kNotANumber, ""},
      {Type::kDuration, ".5s", QuantityError::kNotANumber, ""},
      {Type::kDuration, "inf", QuantityError::kNotANumber, ""},
      {Type::kDuration, "nan", QuantityError::kNotANumber, ""},
      {Type::kDuration, "5.s", QuantityError::kUnknownUnit, ""},
      {Type::kDuration, "1e3s", QuantityError::kUnknownUnit, ""},
      {Type::kDuration, "5mins", QuantityError::kUnknownUnit, "5m"},
      {Type::kDuration, "5KiB", QuantityError::kUnknownUnit, ""},
      {Type::kDuration, "5", QuantityError::kNoUnit, "5ms"},
      {Type::kSize, "5k", QuantityError::kUnknownUnit, "5KiB"},
      {Type::kRate, "5/sec", QuantityError::kUnknownUnit, "5/s"},
      {Type::kRate, "5", QuantityError::kNoUnit, "5/s"},
      {Type::kPercent, "0.1", QuantityError::kNoUnit, "0.1%"},
      {Type::kCount, "1.5", QuantityError::kNotWhole, ""},
      {Type::kCount, "1s", QuantityError::kNotANumber, ""},
      {Type::kCount, "0x1", QuantityError::kNotANumber, ""},
  };
  for (const auto& each : cases) {
    INFO(each.text);
    const auto value = parse_quantity(each.type, each.text, "25ms");
    REQUIRE_FALSE(value);
    CHECK(value.error().kind == each.kind);
    CHECK(value.error().suggestion == each.suggestion);
  }
}

TEST_CASE("edit distance counts inserts, deletes, replacements and swaps") {
  CHECK(edit_distance("", "") == 0);
  CHECK(edit_distance("abc", "") == 3);
  CHECK(edit_distance("timeout", "tiemout") == 1);
  CHECK(edit_distance("kitten", "sitting") == 3);
  CHECK(edit_distance("Round_Robin", "round-robin") == 0);
}

TEST_CASE("only what is near is suggested") {
  constexpr std::string_view kWords[] = {"max", "min", "idle_timeout", "max_age"};
  CHECK(nearest("mix", kWords) == "max");
  CHECK(nearest("idle_timout", kWords) == "idle_timeout");
  CHECK(nearest("max_connections", kWords) == "max");
  CHECK(nearest("zzz", kWords).empty());
  CHECK(nearest("", kWords).empty());
  CHECK(nearest(std::string(100, 'm'), kWords).empty());
}

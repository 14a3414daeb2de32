// SPDX-License-Identifier: Apache-2.0
// Every row of the tables on both legs, fed whole, byte by byte and at every split.
#include "cases.hpp"
#include "support/catch.hpp"

using namespace sluice::ws;
using namespace sluice::ws::test;

namespace {

/// All splits of a short wire; of a long one those around its ends and a sample of the rest.
std::vector<std::size_t> splits_of(std::size_t size) {
  std::vector<std::size_t> splits;
  const std::size_t step = size <= 600 ? 1 : size / 61 + 1;
  for (std::size_t at = 0; at <= size; at += (at < 20 || at + 20 >= size) ? 1 : step) {
    splits.push_back(at);
  }
  return splits;
}

void check_row(const Case& row, Role role) {
  INFO(row.name << (role == Role::kServer ? ", as server" : ", as client"));
  const std::string bytes = wire(row.frames, role == Role::kServer ? Role::kClient : Role::kServer);
  CHECK(decode(role, bytes, row.limits) == row.expected);
  CHECK(decode_in_steps(role, bytes, bytes.size() <= 4096 ? 1 : 997, row.limits) == row.expected);
  for (const std::size_t at : splits_of(bytes.size())) {
    const std::string got = decode_split(role, bytes, at, row.limits);
    if (got == row.expected) continue;
    CAPTURE(at);
    CHECK(got == row.expected);
  }
}

void check_rows(const std::vector<Case>& rows, std::size_t at_least) {
  CHECK(rows.size() >= at_least);
  for (const Case& row : rows) {
    check_row(row, Role::kServer);
    check_row(row, Role::kClient);
  }
}

}  // namespace

TEST_CASE("frames: lengths, reserved bits and opcodes, masking") {
  check_rows(framing_cases(), 90);
}
TEST_CASE("control frames") {
  check_rows(control_cases(), 30);
}
TEST_CASE("fragmented messages") {
  check_rows(fragment_cases(), 40);
}
TEST_CASE("text must be UTF-8") {
  check_rows(utf8_cases(), 300);
}
TEST_CASE("close frames") {
  check_rows(close_cases(), 45);
}
TEST_CASE("long and many messages") {
  check_rows(size_cases(), 17);
}

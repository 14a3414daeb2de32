// SPDX-License-Identifier: Apache-2.0
#include "metrics/process_stats.hpp"

#include <string>

#include <fcntl.h>
#include <unistd.h>

#include "support/catch.hpp"

using namespace sluice::metrics;

namespace {

constexpr MachineUnits kUnits{100, 4096, 1'700'000'000};
const std::string kTail =
    " S 1 2 3 0 -1 4194560 10 20 30 40 250 150 7 8 20 0 5 0 12345 1000000 300 18446744073709551615 "
    "1 2\n";

}  // namespace

TEST_CASE("a process's line is read by position, whatever its command is called") {
  for (const char* command : {"(sluice)", "(a b)", "(a) R 1 (b)", "()", "(\xff)"}) {
    CAPTURE(command);
    const auto stats = parse_process_stat("42 " + std::string(command) + kTail, kUnits);
    REQUIRE(stats);
    CHECK(stats->cpu_seconds == Approx(4.0));
    CHECK(stats->start_time == Approx(1'700'000'123.45));
    CHECK(stats->virtual_bytes == 1'000'000);
    CHECK(stats->resident_bytes == 300 * 4096);
  }
}

TEST_CASE("a line of another form is refused") {
  for (const std::string line : {"", "42", "42 (a)", "42 (a) ", "42 (a) S 1 2 3",
                                 "42 (a) S x x x x x x x x x x x x x x x x x x x x x"}) {
    CAPTURE(line);
    CHECK(!parse_process_stat(line, kUnits));
  }
}

TEST_CASE("this process has descriptors, memory and a past") {
  const auto before = read_process_stats();
  REQUIRE(before);
  CHECK(before->resident_bytes > 100'000);
  CHECK(before->virtual_bytes > before->resident_bytes);
  CHECK(before->start_time > 1e9);
  CHECK(before->max_fds >= before->open_fds);
  const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  REQUIRE(fd >= 0);
  const auto after = read_process_stats();
  ::close(fd);
  REQUIRE(after);
  CHECK(after->open_fds == before->open_fds + 1);
}

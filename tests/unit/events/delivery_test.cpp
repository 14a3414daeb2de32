// SPDX-License-Identifier: Apache-2.0
#include "events/delivery.hpp"

#include <string_view>

#include "support/catch.hpp"

using namespace sluice;
using namespace sluice::events;
using namespace std::chrono_literals;

TEST_CASE("what a receiver's answer says") {
  struct Row {
    int status;
    Verdict verdict;
  };
  using enum Verdict;
  for (const Row& row :
       {Row{200, kDelivered}, Row{202, kDelivered}, Row{204, kDelivered}, Row{299, kDelivered},
        Row{300, kRefused},   Row{301, kRefused},   Row{307, kRefused},   Row{308, kRefused},
        Row{400, kRefused},   Row{401, kRefused},   Row{404, kRefused},   Row{408, kAgain},
        Row{410, kRefused},   Row{413, kRefused},   Row{425, kAgain},     Row{429, kAgain},
        Row{500, kAgain},     Row{502, kAgain},     Row{503, kAgain},     Row{599, kAgain}}) {
    CAPTURE(row.status);
    CHECK(judge(row.status) == row.verdict);
  }
}

TEST_CASE("pauses double, are never alike, and end at a minute") {
  Random random(1);
  struct Row {
    std::uint32_t failures;
    Duration least, most;
  };
  for (const Row& row :
       {Row{1, 250ms, 500ms}, Row{2, 500ms, 1s}, Row{3, 1s, 2s}, Row{7, 16s, 32s}, Row{8, 30s, 60s},
        Row{9, 30s, 60s}, Row{1000, 30s, 60s}, Row{UINT32_MAX, 30s, 60s}}) {
    CAPTURE(row.failures);
    Duration low = Duration::max();
    Duration high{};
    for (int i = 0; i < 200; ++i) {
      const Duration pause = pause_after(row.failures, std::nullopt, random);
      low = std::min(low, pause);
      high = std::max(high, pause);
    }
    CHECK(low >= row.least);
    CHECK(high <= row.most);
    CHECK(high - low > (row.most - row.least) / 2);
  }
}

TEST_CASE("a receiver may ask for more time, within reason") {
  Random random(1);
  CHECK(pause_after(1, 30s, random) == 30s);
  CHECK(pause_after(1, 24h, random) == 5min);
  CHECK(pause_after(8, 1s, random) >= 30s);
  CHECK(pause_after(1, 0s, random) >= 250ms);
}

TEST_CASE("Retry-After is seconds or a date") {
  const double then = 1795527000;  // Tue, 24 Nov 2026 13:30:00 GMT
  struct Row {
    std::string_view value;
    std::optional<Duration> expected;
  };
  for (const Row& row : {
           Row{"0", 0s},
           Row{"120", 120s},
           Row{"99999999999999", std::chrono::seconds(1'000'000'000)},
           Row{"Tue, 24 Nov 2026 13:30:10 GMT", 10s},
           Row{"Tue, 24 Nov 2026 13:29:00 GMT", 0s},
           Row{"", std::nullopt},
           Row{"-1", std::nullopt},
           Row{"1.5", std::nullopt},
           Row{"soon", std::nullopt},
           Row{"Tue, 24 Nov 2026 13:30:10 GMT and more", std::nullopt},
       }) {
    CAPTURE(row.value);
    CHECK(retry_after(row.value, then) == row.expected);
  }
}

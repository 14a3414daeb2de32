// SPDX-License-Identifier: Apache-2.0
#include "events/delivery.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <ctime>
#include <string>

namespace sluice::events {
namespace {

constexpr Duration kFirstPause = std::chrono::milliseconds(500);
constexpr Duration kPauseMax = std::chrono::minutes(1);
constexpr Duration kAskedMax = std::chrono::minutes(5);
/// Seconds beyond this are as good as for ever, and would not fit into a Duration.
constexpr double kSecondsMax = 1e9;

Duration from_seconds(double seconds_) {
  return std::chrono::duration_cast<Duration>(
      std::chrono::duration<double>(std::clamp(seconds_, 0.0, kSecondsMax)));
}

}  // namespace

Verdict judge(int status) noexcept {
  if (status >= 200 && status < 300) return Verdict::kDelivered;
  if (status >= 500 || status == 408 || status == 425 || status == 429) return Verdict::kAgain;
  return Verdict::kRefused;
}

Duration pause_after(std::uint32_t failures, std::optional<Duration> asked,
                     Random& random) noexcept {
  const std::uint32_t doublings = std::min<std::uint32_t>(failures == 0 ? 0 : failures - 1, 16);
  const Duration most = std::min(kFirstPause * (1U << doublings), kPauseMax);
  const auto pause = std::chrono::duration_cast<Duration>(most * (0.5 + 0.5 * random.uniform()));
  return std::max(pause, std::min(asked.value_or(Duration::zero()), kAskedMax));
}

std::optional<Duration> retry_after(std::string_view value, double unix_now) {
  std::uint64_t whole = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), whole);
  if (error == std::errc() && end == value.data() + value.size() && !value.empty())
    return from_seconds(static_cast<double>(whole));
  std::tm utc{};
  const std::string text(value);
  const char* const after = strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &utc);
  if (after == nullptr || *after != '\0') return std::nullopt;
  return from_seconds(static_cast<double>(timegm(&utc)) - unix_now);
}

}  // namespace sluice::events

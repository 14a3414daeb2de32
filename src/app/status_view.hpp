// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::app {

/// What /status says, as far as people are shown it in a terminal. Members that a daemon of another
/// version does not have stay at their defaults.
struct StatusView {
  struct Upstream {
    std::string name, state, reason;
    double score = 0, weight = 1, throttled_ms = 0;
    double attempts_per_s = 0, failures_per_s = 0, p50_ms = 0, p99_ms = 0;
    std::uint64_t tier = 1, in_flight = 0, head = 0, lag = 0;
    std::uint64_t idle = 0, busy = 0, connecting = 0, connections_max = 0;
    std::uint64_t limit = 0;
    bool limiting = false;  ///< calls are held back beyond `limit`
    bool drained = false;
    std::vector<std::string> by_hand;  ///< what an operator has set, in words
  };
  struct Chain {
    std::string name, strategy;
    std::uint64_t chain_id = 0, head = 0, in_flight = 0;
    std::array<std::uint64_t, 4> queue{};
    std::vector<Upstream> upstreams;
  };
  std::string version, phase;
  double uptime_s = 0;
  std::uint64_t workers = 0, client_connections = 0, reloads_failed = 0;
  bool last_reload_ok = true;
  std::vector<Chain> chains;
};

/// From an answer of the control socket to `status`; nothing when it is none.
[[nodiscard]] std::optional<StatusView> parse_status(std::string_view answer);

/// One event for people: time, level, name and fields in one line, without control characters.
/// Nothing when `json` is no event.
[[nodiscard]] std::optional<std::string> event_line(std::string_view json);
/// The event's id; empty when it has none.
[[nodiscard]] std::string event_id(std::string_view json);

/// A line of a view, and in which colour its word stands out.
struct Style {
  bool colour = false;
  std::size_t width = 200;  ///< longer lines are cut
};

/// The whole as lines: a heading, then a table for each chain.
[[nodiscard]] std::vector<std::string> status_lines(const StatusView& view, const Style& style);

}  // namespace sluice::app

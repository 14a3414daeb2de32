// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <variant>

#include "base/clock.hpp"

/// The process's log: one line per event, as text for people or as JSON. Any thread may log at any
/// time; a call renders its line, hands it to a bounded queue and returns, so a full pipe or a dead
/// disk costs lines (counted), never time. Before init() and after shutdown() every level is off
/// and events go nowhere.
namespace sluice::log {

enum class Level : std::uint8_t { kTrace, kDebug, kInfo, kWarn, kError, kOff };
enum class Format : std::uint8_t { kAuto, kText, kJson };

/// trace, debug, info, warn, error, off; nothing else.
[[nodiscard]] std::optional<Level> parse_level(std::string_view word) noexcept;
[[nodiscard]] std::string_view level_word(Level level) noexcept;
/// auto, text, json; nothing else.
[[nodiscard]] std::optional<Format> parse_format(std::string_view word) noexcept;

struct Options {
  Level level = Level::kInfo;
  /// kAuto: text when the descriptor is a terminal, else JSON.
  Format format = Format::kAuto;
  /// Borrowed, never closed, and its flags are left alone: others may share it.
  int fd = 2;
  /// Lines that may wait for the writer; rounded up to a power of two. Beyond it the newest line is
  /// dropped.
  std::size_t queue_max = 8192;
  /// How long shutdown() waits for a reader that has stopped reading.
  Duration drain = std::chrono::seconds(2);
};

/// Starts the writer thread. Once at start-up, from one thread; a second call replaces the first,
/// draining it.
void init(const Options& options);
/// Writes what is queued, for at most Options::drain; what is left then is counted as dropped. The
/// last thing a process does with the log: an event of another thread at the same time may be lost.
void shutdown();

/// Lines lost since the process started: the queue was full, or the descriptor refused them.
[[nodiscard]] std::uint64_t dropped() noexcept;

void set_level(Level level) noexcept;
[[nodiscard]] Level level() noexcept;

namespace detail {
extern std::atomic<Level> active_level;
}

/// For call sites whose fields are dear to make; the functions below check it themselves.
[[nodiscard]] inline bool enabled(Level level) noexcept {
  return level >= detail::active_level.load(std::memory_order_relaxed);
}

/// A typed field. The key is a literal in snake_case with its unit ("total_s", "bytes_in") and none
/// of ts, level, event, msg; it is written as it is. A string is borrowed for the length of the
/// call, escaped, and cut at 1 KiB.
struct Field {
  using Value = std::variant<std::string_view, std::int64_t, std::uint64_t, double, bool>;

  Field() = default;
  constexpr Field(std::string_view k, std::string_view v) noexcept : key(k), value(v) {}
  constexpr Field(std::string_view k, const char* v) noexcept
      : key(k), value(std::string_view(v)) {}
  /// A template, lest a pointer turn into a bool.
  template <std::same_as<bool> T>
  constexpr Field(std::string_view k, T v) noexcept : key(k), value(v) {}
  template <std::floating_point T>
  constexpr Field(std::string_view k, T v) noexcept : key(k), value(static_cast<double>(v)) {}
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  constexpr Field(std::string_view k, T v) noexcept : key(k) {
    if constexpr (std::is_signed_v<T>) {
      value = static_cast<std::int64_t>(v);
    } else {
      value = static_cast<std::uint64_t>(v);
    }
  }

  std::string_view key;
  Value value;
};

using Fields = std::initializer_list<Field>;

/// The event is a closed word that machines match on; the message is for people.
void write(Level level, std::string_view event, std::string_view msg, Fields fields);
void write(Level level, std::string_view event, std::string_view msg,
           std::span<const Field> fields);

inline void trace(std::string_view event, std::string_view msg, Fields fields = {}) {
  if (enabled(Level::kTrace)) write(Level::kTrace, event, msg, fields);
}
inline void debug(std::string_view event, std::string_view msg, Fields fields = {}) {
  if (enabled(Level::kDebug)) write(Level::kDebug, event, msg, fields);
}
inline void info(std::string_view event, std::string_view msg, Fields fields = {}) {
  if (enabled(Level::kInfo)) write(Level::kInfo, event, msg, fields);
}
inline void warn(std::string_view event, std::string_view msg, Fields fields = {}) {
  if (enabled(Level::kWarn)) write(Level::kWarn, event, msg, fields);
}
inline void error(std::string_view event, std::string_view msg, Fields fields = {}) {
  if (enabled(Level::kError)) write(Level::kError, event, msg, fields);
}

/// One finished call, as the access log shows it. Times are seconds; a negative time means that the
/// phase was not reached and is left out, as are empty strings and codes of 0. Never params,
/// bodies, keys or upstream URLs.
struct AccessEntry {
  std::string_view request_id, client, address, transport, chain, method, upstream, outcome;
  std::uint32_t attempts = 0;
  int http_status = 0;
  int rpc_code = 0;
  std::uint64_t bytes_in = 0, bytes_out = 0;
  double total_s = -1, queue_s = -1, upstream_s = -1, overhead_s = -1;
  /// The chance with which a call like this one is logged, so that counts can be rebuilt: 0.01
  /// stands for a hundred.
  double sample_rate = 1;
};

/// Event "call" at level info. Whether this call is to be logged has been decided by the caller.
void access(const AccessEntry& entry);

}  // namespace sluice::log

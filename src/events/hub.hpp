// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bounded_queue.hpp"
#include "base/clock.hpp"
#include "events/event.hpp"
#include "events/history.hpp"
#include "net/asio.hpp"

namespace sluice::events {

/// Where events go, and what becomes of them there: the labels of event_deliveries_total.
enum class Sink : std::uint8_t { kLog, kHandover, kStream, kControl, kWebhook };
enum class Outcome : std::uint8_t {
  kDelivered,
  kRetried,      ///< one POST that will be tried again
  kRefused,      ///< the receiver does not want them
  kDropped,      ///< a bounded queue was full
  kCut,          ///< readers that were too slow, not events
  kUndelivered,  ///< the process ended
};
inline constexpr std::array<std::string_view, 5> kSinkWords = {"log", "handover", "stream",
                                                               "control", "webhook"};
inline constexpr std::array<std::string_view, 6> kOutcomeWords = {
    "delivered", "retried", "refused", "dropped", "cut", "undelivered"};

/// Whoever is to be told each event as it comes, on the control thread.
class Listener {
 public:
  Listener() = default;
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  virtual ~Listener() = default;
  /// Must neither wait nor emit.
  virtual void told(const ToldPtr& event) = 0;
};

/// The one place to which every event is told. Writes it to the log, keeps the last ones, and hands
/// it to listeners: readers of streams and the webhook. Owned by the app, made before and destroyed
/// after all who tell; on the control thread but for post() and wants(). Nothing here waits for
/// anybody: what is full drops, and counts it.
class Hub {
 public:
  struct Options {
    std::size_t kept = 1024;
    std::size_t kept_debug = 256;
    std::size_t handover = 1024;
    /// Events of debug level that may be told in a second, of each kind; the rest is left out.
    std::uint32_t debug_per_s = 50;
  };

  /// `boot` tells ids of this process from those of an earlier one.
  Hub(net::asio::io_context& io, const Options& options, std::uint64_t boot);

  /// On the control thread.
  template <Event E>
  void emit(const E& event) {
    if (!wants(E::kKind)) return;
    const auto fields = event.fields();
    accept(render(E::kKind, fields));
  }

  /// From any thread: rendered there, told on the control thread a moment later. Never waits; when
  /// the control thread is behind by Options::handover events, drops and counts.
  template <Event E>
  void post(const E& event) {
    if (!wants(E::kKind)) return;
    const auto fields = event.fields();
    hand_over(render(E::kKind, fields));
  }

  /// Whether anybody would get to know: for events whose fields are dear to make. Any thread.
  [[nodiscard]] bool wants(Kind kind) const noexcept {
    const log::Level level = row(kind).level;
    return level >= log::Level::kInfo || log::enabled(level) ||
           debug_listeners_.load(std::memory_order_relaxed) != 0;
  }

  void add(Listener& listener, bool debug);
  void remove(Listener& listener);

  [[nodiscard]] const Ring& kept() const noexcept { return kept_; }
  [[nodiscard]] const Ring& kept_debug() const noexcept { return kept_debug_; }
  [[nodiscard]] std::uint64_t boot() const noexcept { return boot_; }
  [[nodiscard]] std::uint64_t newest_order() const noexcept { return order_; }

  void count(Sink sink, Outcome outcome, std::uint64_t by = 1) noexcept;
  [[nodiscard]] std::uint64_t counted(Sink sink, Outcome outcome) const noexcept;

  /// Makes an event that only one reader gets; it has the id text that it is given, and no place
  /// among the others.
  [[nodiscard]] static ToldPtr make_gap(std::string_view reason, std::uint64_t missed,
                                        std::string id_text);

 private:
  /// An event without its id, on its way.
  struct Rendered {
    Kind kind = Kind::kReady;
    std::string json;
  };
  /// How many events of debug level are still allowed in this second.
  struct Allowance {
    std::atomic<std::int64_t> second{0};
    std::atomic<std::uint32_t> used{0};
  };

  [[nodiscard]] Rendered render(Kind kind, std::span<const log::Field> fields);
  void accept(Rendered&& rendered);
  void hand_over(Rendered&& rendered);
  void drain();
  [[nodiscard]] bool allowed(Kind kind) noexcept;

  net::asio::io_context& io_;
  const Options options_;
  const std::uint64_t boot_;
  Ring kept_;
  Ring kept_debug_;
  std::uint64_t order_ = 0;
  struct Registered {
    Listener* listener;
    bool debug;
  };
  std::vector<Registered> listeners_;
  std::atomic<std::uint32_t> debug_listeners_{0};
  std::array<Allowance, kKinds> allowances_;
  BoundedQueue<Rendered> handover_;
  std::atomic<bool> draining_{false};
  std::array<std::array<std::atomic<std::uint64_t>, kOutcomeWords.size()>, kSinkWords.size()>
      counts_{};
};

}  // namespace sluice::events

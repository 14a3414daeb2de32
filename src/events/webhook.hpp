// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "events/hub.hpp"
#include "net/asio.hpp"
#include "net/tls.hpp"

namespace sluice::events {

/// Where to deliver, taken apart. It holds secrets: nothing of it but host and port is ever shown.
struct WebhookTarget {
  std::string host;
  std::uint16_t port = 0;
  std::string authority;  ///< for the Host field
  std::string path_and_query;
  std::string authorization;  ///< the value of that field; empty for none
  std::vector<std::pair<std::string, std::string>> headers;
  std::shared_ptr<net::ClientTls> tls;  ///< null: plain HTTP
  Duration timeout = std::chrono::seconds(2);
  log::Level least = log::Level::kInfo;
};

/// Delivers events to a URL: POSTs of one JSON object with several events each, one at a time, on a
/// connection of their own. What cannot be delivered is tried again until it is, events that come
/// meanwhile wait in a bounded queue, of which the oldest are dropped and counted. Owned by the app
/// on the control thread; never blocks it. An event is delivered at least once: a receiver that
/// must know uses the events' ids.
class Webhook {
 public:
  struct Limits {
    std::size_t waiting_max = 1000;
    std::size_t events_per_post = 100;
    std::size_t bytes_per_post = std::size_t{256} * 1024;
  };

  Webhook(net::asio::io_context& io, std::shared_ptr<Hub> hub, const Limits& limits,
          std::uint64_t seed);
  /// Gives up what is under way.
  ~Webhook();
  Webhook(const Webhook&) = delete;
  Webhook& operator=(const Webhook&) = delete;

  /// From the next try on. Null: nowhere; what waits is dropped.
  void configure(std::optional<WebhookTarget> target);
  /// At the end of the process: one last try for what waits, then `done`; at once when nothing
  /// waits. A slow receiver makes it late, so the caller has a deadline of its own.
  void finish(std::function<void()> done);
  /// Events that are not delivered yet.
  [[nodiscard]] std::size_t waiting() const noexcept;

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace sluice::events

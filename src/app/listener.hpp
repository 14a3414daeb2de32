// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "base/error.hpp"
#include "frontend/options.hpp"
#include "net/loop.hpp"

namespace sluice::app {

/// How many client connections there are, in all and by address (IPv6 by /64). Places are taken on
/// the control thread when a connection is accepted and given back on whichever thread it ends, so
/// the table is behind a mutex; nothing on the path of a call touches it.
class ConnectionTable {
 public:
  enum class Refusal : std::uint8_t { kNone, kTotal, kPerAddress };
  struct Taken {
    Refusal refusal = Refusal::kNone;
    /// Leaving scope gives the place back.
    std::shared_ptr<void> place;
  };

  void set_limits(std::uint64_t total, std::uint64_t per_address);
  /// `worker_load` is raised while the place is held. `many`: the address stands for many clients,
  /// as a balancer's does, and is bounded by the total alone.
  [[nodiscard]] Taken take(const net::asio::ip::address& address, bool many,
                           std::shared_ptr<std::atomic<std::uint32_t>> worker_load);

 private:
  using Key = std::array<unsigned char, 8>;
  struct KeyHash {
    std::size_t operator()(const Key& key) const noexcept;
  };
  struct State {
    std::mutex mutex;
    std::unordered_map<Key, std::uint32_t, KeyHash> by_address;
    std::uint64_t total = 0;
    std::uint64_t total_max = 20000;
    std::uint64_t per_address_max = 1000;
  };
  [[nodiscard]] static Key key_of(const net::asio::ip::address& address);

  std::shared_ptr<State> state_ = std::make_shared<State>();
};

/// One listening socket. Accepts on the control thread and hands each socket on, so that a burst of
/// connections costs the workers nothing but their share. Bound apart from started: a reload binds
/// all that is new before it commits. Survives running out of file descriptors: it sheds the
/// connection that cannot be served and pauses.
class Listener {
 public:
  /// Takes over the accepted descriptor.
  using Accepted =
      std::function<void(int fd, const net::TcpEndpoint& peer, const Listener& listener)>;

  Listener(net::Loop& loop, std::shared_ptr<const frontend::ListenerOptions> options,
           Accepted accepted);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  [[nodiscard]] Result<void> bind(const net::TcpEndpoint& endpoint);
  void start();
  /// Takes in who has connected already, then closes.
  void stop();
  void set_options(std::shared_ptr<const frontend::ListenerOptions> options) {
    options_ = std::move(options);
  }
  [[nodiscard]] const std::shared_ptr<const frontend::ListenerOptions>& options() const noexcept {
    return options_;
  }
  [[nodiscard]] const net::TcpEndpoint& requested() const noexcept { return requested_; }
  [[nodiscard]] net::TcpEndpoint endpoint() const;

 private:
  void wait();
  void accept_all();
  /// False when there are no descriptors left: it has paused.
  [[nodiscard]] bool accept_waiting();
  void shed();

  std::shared_ptr<const frontend::ListenerOptions> options_;
  Accepted accepted_;
  net::TcpAcceptor acceptor_;
  net::TcpEndpoint requested_;
  net::Deadline pause_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
  int reserve_fd_ = -1;
  bool started_ = false;
};

}  // namespace sluice::app

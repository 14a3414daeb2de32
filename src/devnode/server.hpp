// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "devnode/node.hpp"

namespace sluice::devnode {

struct Options {
  /// IP address (or localhost) and port; port 0: a free one. IPv6 in brackets.
  std::string listen = "127.0.0.1:0";
  std::uint64_t seed = 1;
  std::uint64_t chain_id = 31337;
  /// Zero: blocks come only by POST /_dev/mine or Server::mine.
  Duration block_interval = std::chrono::seconds(1);
  /// See ChainSpec: the head at the epoch, or at the start without an interval.
  std::uint64_t first_block = 1024;
  /// Mean number of transactions in a block.
  unsigned transactions = 4;
  unsigned threads = 1;
  /// Shown by web3_clientVersion and /_dev/stats; also varies the faults' random draws among nodes
  /// of one seed.
  std::string name;
  /// Unix time in seconds for the chain's head; empty: the system's.
  WallClock wall_clock;
  /// Shared by nodes that shall know each other's sent transactions; null: the node's own.
  std::shared_ptr<Mempool> mempool;
};

/// A simulated Ethereum node: JSON-RPC over HTTP POST and over WebSocket, on any path of one port,
/// and its controls under /_dev/ (see dev_route and Faults). The chain is a function of seed, chain
/// id and block number (see Chain): nodes of one seed answer alike wherever and whenever they run.
///
/// Any number per process, each with its own threads. Bound by the constructor; serves while `run`
/// runs. Destroy it after `run` has returned.
class Server {
 public:
  /// Throws std::runtime_error when `listen` is malformed or cannot be bound.
  explicit Server(const Options& options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  [[nodiscard]] std::uint16_t port() const noexcept;
  /// Serves until `stop`: the caller is one of the threads. At once when stopped before. At most
  /// once.
  void run();
  /// Any thread, any number of times: open connections are dropped.
  void stop();

  /// The same as POST to /_dev/faults and /_dev/mine; any thread.
  [[nodiscard]] Result<void> set_faults(std::string_view json);
  void mine(std::uint64_t blocks = 1);
  /// The head by the clock and mining, faults aside.
  [[nodiscard]] std::uint64_t head() const;
  [[nodiscard]] std::string stats_json() const;
  [[nodiscard]] const Chain& chain() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::devnode

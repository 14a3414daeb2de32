// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "net/asio.hpp"
#include "upstream/shared.hpp"

namespace sluice::health {

/// Looks up upstreams' host names and publishes the addresses; a failed look-up leaves the last
/// good ones. Literals are published at once. Control thread only; each look-up has a short-lived
/// thread of its own, since getaddrinfo(3) can block for long and cannot be cancelled: one slow
/// name must hold up neither the others nor the end of the process. Addresses of the link-local and
/// cloud-metadata ranges are dropped unless the upstream allows them, whatever a name says: a name
/// server must not be able to point calls there.
class Resolver {
 public:
  explicit Resolver(net::asio::io_context& io);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  /// `targets`: all Shared that get the answer. `done` runs on the control thread, with whether
  /// there are addresses; never after cancel().
  void resolve(std::vector<std::shared_ptr<upstream::Shared>> targets,
               std::function<void(bool)> done);
  void cancel();

 private:
  struct Home;
  struct Job;
  std::shared_ptr<Home> home_;
};

[[nodiscard]] bool is_link_local(const net::asio::ip::address& address);

}  // namespace sluice::health

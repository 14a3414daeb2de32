// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/asio.hpp"

namespace sluice::net {

/// Looks up host names for the one thread that runs `io`. Each look-up has a short-lived thread of
/// its own, since getaddrinfo(3) can block for long and cannot be cancelled: one slow name must
/// hold up neither the others nor the end of the process.
class NameLookup {
 public:
  explicit NameLookup(asio::io_context& io);
  ~NameLookup();
  NameLookup(const NameLookup&) = delete;
  NameLookup& operator=(const NameLookup&) = delete;

  using Done = std::function<void(std::vector<TcpEndpoint>)>;
  /// `done` runs on the thread of `io`, later, with all addresses of the name: none where it has
  /// none or cannot be asked for. Literals are their own answer. Never after cancel().
  void resolve(const std::string& host, std::uint16_t port, Done done);
  void cancel();

 private:
  struct Home;
  struct Job;
  std::shared_ptr<Home> home_;
};

}  // namespace sluice::net

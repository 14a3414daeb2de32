// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "net/asio.hpp"
#include "net/name_lookup.hpp"
#include "upstream/shared.hpp"

namespace sluice::health {

/// Looks up upstreams' host names and publishes the addresses; a failed look-up leaves the last
/// good ones. Literals are published at once. Control thread only. Addresses of the link-local and
/// cloud-metadata ranges are dropped unless the upstream allows them, whatever a name says: a name
/// server must not be able to point calls there.
class Resolver {
 public:
  explicit Resolver(net::asio::io_context& io);

  /// `targets`: all Shared that get the answer. `done` runs on the control thread, with whether
  /// there are addresses; never after cancel().
  void resolve(std::vector<std::shared_ptr<upstream::Shared>> targets,
               std::function<void(bool)> done);
  void cancel();

 private:
  net::NameLookup names_;
};

[[nodiscard]] bool is_link_local(const net::asio::ip::address& address);

}  // namespace sluice::health

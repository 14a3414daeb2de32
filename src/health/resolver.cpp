// SPDX-License-Identifier: Apache-2.0
#include "health/resolver.hpp"

#include <utility>

namespace sluice::health {

namespace {

constexpr std::size_t kAddressesMax = 16;

void publish(const std::vector<std::shared_ptr<upstream::Shared>>& targets,
             const std::vector<net::TcpEndpoint>& found) {
  for (const auto& target : targets) target->set_endpoints(found);
}

void keep_permitted(std::vector<net::TcpEndpoint>& found, const upstream::Options& options) {
  if (!options.link_local_allowed)
    std::erase_if(found, [](const auto& endpoint) { return is_link_local(endpoint.address()); });
  if (found.size() > kAddressesMax) found.resize(kAddressesMax);
}

}  // namespace

Resolver::Resolver(net::asio::io_context& io) : names_(io) {}

void Resolver::cancel() {
  names_.cancel();
}

bool is_link_local(const net::asio::ip::address& address) {
  if (address.is_v4()) {
    const auto bytes = address.to_v4().to_bytes();
    return bytes[0] == 169 && bytes[1] == 254;
  }
  const auto v6 = address.to_v6();
  if (v6.is_v4_mapped()) {
    return is_link_local(net::asio::ip::make_address_v4(net::asio::ip::v4_mapped, v6));
  }
  return v6.is_link_local() || v6 == net::asio::ip::make_address_v6("fd00:ec2::254");
}

void Resolver::resolve(std::vector<std::shared_ptr<upstream::Shared>> targets,
                       std::function<void(bool)> done) {
  const upstream::Options& options = targets.front()->options();
  net::ErrorCode error;
  const auto literal = net::asio::ip::make_address(options.host, error);
  if (!error) {
    publish(targets, {net::TcpEndpoint(literal, options.port)});
    done(true);
    return;
  }
  names_.resolve(
      options.host, options.port,
      [targets = std::move(targets), done = std::move(done)](std::vector<net::TcpEndpoint> found) {
        keep_permitted(found, targets.front()->options());
        if (!found.empty()) publish(targets, found);
        done(!found.empty());
      });
}

}  // namespace sluice::health

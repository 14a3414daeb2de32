// SPDX-License-Identifier: Apache-2.0
#include "health/resolver.hpp"

#include <cstring>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include <boost/asio/post.hpp>
#include <netdb.h>
#include <sys/socket.h>

namespace sluice::health {

namespace {

constexpr std::size_t kAddressesMax = 16;
constexpr std::size_t kRunningMax = 64;

using Targets = std::vector<std::shared_ptr<upstream::Shared>>;

void publish(const Targets& targets, const std::vector<net::TcpEndpoint>& found) {
  for (const auto& target : targets) target->set_endpoints(found);
}

/// Blocks. Empty where the name has no address or cannot be asked for.
std::vector<net::TcpEndpoint> look_up(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  std::vector<net::TcpEndpoint> found;
  if (::getaddrinfo(host.c_str(), nullptr, &hints, &list) != 0) return found;
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    net::TcpEndpoint endpoint;
    if (entry->ai_addrlen > endpoint.capacity()) continue;
    std::memcpy(endpoint.data(), entry->ai_addr, entry->ai_addrlen);
    endpoint.resize(entry->ai_addrlen);
    endpoint.port(port);
    found.push_back(endpoint);
  }
  ::freeaddrinfo(list);
  return found;
}

void keep_permitted(std::vector<net::TcpEndpoint>& found, const upstream::Options& options) {
  if (!options.link_local_allowed)
    std::erase_if(found, [](const auto& endpoint) { return is_link_local(endpoint.address()); });
  if (found.size() > kAddressesMax) found.resize(kAddressesMax);
}

}  // namespace

/// Where answers are taken to while there is somebody to take them.
struct Resolver::Home {
  std::mutex mutex;
  net::asio::io_context* io = nullptr;
  /// Look-ups under way; the control thread's.
  std::size_t running = 0;
};

struct Resolver::Job {
  std::shared_ptr<Home> home;
  Targets targets;
  std::function<void(bool)> done;
  std::vector<net::TcpEndpoint> found;

  /// On a thread of its own.
  static void run(const std::shared_ptr<Job>& job) {
    const upstream::Options& options = job->targets.front()->options();
    job->found = look_up(options.host, options.port);
    const std::scoped_lock lock(job->home->mutex);
    if (job->home->io != nullptr) net::asio::post(*job->home->io, [job] { job->finish(); });
  }

  void finish() {
    if (home->io == nullptr) return;
    --home->running;
    keep_permitted(found, targets.front()->options());
    if (!found.empty()) publish(targets, found);
    done(!found.empty());
  }
};

Resolver::Resolver(net::asio::io_context& io) : home_(std::make_shared<Home>()) {
  home_->io = &io;
}

Resolver::~Resolver() {
  cancel();
}

void Resolver::cancel() {
  const std::scoped_lock lock(home_->mutex);
  home_->io = nullptr;
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

void Resolver::resolve(Targets targets, std::function<void(bool)> done) {
  const upstream::Options& options = targets.front()->options();
  net::ErrorCode error;
  const auto literal = net::asio::ip::make_address(options.host, error);
  if (!error) {
    publish(targets, {net::TcpEndpoint(literal, options.port)});
    done(true);
    return;
  }
  const auto job = std::make_shared<Job>(home_, std::move(targets), std::move(done));
  ++home_->running;
  if (home_->running <= kRunningMax) {
    try {
      std::thread(&Job::run, job).detach();
      return;
    } catch (const std::system_error&) {
      // No thread to be had: as good as no answer.
    }
  }
  net::asio::post(*home_->io, [job] { job->finish(); });
}

}  // namespace sluice::health

// SPDX-License-Identifier: Apache-2.0
#include "net/name_lookup.hpp"

#include <cstring>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include <boost/asio/post.hpp>
#include <netdb.h>
#include <sys/socket.h>

namespace sluice::net {

namespace {

constexpr std::size_t kRunningMax = 64;

/// Blocks.
std::vector<TcpEndpoint> look_up(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  std::vector<TcpEndpoint> found;
  if (::getaddrinfo(host.c_str(), nullptr, &hints, &list) != 0) return found;
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    TcpEndpoint endpoint;
    if (entry->ai_addrlen > endpoint.capacity()) continue;
    std::memcpy(endpoint.data(), entry->ai_addr, entry->ai_addrlen);
    endpoint.resize(entry->ai_addrlen);
    endpoint.port(port);
    found.push_back(endpoint);
  }
  ::freeaddrinfo(list);
  return found;
}

}  // namespace

/// Where answers are taken to while there is somebody to take them.
struct NameLookup::Home {
  std::mutex mutex;
  asio::io_context* io = nullptr;
  /// Look-ups under way; the owner's thread's.
  std::size_t running = 0;
};

struct NameLookup::Job {
  std::shared_ptr<Home> home;
  std::string host;
  std::uint16_t port = 0;
  Done done;
  std::vector<TcpEndpoint> found;

  /// On a thread of its own.
  static void run(const std::shared_ptr<Job>& job) {
    job->found = look_up(job->host, job->port);
    const std::scoped_lock lock(job->home->mutex);
    if (job->home->io != nullptr) asio::post(*job->home->io, [job] { job->finish(); });
  }

  void finish() {
    if (home->io == nullptr) return;
    --home->running;
    done(std::move(found));
  }
};

NameLookup::NameLookup(asio::io_context& io) : home_(std::make_shared<Home>()) {
  home_->io = &io;
}

NameLookup::~NameLookup() {
  cancel();
}

void NameLookup::cancel() {
  const std::scoped_lock lock(home_->mutex);
  home_->io = nullptr;
}

void NameLookup::resolve(const std::string& host, std::uint16_t port, Done done) {
  const auto job = std::make_shared<Job>();
  job->home = home_;
  job->host = host;
  job->port = port;
  job->done = std::move(done);
  ++home_->running;
  ErrorCode error;
  const auto literal = asio::ip::make_address(host, error);
  if (!error) {
    job->found.emplace_back(literal, port);
  } else if (home_->running <= kRunningMax) {
    try {
      std::thread(&Job::run, job).detach();
      return;
    } catch (const std::system_error&) {
      // No thread to be had: as good as no answer.
    }
  }
  asio::post(*home_->io, [job] { job->finish(); });
}

}  // namespace sluice::net

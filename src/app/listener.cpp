// SPDX-License-Identifier: Apache-2.0
#include "app/listener.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

#include <boost/asio/ip/v6_only.hpp>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.hpp"

namespace sluice::app {

std::size_t ConnectionTable::KeyHash::operator()(const Key& key) const noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, key.data(), sizeof word);
  return std::hash<std::uint64_t>{}(word * 0x9e3779b97f4a7c15ULL);
}

ConnectionTable::Key ConnectionTable::key_of(const net::asio::ip::address& address) {
  Key key{};
  if (address.is_v4()) {
    const auto bytes = address.to_v4().to_bytes();
    // No /64 of the public IPv6 space begins like this.
    key[0] = 0xff;
    std::memcpy(key.data() + 4, bytes.data(), bytes.size());
  } else {
    std::memcpy(key.data(), address.to_v6().to_bytes().data(), key.size());
  }
  return key;
}

void ConnectionTable::set_limits(std::uint64_t total, std::uint64_t per_address) {
  const std::scoped_lock lock(state_->mutex);
  state_->total_max = total;
  state_->per_address_max = per_address;
}

ConnectionTable::Taken ConnectionTable::take(
    const net::asio::ip::address& address, bool many,
    std::shared_ptr<std::atomic<std::uint32_t>> worker_load) {
  const Key key = key_of(address);
  {
    const std::scoped_lock lock(state_->mutex);
    if (state_->total >= state_->total_max) return {Refusal::kTotal, nullptr};
    std::uint32_t& count = state_->by_address[key];
    if (!many && count >= state_->per_address_max) return {Refusal::kPerAddress, nullptr};
    ++count;
    ++state_->total;
  }
  worker_load->fetch_add(1, std::memory_order_relaxed);
  const auto give_back = [state = state_, key, load = std::move(worker_load)](void*) {
    load->fetch_sub(1, std::memory_order_relaxed);
    const std::scoped_lock lock(state->mutex);
    --state->total;
    const auto found = state->by_address.find(key);
    if (found != state->by_address.end() && --found->second == 0) state->by_address.erase(found);
  };
  return {Refusal::kNone, std::shared_ptr<void>(nullptr, give_back)};
}

Listener::Listener(net::Loop& loop, std::shared_ptr<const frontend::ListenerOptions> options,
                   Accepted accepted)
    : options_(std::move(options)),
      accepted_(std::move(accepted)),
      acceptor_(loop.io),
      pause_(
          loop.timers, [](void* self) { static_cast<Listener*>(self)->wait(); }, this),
      reserve_fd_(::open("/dev/null", O_RDONLY | O_CLOEXEC)) {}

Listener::~Listener() {
  stop();
  if (reserve_fd_ >= 0) ::close(reserve_fd_);
}

Result<void> Listener::bind(const net::TcpEndpoint& endpoint) {
  requested_ = endpoint;
  net::ErrorCode error;
  acceptor_.open(endpoint.protocol(), error);
  if (!error) acceptor_.set_option(net::TcpAcceptor::reuse_address(true), error);
  if (!error && endpoint.address().is_v6())
    acceptor_.set_option(net::asio::ip::v6_only(true), error);
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(4096, error);
  if (!error) acceptor_.non_blocking(true, error);
  if (error) {
    return fail(ErrorKind::kIo, Origin::kSluice, Retry::kNever,
                "cannot listen on " + endpoint.address().to_string() + ":" +
                    std::to_string(endpoint.port()) + ": " + error.message());
  }
  return {};
}

net::TcpEndpoint Listener::endpoint() const {
  net::ErrorCode ignored;
  return acceptor_.local_endpoint(ignored);
}

void Listener::start() {
  started_ = true;
  wait();
}

void Listener::stop() {
  if (started_ && acceptor_.is_open()) static_cast<void>(accept_waiting());
  pause_.clear();
  net::ErrorCode ignored;
  acceptor_.close(ignored);
}

void Listener::wait() {
  if (!acceptor_.is_open()) return;
  // A reload may drop the listener when its wait has ended well already, but not come here yet.
  acceptor_.async_wait(net::TcpAcceptor::wait_read,
                       [this, alive = std::weak_ptr<int>(alive_)](net::ErrorCode error) {
                         if (!error && !alive.expired()) accept_all();
                       });
}

void Listener::accept_all() {
  if (accept_waiting()) wait();
}

bool Listener::accept_waiting() {
  // Bounded, so that a flood leaves room for what else the control thread has to do.
  for (int i = 0; i < 256; ++i) {
    net::TcpEndpoint peer;
    auto size = static_cast<socklen_t>(peer.capacity());
    const int fd =
        ::accept4(acceptor_.native_handle(), peer.data(), &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) {
      peer.resize(size);
      accepted_(fd, peer, *this);
      continue;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      shed();
      pause_.set(now() + std::chrono::milliseconds(50));
      return false;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) break;
  }
  return true;
}

void Listener::shed() {
  log::warn("accept_exhausted", "out of file descriptors: a client's connection was refused",
            {{"errno", static_cast<int>(errno)}});
  if (reserve_fd_ >= 0) ::close(reserve_fd_);
  const int fd = ::accept4(acceptor_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC);
  if (fd >= 0) ::close(fd);
  reserve_fd_ = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
}

}  // namespace sluice::app

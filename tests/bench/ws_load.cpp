// SPDX-License-Identifier: Apache-2.0
// Keeps a fixed number of calls in flight on each of some WebSocket connections for a while (a
// closed loop).
//   bench_ws_load --port P --connections N --in-flight K --seconds S [--calls N]
// With --calls it ends after that many calls. Prints one JSON object. Every reply must carry the id
// of a call in flight on its connection, once.
#include <array>
#include <cerrno>
#include <vector>

#include <sys/epoll.h>

#include "load/client.hpp"
#include "load/histogram.hpp"
#include "load/websocket.hpp"

namespace {

using namespace sluice::bench;

struct Peer {
  int fd = -1;
  std::string in;
  std::string out;
  /// Indexed by the low part of an id: when that call left, and its whole id; 0 for none.
  std::vector<std::uint64_t> sent_ns;
  std::vector<std::uint64_t> ids;
};

class Load {
 public:
  Load(std::uint16_t port, std::size_t connections, std::size_t in_flight, std::uint64_t calls)
      : in_flight_(in_flight), calls_max_(calls), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    peers_.resize(connections);
    for (std::size_t i = 0; i < peers_.size(); ++i) {
      Peer& peer = peers_[i];
      peer.fd = connect_loopback(port);
      upgrade(peer.fd, port);
      set_nonblocking(peer.fd);
      peer.sent_ns.resize(in_flight);
      peer.ids.resize(in_flight);
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.u64 = i;
      if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, peer.fd, &event) != 0) die("epoll_ctl");
    }
  }

  void run(double seconds) {
    started_ = now_ns();
    const std::uint64_t until = started_ + static_cast<std::uint64_t>(seconds * 1e9);
    for (Peer& peer : peers_) {
      for (std::size_t slot = 0; slot < in_flight_; ++slot) call(peer, slot);
      flush(peer);
    }
    while (done_ < calls_max_ && now_ns() < until) {
      std::array<epoll_event, 64> events;
      const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 100);
      if (count < 0 && errno != EINTR) die("epoll_wait");
      for (int i = 0; i < count; ++i)
        receive(peers_[static_cast<std::size_t>(events[static_cast<std::size_t>(i)].data.u64)]);
    }
    finished_ = now_ns();
  }

  void print() const {
    std::printf(
        "{\"requests\":%llu,\"seconds\":%.6f,\"wrong\":%llu,\"p50_us\":%.1f,\"p99_us\":%.1f}\n",
        static_cast<unsigned long long>(done_), static_cast<double>(finished_ - started_) * 1e-9,
        static_cast<unsigned long long>(wrong_), static_cast<double>(latency_.quantile(0.5)) * 1e-3,
        static_cast<double>(latency_.quantile(0.99)) * 1e-3);
  }

  [[nodiscard]] bool sound() const noexcept { return wrong_ == 0 && done_ != 0; }

 private:
  void call(Peer& peer, std::size_t slot) {
    const std::uint64_t id = (++generation_) * in_flight_ + slot;
    peer.ids[slot] = id;
    peer.sent_ns[slot] = now_ns();
    append_frame(peer.out, call_body(id));
  }

  void flush(Peer& peer) {
    if (peer.out.empty()) return;
    const ssize_t sent = ::send(peer.fd, peer.out.data(), peer.out.size(), MSG_NOSIGNAL);
    if (sent != static_cast<ssize_t>(peer.out.size())) die("send");
    peer.out.clear();
  }

  void receive(Peer& peer) {
    const ssize_t got = ::recv(peer.fd, buffer_.data(), buffer_.size(), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) die("recv");
    peer.in.append(buffer_.data(), static_cast<std::size_t>(got));
    std::size_t taken = 0;
    const std::uint64_t time = now_ns();
    for (;;) {
      const Frame frame = find_frame(std::string_view(peer.in).substr(taken));
      if (frame.bytes == 0) break;
      taken += frame.bytes;
      if (frame.text) accept(peer, frame.payload, time);
    }
    peer.in.erase(0, taken);
    flush(peer);
  }

  void accept(Peer& peer, std::string_view body, std::uint64_t time) {
    const std::uint64_t id = find_id(body);
    const auto slot = static_cast<std::size_t>(id % in_flight_);
    if (id == 0 || peer.ids[slot] != id || body.find("\"result\"") == std::string_view::npos) {
      if (wrong_++ == 0)
        std::fprintf(stderr, "wrong: %.*s\n", static_cast<int>(body.size()), body.data());
      return;
    }
    latency_.record(time - peer.sent_ns[slot]);
    ++done_;
    call(peer, slot);
  }

  const std::size_t in_flight_;
  const std::uint64_t calls_max_;
  const int epoll_;
  std::vector<Peer> peers_;
  std::array<char, 262144> buffer_;
  Histogram latency_;
  std::uint64_t generation_ = 0;
  std::uint64_t started_ = 0;
  std::uint64_t finished_ = 0;
  std::uint64_t done_ = 0;
  std::uint64_t wrong_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  const auto port = static_cast<std::uint16_t>(number_option(argc, argv, "--port", 0));
  const double seconds = std::strtod(option(argc, argv, "--seconds", "1").data(), nullptr);
  const std::size_t in_flight = number_option(argc, argv, "--in-flight", 16);
  if (port == 0 || seconds <= 0 || in_flight == 0) {
    std::fprintf(stderr, "usage: --port P --connections N --in-flight K --seconds S [--calls N]\n");
    return 2;
  }
  Load load(port, number_option(argc, argv, "--connections", 1), in_flight,
            number_option(argc, argv, "--calls", UINT64_MAX));
  load.run(seconds);
  load.print();
  return load.sound() ? 0 : 1;
}

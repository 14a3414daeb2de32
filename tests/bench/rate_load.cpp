// SPDX-License-Identifier: Apache-2.0
// Offers calls at a fixed rate over a fixed number of connections, whether or not earlier ones have
// been answered (an open loop). The latency of a call counts from the moment at which it was due,
// so a stall shows in all calls that it delayed and not in one alone (no coordinated omission).
//   bench_rate_load --port P --rate CALLS_PER_S --connections N --seconds S
// Prints one JSON object. Every reply must have status 200 and the id that was sent on its
// connection.
#include <array>
#include <cerrno>
#include <deque>
#include <vector>

#include "load/client.hpp"
#include "load/histogram.hpp"
#include "load/open_loop.hpp"

namespace {

using namespace sluice::bench;

struct Slot {
  int fd = -1;
  std::uint64_t id = 0;
  std::uint64_t due_ns = 0;
  std::string in;
};

class Load {
 public:
  Load(std::uint16_t port, std::size_t connections, double rate, double seconds)
      : interval_ns_(1e9 / rate),
        calls_(static_cast<std::uint64_t>(rate * seconds)),
        slots_(connections),
        connections_(port) {
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      slots_[i].fd = connections_.open(i);
      free_.push_back(i);
    }
  }

  void run() {
    started_ = now_ns();
    const std::uint64_t give_up = started_ + due(calls_) + 10'000'000'000U;
    while (done_ < calls_) {
      const std::uint64_t time = now_ns();
      if (time > give_up) break;
      while (sent_ < calls_ && !free_.empty() && started_ + due(sent_) <= time) send_next();
      poll(time);
    }
    finished_ = now_ns();
  }

  void print() const {
    const double seconds = static_cast<double>(finished_ - started_) * 1e-9;
    std::printf(
        "{\"requests\":%llu,\"seconds\":%.6f,\"wrong\":%llu,\"lost\":%llu,\"p50_us\":%.1f,"
        "\"p90_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,\"max_us\":%.1f}\n",
        static_cast<unsigned long long>(done_), seconds, static_cast<unsigned long long>(wrong_),
        static_cast<unsigned long long>(calls_ - done_), us(0.5), us(0.9), us(0.99), us(0.999),
        static_cast<double>(latency_.max()) * 1e-3);
  }

  [[nodiscard]] bool sound() const noexcept { return wrong_ == 0 && done_ == calls_; }

 private:
  [[nodiscard]] double us(double share) const {
    return static_cast<double>(latency_.quantile(share)) * 1e-3;
  }

  [[nodiscard]] std::uint64_t due(std::uint64_t call) const noexcept {
    return static_cast<std::uint64_t>(interval_ns_ * static_cast<double>(call));
  }

  void send_next() {
    Slot& slot = slots_[free_.front()];
    free_.pop_front();
    slot.due_ns = started_ + due(sent_);
    slot.id = ++sent_;
    connections_.send(slot.fd, call_body(slot.id));
  }

  void poll(std::uint64_t time) {
    const std::uint64_t next = started_ + due(sent_);
    // With no free connection only an answer can help.
    const bool waits = free_.empty() || sent_ == calls_;
    const std::uint64_t wait = waits ? 100'000'000U : (next > time ? next - time : 0);
    connections_.wait(wait, [this](std::size_t index) { receive(index); });
  }

  void receive(std::size_t index) {
    Slot& slot = slots_[index];
    const ssize_t got = ::recv(slot.fd, buffer_.data(), buffer_.size(), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) die("recv");
    slot.in.append(buffer_.data(), static_cast<std::size_t>(got));
    const auto reply = find_reply(slot.in);
    if (!reply) return;
    latency_.record(now_ns() - slot.due_ns);
    if (reply->status != 200 || find_id(reply->body) != slot.id || reply->bytes != slot.in.size())
      ++wrong_;
    slot.in.clear();
    ++done_;
    free_.push_back(index);
  }

  const double interval_ns_;
  const std::uint64_t calls_;
  std::vector<Slot> slots_;
  Connections connections_;
  std::array<char, 65536> buffer_;
  std::deque<std::size_t> free_;
  Histogram latency_;
  std::uint64_t started_ = 0;
  std::uint64_t finished_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t done_ = 0;
  std::uint64_t wrong_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  wait_precisely();
  const auto port = static_cast<std::uint16_t>(number_option(argc, argv, "--port", 0));
  const double seconds = std::strtod(option(argc, argv, "--seconds", "1").data(), nullptr);
  const double rate = std::strtod(option(argc, argv, "--rate", "1000").data(), nullptr);
  if (port == 0 || seconds <= 0 || rate <= 0) {
    std::fprintf(stderr, "usage: --port P --rate R --connections N --seconds S\n");
    return 2;
  }
  Load load(port, number_option(argc, argv, "--connections", 64), rate, seconds);
  load.run();
  load.print();
  return load.sound() ? 0 : 1;
}

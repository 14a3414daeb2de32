// SPDX-License-Identifier: Apache-2.0
// Sends given calls at given times, whether or not earlier ones have been answered (an open loop),
// each on a free connection or on a new one.
//   bench_replay_load --port P --calls FILE --connections N [--patience_s S]
// A line of FILE is `<microseconds from the start> <JSON-RPC call>`, in order of time; a call's id
// is its line's number from 1. N connections are opened before. Prints one JSON object: how late
// calls were sent against their time (the generator's own jitter), how many connections there were,
// and each call's latency from the time at which it was due, in the order of the lines; -1: not
// answered well, that is with another status than 200, another id, an error, or not within S
// seconds of the last call's time.
#include <array>
#include <cerrno>
#include <fstream>
#include <vector>

#include "load/client.hpp"
#include "load/histogram.hpp"
#include "load/open_loop.hpp"

namespace {

using namespace sluice::bench;

constexpr std::size_t kIdle = SIZE_MAX;

struct Planned {
  std::uint64_t due_ns = 0;
  std::string body;
};

std::vector<Planned> read_calls(const std::string& path) {
  std::vector<Planned> calls;
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    std::uint64_t us = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), us);
    if (error != std::errc{} || end == line.data() + line.size() || *end != ' ') {
      std::fprintf(stderr, "%s: line %zu is not `<microseconds> <call>`\n", path.c_str(),
                   calls.size() + 1);
      std::exit(2);
    }
    calls.push_back({us * 1000, line.substr(static_cast<std::size_t>(end + 1 - line.data()))});
  }
  return calls;
}

class Replay {
 public:
  Replay(std::uint16_t port, std::size_t connections, std::vector<Planned> calls)
      : calls_(std::move(calls)), latency_us_(calls_.size(), -1), connections_(port) {
    for (std::size_t i = 0; i < connections; ++i) free_.push_back(open());
  }

  void run(std::uint64_t patience_ns) {
    started_ = now_ns();
    const std::uint64_t give_up = started_ + calls_.back().due_ns + patience_ns;
    while (done_ < calls_.size()) {
      const std::uint64_t time = now_ns();
      if (time > give_up) break;
      while (sent_ < calls_.size() && started_ + calls_[sent_].due_ns <= time) send_next();
      poll(give_up);
    }
  }

  void print() const {
    std::printf(
        "{\"late_p50_us\":%.1f,\"late_p99_us\":%.1f,\"late_max_us\":%.1f,\"connections\":%zu,"
        "\"latency_us\":[",
        us(late_.quantile(0.5)), us(late_.quantile(0.99)), us(late_.max()), slots_.size());
    for (std::size_t i = 0; i < latency_us_.size(); ++i)
      std::printf("%s%lld", i == 0 ? "" : ",", static_cast<long long>(latency_us_[i]));
    std::printf("]}\n");
  }

 private:
  struct Slot {
    int fd = -1;
    std::size_t call = kIdle;
    std::string in;
  };

  static double us(std::uint64_t ns) { return static_cast<double>(ns) * 1e-3; }

  std::size_t open() {
    const std::size_t index = slots_.size();
    slots_.emplace_back().fd = connections_.open(index);
    return index;
  }

  /// A free connection by chance, so that the calls are spread over the workers of the other side.
  std::size_t take_free() {
    if (free_.empty()) return open();
    chance_ = chance_ * 6364136223846793005U + 1442695040888963407U;
    std::swap(free_[(chance_ >> 33U) % free_.size()], free_.back());
    const std::size_t index = free_.back();
    free_.pop_back();
    return index;
  }

  void send_next() {
    const Planned& call = calls_[sent_];
    const std::size_t index = take_free();
    Slot& slot = slots_[index];
    slot.call = sent_++;
    late_.record(now_ns() - started_ - call.due_ns);
    connections_.send(slot.fd, call.body);
  }

  void poll(std::uint64_t give_up) {
    const std::uint64_t time = now_ns();
    const std::uint64_t next = sent_ < calls_.size() ? started_ + calls_[sent_].due_ns : give_up;
    const std::uint64_t wait = next > time ? next - time : 0;
    connections_.wait(wait, [this](std::size_t index) { receive(index); });
  }

  void receive(std::size_t index) {
    Slot& slot = slots_[index];
    const ssize_t got = ::recv(slot.fd, buffer_.data(), buffer_.size(), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0 || slot.call == kIdle) {
      close(slot);
      std::erase(free_, index);
      return;
    }
    slot.in.append(buffer_.data(), static_cast<std::size_t>(got));
    const auto reply = find_reply(slot.in);
    if (!reply) return;
    const bool good = reply->status == 200 && find_id(reply->body) == slot.call + 1 &&
                      reply->bytes == slot.in.size() &&
                      reply->body.find("\"error\":") == std::string_view::npos;
    if (good)
      latency_us_[slot.call] =
          static_cast<std::int64_t>((now_ns() - started_ - calls_[slot.call].due_ns) / 1000);
    slot.in.clear();
    slot.call = kIdle;
    ++done_;
    free_.push_back(index);
  }

  /// The other side hung up; what it had to answer stays at -1.
  void close(Slot& slot) {
    if (slot.call != kIdle) ++done_;
    slot.call = kIdle;
    ::close(slot.fd);
    slot.fd = -1;
  }

  const std::vector<Planned> calls_;
  std::vector<std::int64_t> latency_us_;
  std::vector<Slot> slots_;
  Connections connections_;
  std::array<char, 65536> buffer_;
  std::vector<std::size_t> free_;
  Histogram late_;
  std::uint64_t chance_ = 1;
  std::uint64_t started_ = 0;
  std::size_t sent_ = 0;
  std::size_t done_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  wait_precisely();
  const auto port = static_cast<std::uint16_t>(number_option(argc, argv, "--port", 0));
  auto calls = read_calls(std::string(option(argc, argv, "--calls", "")));
  if (port == 0 || calls.empty()) {
    std::fprintf(stderr, "usage: --port P --calls FILE --connections N [--patience_s S]\n");
    return 2;
  }
  Replay replay(port, number_option(argc, argv, "--connections", 64), std::move(calls));
  replay.run(number_option(argc, argv, "--patience_s", 60) * 1'000'000'000U);
  replay.print();
  return 0;
}

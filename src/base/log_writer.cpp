// SPDX-License-Identifier: Apache-2.0
#include "base/log_writer.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <future>
#include <string_view>
#include <thread>
#include <utility>

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/line_queue.hpp"

namespace sluice::log {
namespace {

constexpr std::size_t kBatchBytes = 64 * 1024;
/// What a pipe that polls as writable takes without blocking: one page (pipe(7), PIPE_BUF).
constexpr std::size_t kPipeBytes = 4096;
/// How often a blocked writer looks whether it is to stop.
constexpr int kBlockedPollMs = 50;
/// How long lines gather before they are written: waking a thread costs the caller microseconds, so it is done at most
/// this often, not for every line.
constexpr int kGatherMs = 1;

std::size_t count_lines(std::string_view text) noexcept {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

/// The first piece of `text` to write at once: up to `bytes_max`, ending at a line's end where one
/// fits, so that lines of several processes on one pipe do not mix.
std::string_view next_piece(std::string_view text, std::size_t bytes_max) noexcept {
  if (text.size() <= bytes_max) return text;
  const std::size_t end = text.substr(0, bytes_max).rfind('\n');
  return text.substr(0, end == std::string_view::npos ? bytes_max : end + 1);
}

void block_all_signals() noexcept {
  // Signals of the process belong to the control thread; a blocked SIGPIPE makes write() answer
  // EPIPE.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace

/// Shared by the owner and the thread, so that a thread that had to be left behind still finds it.
struct Writer::State {
  explicit State(Options o) : options(std::move(o)), queue(options.queue_max) {
    struct stat info{};
    const bool known = fstat(options.fd, &info) == 0;
    regular = known && S_ISREG(info.st_mode);
    socket = known && S_ISSOCK(info.st_mode);
  }

  void run();
  bool take_batch();
  bool write_all(std::string_view text);
  /// Bytes written, 0 to try again, -1 for a descriptor that refuses.
  ssize_t write_some(std::string_view text) const noexcept;
  [[nodiscard]] bool out_of_time() const noexcept {
    return stopping.load(std::memory_order_acquire) && now() >= deadline;
  }
  void count_lost(std::size_t lines) noexcept {
    dropped.fetch_add(lines, std::memory_order_relaxed);
  }
  void report_lost();

  Options options;
  LineQueue queue;
  bool regular = false;
  bool socket = false;
  std::atomic<int> wake{0};
  std::atomic<bool> stopping{false};
  TimePoint deadline{};  // set before `stopping`
  std::atomic<std::uint64_t> dropped{0};
  std::promise<void> finished;
  std::thread thread;

  // The thread's own.
  std::string batch, line;
  std::uint64_t reported = 0;
  bool mid_line = false;
};

void Writer::State::run() {
  block_all_signals();
  for (;;) {
    const int seen = wake.load(std::memory_order_acquire);
    const bool last = stopping.load(std::memory_order_acquire);
    if (take_batch()) {
      if (write_all(batch)) report_lost();
    } else if (last) {
      break;
    } else {
      wake.wait(seen, std::memory_order_acquire);
      poll(nullptr, 0, kGatherMs);
    }
  }
  finished.set_value();
}

bool Writer::State::take_batch() {
  batch.clear();
  while (batch.size() < kBatchBytes && queue.pop(line)) batch += line;
  return !batch.empty();
}

ssize_t Writer::State::write_some(std::string_view text) const noexcept {
  pollfd wanted{options.fd, POLLOUT, 0};
  if (poll(&wanted, 1, kBlockedPollMs) <= 0) return 0;
  const std::string_view piece = next_piece(text, regular ? kBatchBytes : kPipeBytes);
  const ssize_t n = socket ? send(options.fd, piece.data(), piece.size(), MSG_DONTWAIT)
                           : ::write(options.fd, piece.data(), piece.size());
  if (n >= 0) return n;
  return errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
}

/// False when some of it was lost; whole lines are counted, and a torn one is closed before the
/// next.
bool Writer::State::write_all(std::string_view text) {
  std::string closed;
  if (mid_line) {
    closed.reserve(text.size() + 1);
    closed += '\n';
    closed += text;
    text = closed;
  }
  while (!text.empty()) {
    const ssize_t n = out_of_time() ? -1 : write_some(text);
    if (n < 0) {
      const bool closing_itself = mid_line && text.size() == closed.size();
      count_lost(count_lines(text) - (closing_itself ? 1 : 0));
      return false;
    }
    if (n == 0) continue;
    mid_line = text[static_cast<std::size_t>(n) - 1] != '\n';
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

void Writer::State::report_lost() {
  const std::uint64_t lost = dropped.load(std::memory_order_relaxed) - reported;
  if (lost == 0 || !options.notice) return;
  reported += lost;
  if (!write_all(options.notice(lost))) {
    dropped.fetch_sub(1, std::memory_order_relaxed);  // the notice is no line of anybody's
    reported -= lost;
  }
}

Writer::Writer(Options options) : state_(std::make_shared<State>(std::move(options))) {
  state_->thread = std::thread([state = state_] { state->run(); });
}

Writer::~Writer() {
  stop();
}

void Writer::push(std::string line) noexcept {
  if (state_->stopping.load(std::memory_order_acquire) || !state_->queue.push(line)) {
    state_->count_lost(1);
    return;
  }
  state_->wake.fetch_add(1, std::memory_order_release);
  state_->wake.notify_one();
}

void Writer::stop() {
  if (!state_->thread.joinable()) return;
  state_->deadline = now() + state_->options.drain;
  state_->stopping.store(true, std::memory_order_release);
  state_->wake.fetch_add(1, std::memory_order_release);
  state_->wake.notify_one();
  const auto patience = state_->options.drain + std::chrono::milliseconds(20 * kBlockedPollMs);
  if (state_->finished.get_future().wait_for(patience) == std::future_status::ready) {
    state_->thread.join();
  } else {
    state_->thread.detach();
  }
}

std::uint64_t Writer::dropped() const noexcept {
  return state_->dropped.load(std::memory_order_relaxed);
}

}  // namespace sluice::log

// SPDX-License-Identifier: Apache-2.0
#include "base/log.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/line_queue.hpp"
#include "support/catch.hpp"

namespace log_ns = sluice::log;
using log_ns::Level;

namespace {

/// Both ends of a descriptor pair, closed with the test.
struct Ends {
  Ends(int r, int w) : read(r), write(w) {}
  ~Ends() {
    close_read();
    close_write();
  }
  Ends(const Ends&) = delete;
  Ends& operator=(const Ends&) = delete;
  void close_read() {
    if (read >= 0) ::close(read);
    read = -1;
  }
  void close_write() {
    if (write >= 0) ::close(write);
    write = -1;
  }
  std::string read_all() {
    close_write();
    std::string all;
    std::array<char, 4096> piece{};
    for (ssize_t n = 0; (n = ::read(read, piece.data(), piece.size())) > 0;) {
      all.append(piece.data(), static_cast<std::size_t>(n));
    }
    return all;
  }
  int read, write;
};

Ends make_pipe() {
  std::array<int, 2> fds{};
  REQUIRE(::pipe(fds.data()) == 0);
  return {fds[0], fds[1]};
}

Ends make_socket_pair() {
  std::array<int, 2> fds{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, fds.data()) == 0);
  return {fds[0], fds[1]};
}

log_ns::Options to(int fd) {
  log_ns::Options options;
  options.fd = fd;
  options.format = log_ns::Format::kJson;
  return options;
}

std::vector<std::string> lines_of(const std::string& all) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < all.size();) {
    const std::size_t end = all.find('\n', at);
    REQUIRE(end != std::string::npos);
    lines.push_back(all.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

bool contains(std::string_view all, std::string_view part) {
  return all.find(part) != std::string_view::npos;
}

}  // namespace

TEST_CASE("words of levels and formats") {
  for (const char* word : {"trace", "debug", "info", "warn", "error", "off"}) {
    REQUIRE(log_ns::parse_level(word));
    CHECK(log_ns::level_word(*log_ns::parse_level(word)) == word);
  }
  for (const char* word : {"", "INFO", "warning", "inf", "info "})
    CHECK(!log_ns::parse_level(word));
  CHECK(log_ns::parse_format("auto") == log_ns::Format::kAuto);
  CHECK(log_ns::parse_format("text") == log_ns::Format::kText);
  CHECK(log_ns::parse_format("json") == log_ns::Format::kJson);
  CHECK(!log_ns::parse_format("xml"));
}

TEST_CASE("every event of an orderly exit is written, in the order of its thread") {
  constexpr int kThreads = 4;
  constexpr int kEach = 500;
  const std::uint64_t dropped_before = log_ns::dropped();
  Ends ends = make_pipe();
  std::string all;
  std::thread reader;
  {
    log_ns::init(to(ends.write));
    const int fd = ends.read;
    reader = std::thread([&all, fd] {
      std::array<char, 1000> piece{};
      for (ssize_t n = 0; (n = ::read(fd, piece.data(), piece.size())) > 0;) {
        all.append(piece.data(), static_cast<std::size_t>(n));
      }
    });
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([t] {
        for (int i = 0; i < kEach; ++i) log_ns::info("e", "m", {{"t", t}, {"i", i}});
      });
    }
    for (std::thread& thread : threads) thread.join();
    log_ns::shutdown();
  }
  ends.close_write();
  reader.join();
  CHECK(log_ns::dropped() == dropped_before);
  const std::vector<std::string> lines = lines_of(all);
  REQUIRE(lines.size() == kThreads * kEach);
  std::array<int, kThreads> next{};
  for (const std::string& line : lines) {
    const auto t = static_cast<std::size_t>(std::stoi(line.substr(line.find("\"t\":") + 4)));
    const int i = std::stoi(line.substr(line.find("\"i\":") + 4));
    CHECK(line.front() == '{');
    CHECK(line.back() == '}');
    CHECK(i == next.at(t)++);
  }
}

TEST_CASE("levels: off costs nothing and writes nothing, and can change while running") {
  Ends ends = make_pipe();
  log_ns::init(to(ends.write));
  log_ns::debug("hidden", "m");
  CHECK(!log_ns::enabled(Level::kDebug));
  log_ns::set_level(Level::kDebug);
  log_ns::debug("shown", "m");
  log_ns::set_level(Level::kError);
  log_ns::warn("hidden", "m");
  log_ns::access({});
  log_ns::error("shown_too", "m");
  log_ns::set_level(Level::kOff);
  log_ns::error("hidden", "m");
  log_ns::shutdown();
  log_ns::set_level(Level::kTrace);
  log_ns::error("hidden", "after the end");
  log_ns::set_level(Level::kOff);
  const std::string all = ends.read_all();
  CHECK(lines_of(all).size() == 2);
  CHECK(contains(all, "\"shown\""));
  CHECK(contains(all, "\"shown_too\""));
}

TEST_CASE("auto is JSON where no person looks, text on a terminal") {
  Ends pipe = make_pipe();
  log_ns::Options options = to(pipe.write);
  options.format = log_ns::Format::kAuto;
  log_ns::init(options);
  log_ns::info("e", "m");
  log_ns::shutdown();
  CHECK(pipe.read_all().front() == '{');

  const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY);
  REQUIRE(terminal >= 0);
  REQUIRE(::grantpt(terminal) == 0);
  REQUIRE(::unlockpt(terminal) == 0);
  std::array<char, 128> name{};
  REQUIRE(::ptsname_r(terminal, name.data(), name.size()) == 0);
  Ends ends(terminal, ::open(name.data(), O_RDWR | O_NOCTTY));
  REQUIRE(ends.write >= 0);
  options.fd = ends.write;
  log_ns::init(options);
  log_ns::info("e", "hello", {{"k", "\x1b[2J"}});
  log_ns::shutdown();
  std::array<char, 512> got{};
  const ssize_t n = ::read(terminal, got.data(), got.size());
  REQUIRE(n > 0);
  const std::string_view line(got.data(), static_cast<std::size_t>(n));
  CHECK(contains(line, "INFO  hello event=e k=\"\\u001b[2J\""));
}

TEST_CASE("a reader that has stopped reading costs lines, never time") {
  for (const bool socket : {false, true}) {
    CAPTURE(socket);
    Ends ends = socket ? make_socket_pair() : make_pipe();
    const std::uint64_t before = log_ns::dropped();
    log_ns::Options options = to(ends.write);
    options.queue_max = 16;
    options.drain = std::chrono::milliseconds(1);
    log_ns::init(options);
    const std::string filler(500, 'x');
    constexpr std::uint64_t kLines = 3000;  // far beyond the queue and the buffers
    // Nobody reads before all this is done: if anything waited for a reader, the test would not
    // end.
    for (std::uint64_t i = 0; i < kLines; ++i) log_ns::info("e", "m", {{"filler", filler}});
    CHECK(log_ns::dropped() > before);
    log_ns::shutdown();  // gives up on the reader
    const std::uint64_t lost = log_ns::dropped() - before;
    std::string all = ends.read_all();
    all.resize(all.rfind('\n') + 1);
    std::uint64_t whole = 0;
    for (const std::string& line : lines_of(all)) whole += contains(line, "filler") ? 1U : 0U;
    CHECK(whole + lost == kLines);
  }
}

TEST_CASE("lost lines are announced once writing works again") {
  Ends ends = make_pipe();
  log_ns::Options options = to(ends.write);
  options.queue_max = 16;
  log_ns::init(options);
  const std::uint64_t before = log_ns::dropped();
  const std::string filler(500, 'x');
  while (log_ns::dropped() == before) log_ns::info("e", "m", {{"filler", filler}});
  std::string all;
  std::array<char, 65536> piece{};
  while (!contains(all, "log_dropped")) {
    const ssize_t n = ::read(ends.read, piece.data(), piece.size());
    REQUIRE(n > 0);
    all.append(piece.data(), static_cast<std::size_t>(n));
  }
  log_ns::shutdown();
  all += ends.read_all();
  const std::uint64_t lost = log_ns::dropped() - before;
  CHECK(contains(all, "\"event\":\"log_dropped\",\"msg\":\"log lines were lost\",\"count\":" +
                          std::to_string(lost) + "}"));
}

TEST_CASE("a full disk, a closed pipe and a closed descriptor cost lines only") {
  struct Row {
    const char* name;
    int fd;
  };
  Ends broken = make_pipe();
  broken.close_read();
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  REQUIRE(full >= 0);
  for (const Row& row :
       {Row{"disk full", full}, Row{"broken pipe", broken.write}, Row{"not open", 987}}) {
    CAPTURE(row.name);
    const std::uint64_t before = log_ns::dropped();
    log_ns::init(to(row.fd));
    for (int i = 0; i < 10; ++i) log_ns::error("e", "m");
    log_ns::shutdown();
    CHECK(log_ns::dropped() == before + 10);
  }
  ::close(full);
}

TEST_CASE("a line torn by a full disk is closed before the next, and its loss announced once") {
  std::array<char, 32> path{"/tmp/sluice-log-XXXXXX"};
  const int file = ::mkstemp(path.data());
  REQUIRE(file >= 0);
  Ends ends(::open(path.data(), O_RDONLY | O_CLOEXEC), file);
  ::unlink(path.data());
  const auto written = [&ends] {
    std::array<char, 4096> all{};
    const ssize_t n = ::pread(ends.read, all.data(), all.size(), 0);
    return std::string(all.data(), static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
  };
  // A limit on the file's size is a full disk that can be emptied again: the write that meets it is
  // cut short.
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const std::uint64_t dropped = log_ns::dropped();
  log_ns::init(to(ends.write));
  const rlimit full{20, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &full) == 0);
  log_ns::info("torn", "m");
  while (log_ns::dropped() == dropped) {
  }
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  log_ns::info("whole", "m");
  while (!contains(written(), "log_dropped")) {
  }
  log_ns::info("last", "m");
  log_ns::shutdown();
  const std::vector<std::string> lines = lines_of(written());
  REQUIRE(lines.size() == 4);
  CHECK(lines[0].size() == 20);
  CHECK(contains(lines[1], "\"event\":\"whole\""));
  CHECK(
      contains(lines[2], "\"event\":\"log_dropped\",\"msg\":\"log lines were lost\",\"count\":1}"));
  CHECK(contains(lines[3], "\"event\":\"last\""));
  CHECK(log_ns::dropped() == dropped + 1);
}

TEST_CASE("an access line has what is known and leaves out what was not reached") {
  Ends ends = make_pipe();
  log_ns::init(to(ends.write));
  log_ns::AccessEntry entry;
  entry.request_id = "r-1";
  entry.client = "bot\n-a";
  entry.address = "192.0.2.1";
  entry.transport = "http";
  entry.chain = "mainnet";
  entry.method = "eth_call";
  entry.upstream = "a";
  entry.attempts = 2;
  entry.outcome = "ok";
  entry.http_status = 200;
  entry.rpc_code = -32000;
  entry.bytes_in = 10;
  entry.bytes_out = 20;
  entry.total_s = 0.0123456789;
  entry.queue_s = 0;
  entry.upstream_s = 0.012;
  entry.overhead_s = 0.0000009;
  entry.sample_rate = 0.01;
  log_ns::access(entry);
  log_ns::access({});
  log_ns::shutdown();
  const std::vector<std::string> lines = lines_of(ends.read_all());
  REQUIRE(lines.size() == 2);
  CHECK(contains(lines[0], R"("event":"call","msg":"call finished","request_id":"r-1",)"
                           R"("client":"bot\n-a","address":"192.0.2.1","transport":"http",)"
                           R"("chain":"mainnet",)"
                           R"("method":"eth_call","upstream":"a","attempts":2,"outcome":"ok",)"
                           R"("http_status":200,"rpc_code":-32000,"bytes_in":10,"bytes_out":20,)"
                           R"("total_s":0.012346,"queue_s":0,"upstream_s":0.012,)"
                           R"("overhead_s":1e-06,"sample_rate":0.01})"));
  CHECK(contains(lines[1], R"("msg":"call finished","attempts":0,"bytes_in":0,"bytes_out":0,)"
                           R"("sample_rate":1})"));
}

TEST_CASE("the queue of lines is bounded and loses nothing it took") {
  struct Row {
    std::size_t asked, held;
  };
  for (const Row& row : {Row{0, 2}, Row{1, 2}, Row{2, 2}, Row{3, 4}, Row{8, 8}}) {
    CAPTURE(row.asked);
    log_ns::LineQueue queue(row.asked);
    std::size_t held = 0;
    std::string line = "0";
    while (queue.push(line)) line = std::to_string(++held);
    CHECK(held == row.held);
    CHECK(line == std::to_string(held));  // a refused line is left alone
    std::string got;
    for (std::size_t i = 0; i < held; ++i) {
      REQUIRE(queue.pop(got));
      CHECK(got == std::to_string(i));
    }
    CHECK(!queue.pop(got));
    CHECK(queue.push(line));
    CHECK(queue.pop(got));
  }
}

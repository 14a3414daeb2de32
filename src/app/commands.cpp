// SPDX-License-Identifier: Apache-2.0
#include "app/commands.hpp"

#include <csignal>
#include <cstdio>
#include <memory>
#include <thread>

#include <boost/asio/connect.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/write.hpp>

#include "base/random.hpp"

namespace sluice::app {

namespace {

config::Loaded load_and_print(const RunOptions& options) {
  config::Loaded loaded =
      config::load(options.files, options.overrides, config::system_environment());
  for (const auto& diagnostic : loaded.diagnostics)
    std::fprintf(stderr, "%s\n", diagnostic.render().c_str());
  return loaded;
}

/// Simulated nodes of one chain, each on a thread of its own, until they leave scope.
class Nodes {
 public:
  Nodes(devnode::Options options, unsigned count) {
    // A transaction sent to one node is known to all, as on a network.
    options.mempool = std::make_shared<devnode::Mempool>();
    for (unsigned i = 0; i < count; ++i) {
      options.name = "node-" + std::to_string(i + 1);
      servers_.push_back(std::make_unique<devnode::Server>(options));
      // One port was asked for: the others follow behind it.
      options.listen = next_address(options.listen);
    }
    for (const auto& server : servers_)
      threads_.emplace_back([&server = *server] { server.run(); });
  }
  ~Nodes() {
    for (const auto& server : servers_) server->stop();
    for (auto& thread : threads_) thread.join();
  }
  Nodes(const Nodes&) = delete;
  Nodes& operator=(const Nodes&) = delete;

  [[nodiscard]] std::vector<std::string> urls() const {
    std::vector<std::string> urls;
    for (const auto& server : servers_)
      urls.push_back("http://127.0.0.1:" + std::to_string(server->port()));
    return urls;
  }

 private:
  static std::string next_address(const std::string& address) {
    const auto colon = address.rfind(':');
    const int port = std::atoi(address.c_str() + colon + 1);
    return port == 0 ? address : address.substr(0, colon + 1) + std::to_string(port + 1);
  }

  std::vector<std::unique_ptr<devnode::Server>> servers_;
  std::vector<std::thread> threads_;
};

}  // namespace

int check(const RunOptions& options) {
  const config::Loaded loaded = load_and_print(options);
  if (!loaded.config) return 1;
  if (const auto materials = load_materials(*loaded.config); !materials) {
    std::fprintf(stderr, "error: %s\n", materials.error().detail.c_str());
    return 1;
  }
  std::size_t upstreams = 0;
  for (const auto& chain : loaded.config->chains) upstreams += chain.upstreams.size();
  std::printf("ok: %zu chain(s), %zu upstream(s)\n", loaded.config->chains.size(), upstreams);
  return 0;
}

int effective(const RunOptions& options) {
  const config::Loaded loaded = load_and_print(options);
  if (!loaded.config) return 1;
  std::fputs(config::effective_yaml(*loaded.config).c_str(), stdout);
  return 0;
}

int devnode(const devnode::Options& options, unsigned nodes) {
  std::signal(SIGPIPE, SIG_IGN);
  net::asio::io_context io;
  net::asio::signal_set signals(io, SIGTERM, SIGINT);
  const Nodes running(options, nodes);
  std::string line = R"({"event":"ready","nodes":[)";
  for (const auto& url : running.urls()) line += (line.back() == '[' ? "\"" : ",\"") + url + "\"";
  std::printf("%s]}\n", line.c_str());
  std::fflush(stdout);
  signals.async_wait([](net::ErrorCode, int) {});
  io.run();
  return 0;
}

int demo(RunOptions options, unsigned nodes) {
  const Nodes running(devnode::Options{}, nodes);
  options.overrides.urls = running.urls();
  Daemon daemon;
  return daemon.run(options);
}

int healthcheck(const std::string& address, const std::string& path) {
  const auto colon = address.rfind(':');
  if (colon == std::string::npos) {
    std::fprintf(stderr, "healthcheck: '%s' is not host:port\n", address.c_str());
    return 2;
  }
  try {
    net::asio::io_context io;
    net::asio::ip::tcp::resolver resolver(io);
    net::asio::ip::tcp::socket socket(io);
    int status = 0;
    std::string reply;
    const std::string request =
        "GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    std::string host = address.substr(0, colon);
    if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
    // Whoever listens everywhere is here too; by number, for images without a table of names.
    if (host == "0.0.0.0") host = "127.0.0.1";
    if (host == "::") host = "::1";
    net::asio::async_connect(
        socket, resolver.resolve(host, address.substr(colon + 1)),
        [&](net::ErrorCode error, const auto&) {
          if (error) return;
          net::asio::async_write(
              socket, net::asio::buffer(request), [&](net::ErrorCode failed, std::size_t) {
                if (failed) return;
                net::asio::async_read_until(socket, net::asio::dynamic_buffer(reply, 65536), "\r\n",
                                            [&](net::ErrorCode bad, std::size_t) {
                                              if (!bad && reply.size() > 12)
                                                status = std::atoi(reply.c_str() + 9);
                                            });
              });
        });
    io.run_for(std::chrono::seconds(3));
    if (status == 200) return 0;
    std::fprintf(stderr, "healthcheck: %s says %d\n", address.c_str(), status);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "healthcheck: %s: %s\n", address.c_str(), error.what());
  }
  return 1;
}

}  // namespace sluice::app

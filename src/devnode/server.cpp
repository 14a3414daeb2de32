// SPDX-License-Identifier: Apache-2.0
#include "devnode/server.hpp"

#include <algorithm>
#include <charconv>
#include <exception>
#include <stdexcept>
#include <thread>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include "devnode/dev_routes.hpp"
#include "devnode/task.hpp"
#include "devnode/worker.hpp"

namespace sluice::devnode {
namespace {

constexpr Duration kAcceptPause = std::chrono::milliseconds(10);

net::TcpEndpoint parse_listen(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) throw std::runtime_error("listen: no port");
  std::string_view host = text.substr(0, colon);
  const std::string_view port_text = text.substr(colon + 1);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  if (host == "localhost") host = "127.0.0.1";
  std::uint16_t port = 0;
  const char* end = port_text.data() + port_text.size();
  const auto [at, error] = std::from_chars(port_text.data(), end, port);
  if (port_text.empty() || error != std::errc{} || at != end) {
    throw std::runtime_error("listen: bad port");
  }
  net::ErrorCode address_error;
  const auto address = asio::ip::make_address(std::string(host), address_error);
  if (address_error) throw std::runtime_error("listen: bad address " + std::string(host));
  return {address, port};
}

}  // namespace

struct Server::State {
  explicit State(const Options& options);

  Task<void> accept_loop();
  template <class Action>
  void on_all(Action action);
  void watch_node();

  Node node;
  std::vector<std::unique_ptr<Worker>> workers;
  std::unique_ptr<net::TcpAcceptor> acceptor;
  std::uint16_t port = 0;
  std::size_t next_worker = 0;
};

Server::State::State(const Options& options)
    : node({.seed = options.seed,
            .chain_id = options.chain_id,
            .interval = options.block_interval,
            .first_block = options.first_block,
            .transactions = options.transactions},
           options.name, options.wall_clock, options.mempool) {
  const std::uint64_t salt = node.chain().digest(options.name, 0);
  for (unsigned i = 0; i < std::max(options.threads, 1U); ++i) {
    workers.push_back(std::make_unique<Worker>(node, salt + i));
  }
  acceptor =
      std::make_unique<net::TcpAcceptor>(workers.front()->io, parse_listen(options.listen), true);
  port = acceptor->local_endpoint().port();
  watch_node();
}

template <class Action>
void Server::State::on_all(Action action) {
  for (const auto& worker : workers) {
    asio::post(worker->io, [to = worker.get(), action] { action(*to); });
  }
}

void Server::State::watch_node() {
  node.on_pending = [this](const Bytes32& hash) {
    on_all([hash](Worker& worker) { worker.publish_pending(hash); });
  };
  node.on_mined = [this] { on_all([](Worker& worker) { worker.publish_heads(); }); };
  node.on_faults = [this] { on_all([](Worker& worker) { worker.faults_changed(); }); };
  on_all([](Worker& worker) { worker.watch_heads(); });
}

Task<void> Server::State::accept_loop() {
  net::Timer timer(workers.front()->io);
  for (;;) {
    Worker& worker = *workers[next_worker++ % workers.size()];
    auto [error, socket] = co_await acceptor->async_accept(worker.io, kAwait);
    if (error == asio::error::operation_aborted) co_return;
    if (error) {  // out of descriptors, most likely: try again once some are free
      timer.expires_after(kAcceptPause);
      co_await timer.async_wait(kAwait);
      continue;
    }
    worker.adopt(std::move(socket));
  }
}

Server::Server(const Options& options) try : state_(std::make_unique<State>(options)) {
} catch (const boost::system::system_error& error) {
  throw std::runtime_error("listen " + options.listen + ": " + error.code().message());
}

Server::~Server() = default;

std::uint16_t Server::port() const noexcept {
  return state_->port;
}

void Server::run() {
  State& state = *state_;
  asio::co_spawn(state.workers.front()->io, state.accept_loop(), end_quietly);
  std::vector<std::jthread> threads;
  for (std::size_t i = 1; i < state.workers.size(); ++i) {
    threads.emplace_back([io = &state.workers[i]->io] {
      const auto guard = asio::make_work_guard(*io);
      io->run();
    });
  }
  const auto guard = asio::make_work_guard(state.workers.front()->io);
  state.workers.front()->io.run();
}

void Server::stop() {
  for (const auto& worker : state_->workers) worker->io.stop();
}

Result<void> Server::set_faults(std::string_view json) {
  auto faults = Faults::parse(json, state_->node.view(*state_->node.faults()).head);
  if (!faults) return std::unexpected(faults.error());
  state_->node.set_faults(std::move(*faults));
  return {};
}

void Server::mine(std::uint64_t blocks) {
  state_->node.mine(blocks);
}

std::uint64_t Server::head() const {
  return state_->node.true_head();
}

std::string Server::stats_json() const {
  return dev_route(state_->node, "GET", "/_dev/stats", {}).body;
}

const Chain& Server::chain() const noexcept {
  return state_->node.chain();
}

}  // namespace sluice::devnode

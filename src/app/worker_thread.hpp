// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <thread>

#include "frontend/frontend.hpp"
#include "net/loop.hpp"
#include "proxy/worker.hpp"

namespace sluice::app {

/// One worker: its loop, its data path, its clients, and the thread that runs them. Made and ended
/// by the daemon on the control thread; in between everything inside is touched by its own thread
/// only, but for `load` and `lag`.
class WorkerThread {
 public:
  WorkerThread(unsigned index, metrics::WorkerMetrics& metrics, events::Hub& events,
               std::uint64_t seed, std::shared_ptr<const frontend::Options> options,
               std::shared_ptr<const frontend::TrustedNetworks> trusted);
  ~WorkerThread();
  WorkerThread(const WorkerThread&) = delete;
  WorkerThread& operator=(const WorkerThread&) = delete;

  void start();
  /// Closes everything and joins.
  void stop();

  void post(std::function<void()> work);
  void adopt(int fd, const net::TcpEndpoint& peer,
             std::shared_ptr<const frontend::ListenerOptions> listener,
             std::shared_ptr<void> place);
  /// Sends a mark through the loop and notes how long it took to come by.
  void measure_lag();

  [[nodiscard]] proxy::Worker& worker() noexcept { return worker_; }
  [[nodiscard]] frontend::Frontend& frontend() noexcept { return frontend_; }
  [[nodiscard]] const std::shared_ptr<std::atomic<std::uint32_t>>& load() const noexcept {
    return load_;
  }
  [[nodiscard]] double lag_s() const noexcept { return static_cast<double>(lag_ns_.load()) * 1e-9; }

 private:
  net::Loop loop_;
  net::asio::executor_work_guard<net::Executor> work_;
  proxy::Worker worker_;
  frontend::Frontend frontend_;
  /// Client connections that it has, or is about to get.
  std::shared_ptr<std::atomic<std::uint32_t>> load_ =
      std::make_shared<std::atomic<std::uint32_t>>(0);
  std::atomic<std::int64_t> lag_ns_{0};
  std::thread thread_;
};

}  // namespace sluice::app

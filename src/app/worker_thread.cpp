// SPDX-License-Identifier: Apache-2.0
#include "app/worker_thread.hpp"

#include <string>
#include <utility>

#include <boost/asio/post.hpp>
#include <pthread.h>
#include <unistd.h>

#include "app/words.hpp"

namespace sluice::app {

WorkerThread::WorkerThread(unsigned index, metrics::WorkerMetrics& metrics, events::Hub& events,
                           std::uint64_t seed, std::shared_ptr<const frontend::Options> options,
                           std::shared_ptr<const frontend::TrustedNetworks> trusted)
    : work_(net::asio::make_work_guard(loop_.io)),
      worker_(loop_, index, metrics, events, reject_positions(), seed),
      frontend_(loop_, worker_, worker_, std::move(options), std::move(trusted)) {}

WorkerThread::~WorkerThread() {
  stop();
}

void WorkerThread::start() {
  thread_ = std::thread([this] {
    const std::string name = "sluice-w" + std::to_string(worker_.index());
    pthread_setname_np(pthread_self(), name.c_str());
    loop_.io.run();
  });
}

void WorkerThread::stop() {
  if (!thread_.joinable()) return;
  post([this] {
    frontend_.cut();
    worker_.stop();
    work_.reset();
    loop_.io.stop();
  });
  thread_.join();
}

void WorkerThread::post(std::function<void()> work) {
  net::asio::post(loop_.io, std::move(work));
}

void WorkerThread::adopt(int fd, const net::TcpEndpoint& peer,
                         std::shared_ptr<const frontend::ListenerOptions> listener,
                         std::shared_ptr<void> place) {
  net::asio::post(loop_.io, [this, fd, peer, listener = std::move(listener),
                             place = std::move(place)]() mutable {
    net::TcpSocket socket(loop_.io);
    net::ErrorCode error;
    socket.assign(peer.protocol(), fd, error);
    if (error) {
      ::close(fd);
      return;
    }
    frontend_.adopt(std::move(socket), peer, std::move(listener), std::move(place));
  });
}

void WorkerThread::measure_lag() {
  net::asio::post(loop_.io, [this, sent = now()] { lag_ns_.store((now() - sent).count()); });
}

}  // namespace sluice::app

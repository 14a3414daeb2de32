// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/random.hpp"
#include "events/hub.hpp"
#include "frontend/handler.hpp"
#include "jsonrpc/splitter.hpp"
#include "metrics/worker_metrics.hpp"
#include "net/loop.hpp"
#include "proxy/batcher.hpp"
#include "proxy/exchange.hpp"
#include "proxy/pool_watch.hpp"
#include "proxy/runtime.hpp"

namespace sluice::proxy {

/// One worker's data path: takes requests from its frontend, runs their calls over its pools. All
/// of it on the worker's thread but for post()-ed work. Owned by the app, which joins the thread
/// before it destroys it.
class Worker final : public frontend::Handler, public frontend::Observer {
 public:
  /// `reject_words`: position of each reject reason in the metrics' set.
  Worker(net::Loop& loop, unsigned index, metrics::WorkerMetrics& metrics, events::Hub& events,
         const std::unordered_map<std::string_view, std::size_t>& reject_words, std::uint64_t seed);
  ~Worker() override;

  /// The other workers, this one included, by index; set once before the threads start.
  void meet(std::vector<Worker*> all) { all_ = std::move(all); }
  /// Makes a snapshot current: new pools are filled, pools that it does not name retire.
  void install(std::shared_ptr<const Snapshot> snapshot);
  /// The health monitor has thought again about an upstream: calls that wait route anew, and with
  /// `abandon` those under way there go elsewhere where they may.
  void standing_changed(const upstream::Shared& shared, bool abandon);
  /// Makes connections ready before calls come.
  void warm_up(const upstream::Shared& shared);
  /// A probe has made so many calls to a node of the chain: they draw on the retry budget, as all
  /// that a node gets beyond its clients' calls does.
  void charge_probe(const ChainShared& chain, std::uint32_t calls);
  /// An upstream may have another number of connections: those beyond it close, and who waits for
  /// one looks again.
  void limit_changed(const upstream::Shared& shared);
  /// This worker's part of what the plan wants an upstream to have; `early`: for calls that are
  /// expected.
  void steer(const upstream::Shared& shared, std::uint32_t target, bool early);
  /// At the end: gives up every call and closes every connection.
  void stop();

  // frontend::Handler
  [[nodiscard]] std::optional<frontend::Refusal> check(const frontend::Request& request) override;
  void handle(const frontend::Request& request, net::Ref<frontend::Responder> responder) override;
  [[nodiscard]] frontend::Opened open_websocket(const frontend::Request& request) override;
  [[nodiscard]] bool knows_path(std::string_view path) const override;

  // frontend::Observer
  void http_request(int status) override { metrics_.http_request(status); }
  void rejected(std::string_view reason) override { reject(reason); }
  void connections_changed(frontend::Protocol protocol, int delta) override {
    metrics_.client_connections(static_cast<std::size_t>(protocol), delta);
  }

  // For exchanges and calls.
  [[nodiscard]] net::Loop& loop() noexcept { return loop_; }
  [[nodiscard]] unsigned index() const noexcept { return index_; }
  [[nodiscard]] metrics::WorkerMetrics& metrics() noexcept { return metrics_; }
  /// For what happens here: post(), never emit().
  [[nodiscard]] events::Hub& events() noexcept { return events_; }
  [[nodiscard]] jsonrpc::Splitter& splitter() noexcept { return splitter_; }
  [[nodiscard]] Random& random() noexcept { return random_; }
  [[nodiscard]] Batcher& batcher() noexcept { return batcher_; }
  [[nodiscard]] std::uint64_t next_wire_id() noexcept { return ++wire_id_; }
  [[nodiscard]] const net::Ref<Runtime>& runtime() const noexcept { return runtime_; }
  void reject(std::string_view reason);
  /// The client's own id where it is fit to be logged, else a new one; valid until the next call.
  [[nodiscard]] std::string_view make_request_id(std::string_view offered);
  [[nodiscard]] std::uint64_t add_waiter(Call& call);
  /// Where the header lines of a reply are put together, over and over.
  [[nodiscard]] std::string& header_lines() noexcept { return header_lines_; }
  void remove_waiter(std::uint64_t key) { waiters_.erase(key); }
  /// Tells a waiter, wherever it is, that it has left the queue with nothing.
  void send_away(const policy::Granted& left);
  /// After a call has registered: serve it from what became free meanwhile, here or on another
  /// worker.
  void look_again(ChainRuntime& chain, policy::UpstreamSet among);
  /// Every exchange that has begun and not ended, so that stop() and sweep() find them.
  void enter(Exchange& exchange) noexcept;
  void leave(Exchange& exchange) noexcept;

  // For pools.
  void serve_waiters(upstream::Pool& pool, const PoolWatch& watch);
  void serve_all_waiters();

 private:
  struct WatchedPool {
    net::Ref<upstream::Pool> pool;
    net::Ref<PoolWatch> watch;
  };
  [[nodiscard]] WatchedPool make_pool(const ChainSpec& chain, const UpstreamSpec& upstream);
  [[nodiscard]] policy::HedgeOptions hedge_share(const ChainSpec& spec) const;
  void serve_waiters_of(const upstream::Shared* shared);
  /// Serves as many waiters as one connection takes. False when no more can be served.
  [[nodiscard]] bool serve_some(upstream::Pool& pool, const PoolWatch& watch);
  void hand_over(Worker& other, std::uint64_t key, upstream::Pool& pool);
  /// Lets a waiter route again, `together` with others if it may. False when it found nothing and
  /// waits again.
  [[nodiscard]] bool wake(std::uint64_t key, bool together = false);
  void refuse(frontend::Responder& responder, const frontend::Refusal& refusal);
  /// Late calls may get a second attempt. One look at all that is under way every few milliseconds
  /// costs less than a timer for each call.
  void sweep();

  net::Loop& loop_;
  const unsigned index_;
  metrics::WorkerMetrics& metrics_;
  events::Hub& events_;
  const std::unordered_map<std::string_view, std::size_t>& reject_words_;
  Random random_;
  jsonrpc::Splitter splitter_;
  std::vector<Worker*> all_;
  net::Ref<Runtime> runtime_;
  std::unordered_map<const upstream::Shared*, WatchedPool> pools_;
  /// Pools that have left the configuration while calls or connections still hold them.
  std::vector<WatchedPool> retired_;
  std::unordered_map<std::uint64_t, Call*> waiters_;
  Batcher batcher_{*this};
  Exchange* newest_ = nullptr;
  Exchange* oldest_ = nullptr;
  /// Some chain hedges: then what is under way is looked at now and then.
  bool hedging_ = false;
  bool sweeping_ = false;
  net::Deadline sweep_;
  bool handing_over_ = false;
  std::string request_id_;
  std::string header_lines_;
  std::uint64_t wait_key_ = 0;
  std::uint64_t wire_id_ = 0;
};

}  // namespace sluice::proxy

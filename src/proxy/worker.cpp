// SPDX-License-Identifier: Apache-2.0
#include "proxy/worker.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <boost/asio/post.hpp>

#include "proxy/caller.hpp"

namespace sluice::proxy {

namespace {

/// A client's own id is taken over when it is harmless to log and to send back.
bool acceptable_id(std::string_view id) {
  return !id.empty() && id.size() <= 64 && std::ranges::all_of(id, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '_' || c == '.' || c == ':';
  });
}

}  // namespace

/// A client's WebSocket: who it is was settled at the upgrade; what the configuration says of its
/// chain, its client and the upstream it asked for follows each reload by name.
class WebSocketChannel final : public frontend::Channel {
 public:
  WebSocketChannel(Worker& worker, const Caller& caller, std::string_view address)
      : worker_(worker),
        caller_(caller),
        address_(address),
        generation_(worker.runtime()->generation),
        chain_(worker.runtime()->snapshot->chains[caller.chain].name),
        client_(worker.runtime()->snapshot->clients[caller.client].name),
        anonymous_(caller.client == 0) {
    caller_.websocket = true;
    if (caller.upstream) {
      upstream_ = worker.runtime()->snapshot->chains[caller.chain].upstreams[*caller.upstream].name;
    }
  }

  void message(std::string_view body, net::Ref<frontend::Responder> responder) override {
    const bool gone = generation_ != worker_.runtime()->generation && !rebind();
    const net::Ref<Exchange> exchange(new Exchange(worker_, worker_.runtime(), caller_,
                                                   std::move(responder),
                                                   worker_.make_request_id({}), address_, now()));
    if (gone) {
      exchange->refuse(body, 503, -32603,
                       "this chain, client or upstream is not configured any more",
                       R"({"source":"sluice","reason":"removed"})");
    } else {
      exchange->run(body);
    }
  }

 private:
  [[nodiscard]] bool rebind() {
    const Snapshot& next = *worker_.runtime()->snapshot;
    const auto chain = std::ranges::find(next.chains, chain_, &ChainSpec::name);
    // The first is nobody, and a key's client may have the same name.
    const auto client = anonymous_ ? next.clients.begin()
                                   : std::ranges::find(next.clients.begin() + 1, next.clients.end(),
                                                       client_, &ClientSpec::name);
    if (chain == next.chains.end() || client == next.clients.end()) return false;
    if (anonymous_ && !next.anonymous_allowed) return false;
    caller_.upstream.reset();
    if (!upstream_.empty() && client->steer) {
      caller_.upstream = upstream_named(*chain, upstream_);
      if (!caller_.upstream) return false;
    }
    generation_ = worker_.runtime()->generation;
    caller_.chain = static_cast<std::size_t>(chain - next.chains.begin());
    caller_.client = static_cast<std::size_t>(client - next.clients.begin());
    settle(caller_, next, address_);
    return true;
  }

  Worker& worker_;
  Caller caller_;
  const std::string address_;
  /// Of the configuration that `caller_` was worked out for. Not the configuration itself, which an
  /// idle client would keep alive.
  std::uint64_t generation_;
  const std::string chain_;
  const std::string client_;
  const bool anonymous_;
  /// That it asked for at the upgrade; empty: any.
  std::string upstream_;
};

Worker::Worker(net::Loop& loop, unsigned index, metrics::WorkerMetrics& metrics,
               events::Hub& events,
               const std::unordered_map<std::string_view, std::size_t>& reject_words,
               std::uint64_t seed)
    : loop_(loop),
      index_(index),
      metrics_(metrics),
      events_(events),
      reject_words_(reject_words),
      random_(seed),
      sweep_(
          loop.timers, [](void* self) { static_cast<Worker*>(self)->sweep(); }, this),
      // Ids of different workers differ from the first on, so that a node's log tells them apart.
      wire_id_(std::uint64_t{index} << 40) {}

Worker::~Worker() = default;

Worker::WatchedPool Worker::make_pool(const ChainSpec& chain, const UpstreamSpec& upstream) {
  const upstream::PoolPlace place{.worker = index_,
                                  .workers = std::max<std::size_t>(all_.size(), 1)};
  const net::Ref<PoolWatch> watch(new PoolWatch(*this, chain.name, chain.shared, upstream));
  const std::uint32_t target = place.share(upstream.shared->target.load());
  return {
      net::Ref<upstream::Pool>(new upstream::Pool(loop_, upstream.shared, target, watch, place)),
      watch};
}

/// The burst is divided among the workers, so that all of them together have what is meant for the
/// chain; a client that has all its calls on one worker still gets its share of calls.
policy::HedgeOptions Worker::hedge_share(const ChainSpec& spec) const {
  policy::HedgeOptions options = spec.hedge;
  options.burst =
      std::max(options.burst / static_cast<double>(std::max<std::size_t>(all_.size(), 1)), 1.0);
  return options;
}

void Worker::install(std::shared_ptr<const Snapshot> snapshot) {
  net::Ref<Runtime> next(new Runtime(std::move(snapshot), runtime_));
  const TimePoint time = now();
  std::unordered_map<const upstream::Shared*, WatchedPool> pools;
  for (const ChainSpec& spec : next->snapshot->chains) {
    ChainRuntime chain{.spec = &spec,
                       .balancer = policy::make_balancer(spec.strategy, spec.upstreams.size()),
                       .by_features = spec.strategy == "learned",
                       .by_affinity = spec.strategy == "affinity",
                       .budget = policy::RetryBudget({.ratio = spec.retry_budget}, time),
                       .hedge_budget = policy::HedgeBudget(hedge_share(spec), time),
                       .pools = {}};
    for (const UpstreamSpec& upstream : spec.upstreams) {
      const auto kept = pools_.find(upstream.shared.get());
      WatchedPool& watched = pools[upstream.shared.get()];
      watched = kept != pools_.end() ? kept->second : make_pool(spec, upstream);
      chain.pools.push_back(watched.pool);
    }
    next->chains.push_back(std::move(chain));
  }
  // Those that no connection and no call of an earlier configuration holds any more.
  std::erase_if(retired_, [](const auto& watched) { return watched.pool->references() == 1; });
  std::vector<WatchedPool> dropped;
  for (const auto& [shared, watched] : pools_) {
    if (!pools.contains(shared)) dropped.push_back(watched);
  }
  pools_ = std::move(pools);
  hedging_ = std::ranges::any_of(next->snapshot->chains,
                                 [](const ChainSpec& chain) { return chain.hedge.budget > 0; });
  runtime_ = std::move(next);
  retired_.insert(retired_.end(), dropped.begin(), dropped.end());
  for (const auto& watched : dropped) watched.pool->retire();
  for (const auto& [shared, watched] : pools_) {
    if (watched.pool->empty()) {
      watched.pool->warm_up(shared->options().warm_up, time);
    } else {
      watched.pool->fill(time);
    }
  }
}

void Worker::stop() {
  while (newest_ != nullptr) newest_->cut();
  for (const auto& [shared, watched] : pools_) watched.pool->close_all();
  for (const auto& watched : retired_) watched.pool->close_all();
  pools_.clear();
  retired_.clear();
  runtime_ = nullptr;
}

void Worker::reject(std::string_view reason) {
  const auto found = reject_words_.find(reason);
  metrics_.rejected(found == reject_words_.end() ? reject_words_.size() - 1 : found->second);
}

std::string_view Worker::make_request_id(std::string_view offered) {
  if (acceptable_id(offered)) return offered;
  constexpr std::string_view kDigits = "0123456789abcdef";
  request_id_.resize(16);
  std::uint64_t bits = random_.next();
  for (char& c : request_id_) {
    c = kDigits[bits & 0xfU];
    bits >>= 4;
  }
  return request_id_;
}

std::optional<frontend::Refusal> Worker::check(const frontend::Request& request) {
  const auto caller = find_caller(*runtime_->snapshot, request);
  if (caller) return std::nullopt;
  return caller.error();
}

void Worker::handle(const frontend::Request& request, net::Ref<frontend::Responder> responder) {
  const TimePoint started = loop_.recent();
  const auto caller = find_caller(*runtime_->snapshot, request);
  if (!caller) {
    refuse(*responder, caller.error());
    return;
  }
  const net::Ref<Exchange> exchange(new Exchange(*this, runtime_, *caller, std::move(responder),
                                                 make_request_id(request.head.request_id),
                                                 request.peer, started));
  exchange->run(request.body);
}

void Worker::refuse(frontend::Responder& responder, const frontend::Refusal& refusal) {
  reject(refusal.reason);
  const std::string body = frontend::refusal_body(refusal);
  const std::string_view piece = body;
  responder.reply({.status = refusal.status, .headers = refusal.headers, .body = {&piece, 1}});
}

frontend::Opened Worker::open_websocket(const frontend::Request& request) {
  auto caller = find_caller(*runtime_->snapshot, request);
  if (!caller) return {nullptr, caller.error()};
  // For affinity each connection is somebody of its own, unless it says who it is.
  if (caller->client == 0 && !caller->affinity_named) caller->affinity = random_.next() | 1;
  return {net::Ref<frontend::Channel>(new WebSocketChannel(*this, *caller, request.peer)),
          std::nullopt};
}

bool Worker::knows_path(std::string_view path) const {
  return path == "/" || serves_path(*runtime_->snapshot, path);
}

}  // namespace sluice::proxy

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

/// A client's WebSocket: who it is was settled at the upgrade; chains and limits follow each reload
/// by name.
class WebSocketChannel final : public frontend::Channel {
 public:
  WebSocketChannel(Worker& worker, const Caller& caller, std::string_view address)
      : worker_(worker),
        caller_(caller),
        address_(address),
        runtime_(worker.runtime()),
        chain_(runtime_->snapshot->chains[caller.chain].name),
        client_(runtime_->snapshot->clients[caller.client].name) {
    caller_.websocket = true;
  }

  void message(std::string_view body, net::Ref<frontend::Responder> responder) override {
    if (runtime_ != worker_.runtime() && !rebind()) {
      constexpr std::string_view kGone =
          R"({"jsonrpc":"2.0","id":null,"error":{"code":-32603,"message":"this chain or client is not configured any more"}})";
      responder->reply({.status = 503, .body = {&kGone, 1}});
      return;
    }
    const net::Ref<Exchange> exchange(new Exchange(worker_, runtime_, caller_, std::move(responder),
                                                   worker_.make_request_id({}), address_, now()));
    exchange->run(body);
  }

 private:
  [[nodiscard]] bool rebind() {
    const Snapshot& next = *worker_.runtime()->snapshot;
    const auto chain = std::ranges::find(next.chains, chain_, &ChainSpec::name);
    const auto client = std::ranges::find(next.clients, client_, &ClientSpec::name);
    if (chain == next.chains.end() || client == next.clients.end()) return false;
    runtime_ = worker_.runtime();
    caller_.chain = static_cast<std::size_t>(chain - next.chains.begin());
    caller_.client = static_cast<std::size_t>(client - next.clients.begin());
    caller_.upstream.reset();
    return true;
  }

  Worker& worker_;
  Caller caller_;
  const std::string address_;
  net::Ref<Runtime> runtime_;
  const std::string chain_;
  const std::string client_;
};

Worker::Worker(net::Loop& loop, unsigned index, metrics::WorkerMetrics& metrics,
               const std::unordered_map<std::string_view, std::size_t>& reject_words,
               std::uint64_t seed)
    : loop_(loop),
      index_(index),
      metrics_(metrics),
      reject_words_(reject_words),
      random_(seed),
      // Ids of different workers differ from the first on, so that a node's log tells them apart.
      wire_id_(std::uint64_t{index} << 40) {}

Worker::~Worker() = default;

void Worker::install(std::shared_ptr<const Snapshot> snapshot) {
  net::Ref<Runtime> next(new Runtime(std::move(snapshot)));
  const TimePoint time = now();
  std::unordered_map<const upstream::Shared*, net::Ref<upstream::Pool>> pools;
  std::unordered_map<const upstream::Shared*, Place> places;
  const auto workers = static_cast<std::uint32_t>(std::max<std::size_t>(all_.size(), 1));
  for (std::size_t c = 0; c < next->snapshot->chains.size(); ++c) {
    const ChainSpec& spec = next->snapshot->chains[c];
    ChainRuntime chain{.spec = &spec,
                       .balancer = policy::make_balancer(spec.strategy, spec.upstreams.size()),
                       .budget = policy::RetryBudget({.ratio = spec.retry_budget}, time),
                       .pools = {}};
    for (std::size_t u = 0; u < spec.upstreams.size(); ++u) {
      const auto& shared = spec.upstreams[u].shared;
      auto& pool = pools[shared.get()];
      if (const auto kept = pools_.find(shared.get()); kept != pools_.end()) {
        pool = kept->second;
      } else {
        const std::uint32_t min = shared->options().connections_min;
        pool = new upstream::Pool(loop_, shared, min / workers + (index_ < min % workers ? 1 : 0),
                                  *this);
      }
      places[shared.get()] = {c, static_cast<std::uint32_t>(u)};
      chain.pools.push_back(pool);
    }
    next->chains.push_back(std::move(chain));
  }
  std::erase_if(retired_, [](const auto& pool) { return pool->empty(); });
  for (auto& [shared, pool] : pools_) {
    if (pools.contains(shared)) continue;
    pool->retire();
    retired_.push_back(pool);
  }
  pools_ = std::move(pools);
  places_ = std::move(places);
  runtime_ = std::move(next);
  for (auto& [shared, pool] : pools_) pool->fill(time);
}

void Worker::stop() {
  for (auto& [shared, pool] : pools_) pool->close_all();
  for (auto& pool : retired_) pool->close_all();
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
  const auto caller = find_caller(*runtime_->snapshot, request);
  if (!caller) return {nullptr, caller.error()};
  return {net::Ref<frontend::Channel>(new WebSocketChannel(*this, *caller, request.peer)),
          std::nullopt};
}

bool Worker::knows_path(std::string_view path) const {
  return path == "/" || serves_path(*runtime_->snapshot, path);
}

void Worker::connection_created(const upstream::Shared& shared) {
  if (const auto place = places_.find(&shared); place != places_.end()) {
    metrics_.connection_created(slot_of(place->second));
  }
}

void Worker::connection_closed(const upstream::Shared& shared, upstream::CloseReason reason) {
  if (const auto place = places_.find(&shared); place != places_.end()) {
    metrics_.connection_closed(slot_of(place->second), static_cast<std::size_t>(reason));
  }
}

metrics::UpstreamSlot Worker::slot_of(Place place) const {
  return runtime_->snapshot->chains[place.chain].upstreams[place.upstream].slot;
}

}  // namespace sluice::proxy

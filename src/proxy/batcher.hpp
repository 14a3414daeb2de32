// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "metrics/worker_metrics.hpp"
#include "net/ref.hpp"
#include "policy/batching.hpp"
#include "upstream/pool.hpp"

namespace sluice::proxy {

class Call;
class Worker;
struct UpstreamSpec;

/// Gathers the calls that one event sets going, such as a client's batch, and sends those for one
/// upstream together, as far as its rule allows. Part of its worker, on its thread; holds calls no
/// longer than the event lasts. Chooses no upstream and knows no reply.
class Batcher {
 public:
  explicit Batcher(Worker& worker) noexcept : worker_(worker) {}
  Batcher(const Batcher&) = delete;
  Batcher& operator=(const Batcher&) = delete;

  /// While one lives, calls are gathered; they leave when the outermost ends.
  class Scope {
   public:
    explicit Scope(Batcher& batcher) noexcept : batcher_(batcher) { ++batcher_.depth_; }
    ~Scope() {
      if (batcher_.depth_ == 1) batcher_.send_all();
      --batcher_.depth_;
    }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Batcher& batcher_;
  };

  [[nodiscard]] bool gathering() const noexcept { return depth_ != 0; }
  /// Whether it takes a call for that upstream now.
  [[nodiscard]] bool takes(const UpstreamSpec& upstream, TimePoint now) const noexcept;
  /// `fresh`: over a connection that has served nobody yet.
  void add(Call& call, upstream::Pool& pool, const UpstreamSpec& upstream, bool fresh);
  /// Calls for that pool are being gathered, and it takes more of them.
  [[nodiscard]] bool has_begun_and_takes(const upstream::Pool& pool) const noexcept;
  /// The call is gone before it has left.
  void remove(const Call& call);

 private:
  struct Gathered {
    net::Ref<upstream::Pool> pool;
    metrics::UpstreamSlot slot;
    policy::BatchRule rule;
    bool fresh = false;
    std::vector<Call*> calls;
  };

  void send_all();
  [[nodiscard]] std::size_t find(const upstream::Pool& pool, bool fresh) const noexcept;
  void send_some(Gathered& from);
  [[nodiscard]] static Call& take_first(Gathered& from);
  void send_together(Gathered& from, std::size_t count, TimePoint now);

  Worker& worker_;
  std::uint32_t depth_ = 0;
  /// Grows while its last entry is being sent: calls that end set others going.
  std::deque<Gathered> gathered_;
};

}  // namespace sluice::proxy

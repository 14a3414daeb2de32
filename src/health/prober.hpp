// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/loop.hpp"
#include "policy/health.hpp"
#include "upstream/connection.hpp"
#include "upstream/shared.hpp"

namespace sluice::health {

enum class ProbeOutcome : std::uint8_t {
  kOk,
  kConnect,
  kTimeout,
  kBadReply,
  kWrongChain,
  /// Over its rate limit: it lives, and says nothing else.
  kThrottled,
  kCount,
};
[[nodiscard]] std::string_view word(ProbeOutcome outcome) noexcept;

struct ProbeResult {
  ProbeOutcome outcome = ProbeOutcome::kOk;
  std::uint64_t head = 0;
  /// Asked in this probe.
  std::optional<std::uint64_t> chain_id;
  bool syncing = false;
  std::uint32_t calls = 0;
  /// Of the eth_blockNumber exchange.
  Duration latency{0};
  /// Of the exchange in the class that was asked for; zero when none was.
  Duration class_time{0};
};

/// Probes one upstream on a connection of its own: eth_chainId while that is not proven and now and
/// then again, eth_blockNumber, eth_syncing now and then, and a call of a class that failed. One
/// probe at a time. Control thread only; owned by the monitor.
class Prober final : public upstream::AttemptSink {
 public:
  using Done = std::function<void(const ProbeResult&)>;

  Prober(net::Loop& loop, std::shared_ptr<upstream::Shared> target);
  ~Prober() override;

  /// What DNS answers go to.
  [[nodiscard]] const std::shared_ptr<upstream::Shared>& own() const noexcept { return own_; }
  [[nodiscard]] bool busy() const noexcept { return done_ != nullptr; }
  struct Questions {
    bool chain_id = false;
    bool syncing = false;
    /// Of a method class; empty: none. They outlive the probe.
    std::string_view class_method, class_params;
  };
  void probe(const Questions& questions, Duration timeout, Done done);
  void stop();

  [[nodiscard]] bool judge(const upstream::ReplyHead& head, std::string_view body) override;
  void on_reply() override;
  void on_failure(const upstream::Failure& failure) override;
  [[nodiscard]] bool stream_begin(const upstream::ReplyHead& /*head*/) override { return false; }
  [[nodiscard]] bool stream_data(std::string_view /*bytes*/) override { return false; }
  [[nodiscard]] bool stream_end() override { return false; }

 private:
  enum class Step : std::uint8_t { kChainId, kBlockNumber, kSyncing, kClass };
  class Owner;

  void next();
  void send();
  void finish(ProbeOutcome outcome);
  [[nodiscard]] bool take(std::string_view result);

  net::Loop& loop_;
  /// A Shared of its own, so that probes touch neither the permits nor the counts of live traffic.
  std::shared_ptr<upstream::Shared> own_;
  net::Ref<Owner> owner_;
  net::Ref<upstream::Connection> connection_;
  std::vector<Step> steps_;
  std::size_t step_ = 0;
  Done done_;
  ProbeResult result_;
  Duration timeout_{0};
  TimePoint sent_at_{};
  std::uint64_t id_ = 0;
  Questions questions_;
  bool sound_ = false;
  /// The reply shows no fault of the node's, be it an error.
  bool faultless_ = false;
  bool throttled_ = false;
  std::string reply_;
};

}  // namespace sluice::health

// SPDX-License-Identifier: Apache-2.0
#include "health/prober.hpp"

#include <array>
#include <utility>

#include "ethereum/hex.hpp"
#include "jsonrpc/reply.hpp"

namespace sluice::health {

std::string_view word(ProbeOutcome outcome) noexcept {
  constexpr std::array<std::string_view, static_cast<std::size_t>(ProbeOutcome::kCount)> kWords = {
      "ok", "connect_failed", "timeout", "bad_reply", "wrong_chain", "throttled"};
  return kWords[static_cast<std::size_t>(outcome)];
}

/// Owns nothing but the knowledge that the connection is idle or gone.
class Prober::Owner final : public upstream::ConnectionOwner {
 public:
  explicit Owner(Prober* prober) : prober_(prober) {}
  void forget() noexcept { prober_ = nullptr; }
  void connection_idle(upstream::Connection& /*connection*/) override {}
  void connection_closed(upstream::Connection& connection,
                         upstream::CloseReason /*reason*/) override {
    if (prober_ != nullptr && prober_->connection_.get() == &connection)
      prober_->connection_ = nullptr;
  }

 private:
  Prober* prober_;
};

Prober::Prober(net::Loop& loop, std::shared_ptr<upstream::Shared> target)
    : loop_(loop),
      own_(std::make_shared<upstream::Shared>(target->options(), target->tls(),
                                              std::make_shared<upstream::Ceiling>())),
      owner_(new Owner(this)) {}

Prober::~Prober() {
  stop();
  owner_->forget();
}

void Prober::stop() {
  done_ = nullptr;
  const auto connection = std::exchange(connection_, nullptr);
  if (connection == nullptr) return;
  connection->abandon();
  connection->close(upstream::CloseReason::kRetired);
}

void Prober::probe(bool ask_chain_id, bool ask_syncing, Duration timeout, Done done) {
  steps_.clear();
  if (ask_chain_id) steps_.push_back(Step::kChainId);
  steps_.push_back(Step::kBlockNumber);
  if (ask_syncing) steps_.push_back(Step::kSyncing);
  step_ = 0;
  timeout_ = timeout;
  result_ = {};
  done_ = std::move(done);
  next();
}

void Prober::next() {
  if (step_ == steps_.size()) {
    finish(ProbeOutcome::kOk);
    return;
  }
  constexpr std::array<std::string_view, 3> kMethods = {"eth_chainId", "eth_blockNumber",
                                                        "eth_syncing"};
  send(kMethods[static_cast<std::size_t>(steps_[step_])]);
}

void Prober::send(std::string_view method) {
  sent_at_ = now();
  ++result_.calls;
  if (connection_ == nullptr || connection_->state() != upstream::Connection::State::kIdle) {
    connection_ = new upstream::Connection(loop_, own_, owner_);
    connection_->connect(sent_at_);
  }
  connection_->start({++id_, method, "[]"}, *this, sent_at_ + timeout_);
}

bool Prober::judge(const upstream::ReplyHead& head, std::string_view body) {
  const auto view = jsonrpc::parse_reply(body);
  sound_ = view.valid && jsonrpc::id_equals(view.id, id_) && !view.is_error && head.status == 200;
  throttled_ = head.status == 429;
  reply_.assign(sound_ ? view.result : std::string_view());
  return sound_;
}

void Prober::on_reply() {
  if (throttled_) {
    finish(ProbeOutcome::kThrottled);
    return;
  }
  if (steps_[step_] == Step::kBlockNumber) result_.latency = now() - sent_at_;
  // eth_syncing is missing on some nodes; what it says is a hint only.
  if (steps_[step_] != Step::kSyncing && (!sound_ || !take(reply_))) {
    finish(ProbeOutcome::kBadReply);
    return;
  }
  if (steps_[step_] == Step::kSyncing) result_.syncing = sound_ && reply_.starts_with('{');
  ++step_;
  next();
}

bool Prober::take(std::string_view result) {
  if (result.size() < 2 || result.front() != '"') return false;
  const auto value = ethereum::parse_quantity(result.substr(1, result.size() - 2));
  if (!value) return false;
  if (steps_[step_] == Step::kChainId) {
    result_.chain_id = *value;
  } else {
    result_.head = *value;
  }
  return true;
}

void Prober::on_failure(const upstream::Failure& failure) {
  using Kind = upstream::Failure::Kind;
  connection_ = nullptr;
  if (failure.stale) {
    send(steps_[step_] == Step::kChainId       ? "eth_chainId"
         : steps_[step_] == Step::kBlockNumber ? "eth_blockNumber"
                                               : "eth_syncing");
    return;
  }
  const bool connect = failure.kind == Kind::kConnect || failure.kind == Kind::kConnectTimeout ||
                       failure.kind == Kind::kTls;
  const bool timeout = failure.kind == Kind::kTimeout;
  finish(connect   ? ProbeOutcome::kConnect
         : timeout ? ProbeOutcome::kTimeout
                   : ProbeOutcome::kBadReply);
}

void Prober::finish(ProbeOutcome outcome) {
  result_.outcome = outcome;
  const Done done = std::exchange(done_, nullptr);
  if (done) done(result_);
}

}  // namespace sluice::health

// SPDX-License-Identifier: Apache-2.0
#include "health/prober.hpp"

#include <array>
#include <utility>

#include "ethereum/classify.hpp"
#include "ethereum/hex.hpp"
#include "ethereum/method.hpp"
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
  void connection_idle(upstream::Connection& /*connection*/, Duration /*took*/) override {}
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

void Prober::probe(const Questions& questions, Duration timeout, Done done) {
  questions_ = questions;
  steps_.clear();
  if (questions.chain_id) steps_.push_back(Step::kChainId);
  steps_.push_back(Step::kBlockNumber);
  if (questions.syncing) steps_.push_back(Step::kSyncing);
  if (!questions.class_method.empty()) steps_.push_back(Step::kClass);
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
  send();
}

void Prober::send() {
  const std::array<std::string_view, 4> methods = {"eth_chainId", "eth_blockNumber", "eth_syncing",
                                                   questions_.class_method};
  const Step step = steps_[step_];
  sent_at_ = now();
  ++result_.calls;
  if (connection_ == nullptr || connection_->state() != upstream::Connection::State::kIdle) {
    connection_ = new upstream::Connection(loop_, own_, owner_);
    connection_->connect(sent_at_);
  }
  connection_->start({++id_, methods[static_cast<std::size_t>(step)],
                      step == Step::kClass ? questions_.class_params : "[]"},
                     *this, sent_at_ + timeout_);
}

bool Prober::judge(const upstream::ReplyHead& head, std::string_view body) {
  const auto view = jsonrpc::parse_reply(body);
  const bool own = view.valid && jsonrpc::id_equals(view.id, id_);
  sound_ = own && !view.is_error && head.status == 200;
  throttled_ = head.status == 429;
  faultless_ = sound_;
  if (own && view.is_error && step_ < steps_.size() && steps_[step_] == Step::kClass) {
    const auto outcome =
        ethereum::classify(ethereum::find(questions_.class_method), {.http_status = head.status,
                                                                     .is_error = true,
                                                                     .code = view.code,
                                                                     .message = view.message,
                                                                     .data = view.data,
                                                                     .result = {}});
    faultless_ = !ethereum::action(outcome).counts_as_failure;
  }
  reply_.assign(sound_ ? view.result : std::string_view());
  return sound_;
}

void Prober::on_reply() {
  if (throttled_) {
    finish(ProbeOutcome::kThrottled);
    return;
  }
  const Step step = steps_[step_];
  if (step == Step::kBlockNumber) result_.latency = now() - sent_at_;
  if (step == Step::kClass) result_.class_time = now() - sent_at_;
  // eth_syncing is missing on some nodes; what it says is a hint only.
  const bool told = step == Step::kSyncing || (step == Step::kClass && faultless_) ||
                    (step != Step::kClass && sound_ && take(reply_));
  if (!told) {
    finish(ProbeOutcome::kBadReply);
    return;
  }
  if (step == Step::kSyncing) result_.syncing = sound_ && reply_.starts_with('{');
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
    send();
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

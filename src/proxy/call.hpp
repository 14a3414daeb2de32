// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/recycled.hpp"
#include "ethereum/block_ref.hpp"
#include "ethereum/classify.hpp"
#include "frontend/handler.hpp"
#include "jsonrpc/reply.hpp"
#include "jsonrpc/reply_stream.hpp"
#include "jsonrpc/splitter.hpp"
#include "net/timer_wheel.hpp"
#include "policy/balance/balancer.hpp"
#include "policy/queue.hpp"
#include "policy/retry.hpp"
#include "proxy/attempt.hpp"
#include "proxy/fitness.hpp"
#include "proxy/words.hpp"
#include "upstream/attempt.hpp"
#include "upstream/class_board.hpp"
#include "upstream/connection.hpp"

namespace sluice::proxy {

class Exchange;
class Hedge;
class UpstreamBatch;
struct ChainRuntime;
struct ChainShared;
struct UpstreamSpec;

/// What a strategy is to learn of a reply.
[[nodiscard]] policy::Ended ended(ethereum::Outcome outcome) noexcept;

/// Reads a reply that should be the one to `wire_id`. Returns whether the connection that it came
/// on may carry further calls.
[[nodiscard]] bool judge_reply(std::string_view body, std::uint64_t wire_id,
                               const upstream::ReplyHead& head, jsonrpc::ReplyView& view);

/// One JSON-RPC call on its way: admitted, answered here or routed, attempted, judged, maybe
/// attempted again, replied. Part of its exchange and on its worker's thread. Exactly one end:
/// finish(), or a stream's end. Decisions are taken in policy/ and ethereum/; this shell asks them
/// and does what they say.
class Call final : public upstream::AttemptSink,
                   public frontend::StreamSource,
                   public Recycled<Call, 256> {
 public:
  Call(Exchange& exchange, const jsonrpc::CallView& view, std::size_t position);
  ~Call() override;
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  void start();
  /// Capacity has become free for a call that waited: route again, `together` with others if it
  /// may. False when it waits again.
  [[nodiscard]] bool granted(bool together);
  /// The queue has ended its wait, with nothing.
  void sent_away(policy::WaitEnd end);
  /// Gives up, without a reply.
  void cut();
  /// Out of the queue, to be granted at once; false when a grant is on its way already.
  [[nodiscard]] bool leave_queue();
  [[nodiscard]] const ChainShared& waits_for() const noexcept;

  [[nodiscard]] std::size_t position() const noexcept { return position_; }
  [[nodiscard]] bool notification() const noexcept { return id_.empty(); }
  /// As in its reply.
  [[nodiscard]] std::string_view reply_id() const noexcept {
    return id_.empty() ? std::string_view("null") : id_;
  }
  [[nodiscard]] std::uint32_t attempts() const noexcept { return attempts_; }
  /// The upstream that the reply came from; empty when Sluice answered.
  [[nodiscard]] std::string_view upstream_name() const noexcept;

  // For batches that it leaves in.
  [[nodiscard]] std::string_view method_name() const noexcept { return method_name_; }
  [[nodiscard]] std::string_view params() const noexcept { return params_; }
  /// Begins its attempt in the batch.
  void join(UpstreamBatch& batch, TimePoint now);
  /// Its attempt has failed if it is still in the batch then.
  void leave_batch_at(TimePoint until) { set_timer(until); }
  /// After gathering: nobody goes with it.
  void send_alone(TimePoint now);
  /// Its part of the upstream's array, or what holds for all of the batch's `calls`; `echo`: of a
  /// failure that another call has told of.
  void on_batched_reply(const upstream::ReplyHead& head, const jsonrpc::ReplyView& reply,
                        std::uint32_t calls, bool echo);
  /// The upstream did not answer it in a batch.
  void resend_alone();

  [[nodiscard]] bool may_hedge() const noexcept;
  /// Begins a second attempt if the first is late enough and the budget allows.
  void consider_hedge(TimePoint now);
  // For its hedge.
  [[nodiscard]] ethereum::Outcome classify(const upstream::ReplyHead& head,
                                           const jsonrpc::ReplyView& view) const;
  [[nodiscard]] std::unique_ptr<Hedge> release_hedge() noexcept;
  void adopt(Hedge& hedge);
  void on_hedge_reply(Hedge& hedge);
  void on_hedge_failure(Hedge& hedge, const upstream::Failure& failure);

  // AttemptSink
  [[nodiscard]] bool judge(const upstream::ReplyHead& head, std::string_view body) override;
  void on_reply() override;
  void on_failure(const upstream::Failure& failure) override;
  void on_moved(upstream::Connection& connection) override { connection_ = &connection; }
  void on_sent(TimePoint now) override { attempt_.leave(now); }
  [[nodiscard]] bool may_move() const override;
  [[nodiscard]] bool may_hold(std::uint64_t bytes) override;
  [[nodiscard]] bool stream_begin(const upstream::ReplyHead& head) override;
  [[nodiscard]] bool stream_data(std::string_view bytes) override;
  [[nodiscard]] bool stream_end() override;

  // StreamSource
  void client_writable() override;
  void client_gone() override;

 private:
  [[nodiscard]] bool admit();
  [[nodiscard]] bool answer_locally();
  void answer(std::string_view result);

  void route(TimePoint now);
  [[nodiscard]] policy::UpstreamSet eligible(policy::UpstreamSet among, TimePoint now,
                                             Fit least) const;
  [[nodiscard]] policy::UpstreamSet untried() const noexcept { return allowed_ & ~tried_; }
  [[nodiscard]] policy::UpstreamSet without_returning(policy::UpstreamSet set) const;
  [[nodiscard]] bool fit(std::size_t upstream, TimePoint now, Fit least) const;
  [[nodiscard]] Obstacle what_bars(std::size_t upstream, TimePoint now, Fit least) const;
  [[nodiscard]] TimePoint attempt_deadline(TimePoint now) const;
  [[nodiscard]] std::optional<std::uint32_t> pick(policy::UpstreamSet among, TimePoint now);
  [[nodiscard]] std::optional<std::uint32_t> pick_among(policy::UpstreamSet among, TimePoint now);
  /// The same, and tells the exchange why.
  [[nodiscard]] std::optional<std::uint32_t> pick_in_words(policy::UpstreamSet among,
                                                           TimePoint now);
  [[nodiscard]] std::string choice_words(policy::UpstreamSet among, TimePoint now) const;
  [[nodiscard]] bool attempt(std::uint32_t upstream, TimePoint now, bool fresh);
  [[nodiscard]] bool may_gather(const UpstreamSpec& upstream, TimePoint now, bool fresh) const;
  void count_against_rate(TimePoint now);
  void begin_attempt(TimePoint now);
  void begin(Attempt& attempt, std::uint32_t upstream, TimePoint now);
  /// Ends whatever is under way for it, without an outcome.
  void let_go();
  void let_go_of_first();
  [[nodiscard]] bool first_under_way() const noexcept;
  [[nodiscard]] bool hedge_under_way() const noexcept;
  void hedge(std::uint32_t upstream, TimePoint now);
  void drop_hedge();
  void count_hedge(HedgeOutcome outcome);
  void wait(policy::UpstreamSet among, TimePoint now);
  [[nodiscard]] bool await_first_probe(TimePoint now);
  void start_waiting(TimePoint now, TimePoint until);
  void set_timer(TimePoint until);
  void on_wait_over();
  [[nodiscard]] std::uint64_t sharing_client() const noexcept;
  void account_wait(TimePoint now);
  void shed(QueueReject reason);
  void wait_timed_out(TimePoint now);
  void no_upstream();

  /// Returns what the node needed.
  Duration end(Attempt& attempt, std::size_t outcome, policy::Ended ended, TimePoint now);
  /// The same for the latest, whose time the call has waited for.
  Duration account_attempt(std::size_t outcome, policy::Ended ended, TimePoint now);
  [[nodiscard]] policy::PickContext pick_context(TimePoint now) const;
  [[nodiscard]] policy::CallFeatures features() const;
  void judge_outcome(TimePoint now);
  [[nodiscard]] bool retry(policy::FailedAttempt failed, RetryReason reason, TimePoint now);
  [[nodiscard]] Duration usual_among(policy::UpstreamSet set) const;
  [[nodiscard]] bool worth_retrying(const ethereum::Action& action) const;
  void retry_now();
  /// The best error so far, in case nothing better comes.
  void keep_reply(const jsonrpc::ReplyView& reply, ethereum::Outcome outcome,
                  std::uint32_t upstream);
  void deliver();
  [[nodiscard]] bool fails_as_unknown_write();
  void deliver_error_after(const upstream::Failure& failure);
  [[nodiscard]] bool deliver_accepted();
  [[nodiscard]] bool had_fair_time(const Attempt& attempt, upstream::Failure::Kind kind,
                                   TimePoint now) const;
  /// How an attempt of this call ended, for its upstream's standing.
  struct Seen {
    std::uint32_t upstream = 0;
    ethereum::Outcome outcome = ethereum::Outcome::kOk;
    std::uint32_t retry_after_s = 0;
    std::string_view result;
    Duration took{0};
  };
  [[nodiscard]] Seen seen(Duration took) const noexcept;
  void learn(const Seen& seen, TimePoint now);
  /// Returns how the attempt ended for the strategy.
  policy::Ended learn_failure(const Attempt& attempt, const upstream::Failure& failure,
                              TimePoint now);
  void on_bad_stream();
  /// The reply has begun and turned out bad: the client sees that it is cut.
  void cut_stream();

  void fail(CallOutcome outcome, int status, int code, std::string_view text,
            std::string_view reason, Duration retry_after = Duration::zero());
  void finish(CallOutcome outcome, std::span<const std::string_view> pieces, int status, int code);
  void account(CallOutcome outcome, int status, int code, std::uint64_t bytes_out);
  [[nodiscard]] ChainRuntime& chain() const noexcept { return chain_; }

  Exchange& exchange_;
  ChainRuntime& chain_;
  const std::size_t position_;
  std::string_view id_;
  std::string_view method_name_;
  std::string_view params_;
  /// The method's name when it was escaped on the wire, and params that had to be rewritten.
  std::string method_copy_;
  std::string params_copy_;
  int local_error_ = 0;
  std::string_view local_error_text_;

  const ethereum::Method* method_ = nullptr;
  ethereum::BlockRef block_;
  policy::UpstreamSet allowed_ = 0;
  policy::UpstreamSet tried_ = 0;
  std::optional<std::uint32_t> pinned_;

  TimePoint started_{};
  TimePoint deadline_{};
  Duration upstream_time_{};
  Duration queue_time_{};
  TimePoint queued_at_{};
  policy::RetryState retry_state_;
  std::optional<policy::WaitHandle> waiting_;
  std::uint64_t wait_key_ = 0;
  bool awaiting_probe_ = false;
  std::optional<net::Deadline> timer_;
  bool backing_off_ = false;

  net::Ref<upstream::Connection> connection_;
  /// In place of a connection of its own.
  net::Ref<UpstreamBatch> batch_;
  /// With the worker's batcher, which will send it.
  bool gathered_ = false;
  /// Taken from the upstream's rate already, for the attempt that is to begin.
  bool counted_ = false;
  /// Is not to be gathered.
  bool alone_ = false;
  /// The latest one.
  Attempt attempt_;
  std::uint32_t attempts_ = 0;
  bool null_retried_ = false;
  /// A call has one hedge at most.
  bool hedged_ = false;
  std::unique_ptr<Hedge> hedge_;
  bool done_ = false;

  upstream::ReplyHead head_;
  jsonrpc::ReplyView view_;
  ethereum::Outcome outcome_ = ethereum::Outcome::kOk;
  /// The best error that a node gave, in case no other does better.
  std::string kept_error_;
  ethereum::Outcome kept_outcome_ = ethereum::Outcome::kUnknownError;
  std::uint32_t kept_upstream_ = 0;
  std::int64_t kept_code_ = 0;
  bool kept_is_error_ = true;

  std::unique_ptr<jsonrpc::ReplyStream> stream_;
  bool stream_begun_ = false;
  std::uint64_t stream_bytes_ = 0;
};

}  // namespace sluice::proxy

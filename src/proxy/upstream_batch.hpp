// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "jsonrpc/reply.hpp"
#include "metrics/worker_metrics.hpp"
#include "net/ref.hpp"
#include "upstream/attempt.hpp"
#include "upstream/connection.hpp"

namespace sluice::proxy {

class Call;
class Worker;

/// Several calls that leave for one upstream as one JSON-RPC batch: takes the upstream's array
/// apart and hands each call its own reply, so that to a call it is an attempt like any other. On
/// its worker's thread, kept by its calls and, from send() to the end, by itself. Calls may drop()
/// out at any time. Does not retry: calls that an upstream did not answer in the batch are sent
/// alone, those that failed decide for themselves.
class UpstreamBatch final : public upstream::AttemptSink, public net::RefCounted {
 public:
  UpstreamBatch(Worker& worker, std::shared_ptr<upstream::Shared> shared,
                metrics::UpstreamSlot slot);

  /// Before send(). Wire ids must rise by one from call to call; `until`: how long it may take.
  void add(Call& call, std::uint64_t wire_id, TimePoint until);
  /// Follows at least one add().
  void send(upstream::Connection& connection);
  /// The call is gone; when it was the last, so is the attempt.
  void drop(const Call& call);

  // AttemptSink
  [[nodiscard]] bool judge(const upstream::ReplyHead& head, std::string_view body) override;
  void on_reply() override;
  void on_failure(const upstream::Failure& failure) override;
  void on_moved(upstream::Connection& connection) override { connection_ = &connection; }
  void on_sent(TimePoint now) override;
  [[nodiscard]] bool may_move() const override;
  [[nodiscard]] bool may_hold(std::uint64_t bytes) override;
  [[nodiscard]] bool stream_begin(const upstream::ReplyHead& /*head*/) override { return false; }
  [[nodiscard]] bool stream_data(std::string_view /*bytes*/) override { return false; }
  [[nodiscard]] bool stream_end() override { return false; }

 private:
  struct Member {
    Call* call = nullptr;
    TimePoint until;
    jsonrpc::ReplyView reply;
    /// Seen more than once: whose reply it is cannot be told.
    bool repeated = false;
  };
  enum class Verdict : std::uint8_t {
    kAnswered,    ///< an array; each call has what is in it for it
    kRefused,     ///< the upstream does not take this batch
    kOneForAll,   ///< an HTTP status that would have been each call's
    kUnreadable,  ///< nothing in it can be believed
  };

  [[nodiscard]] bool read_array(std::string_view body);
  [[nodiscard]] Member* member_of(std::string_view raw_id);
  /// `told`: whether a call has been told of the failure that all share.
  void finish_member(Member& member, bool& told);
  void note_refusal();

  Worker& worker_;
  const std::shared_ptr<upstream::Shared> shared_;
  const metrics::UpstreamSlot slot_;
  net::Ref<upstream::Connection> connection_;
  net::Ref<UpstreamBatch> self_;
  std::uint64_t first_wire_id_ = 0;
  std::vector<Member> members_;
  std::string body_;
  upstream::ReplyHead head_;
  Verdict verdict_ = Verdict::kUnreadable;
  bool unanswered_ = false;
};

}  // namespace sluice::proxy

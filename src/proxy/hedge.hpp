// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

#include "ethereum/classify.hpp"
#include "jsonrpc/reply.hpp"
#include "proxy/attempt.hpp"
#include "upstream/attempt.hpp"
#include "upstream/class_board.hpp"
#include "upstream/connection.hpp"

namespace sluice::proxy {

class Call;

/// A second attempt of a call, beside a first one that is late. Whichever is answered well first
/// counts. Once its call has taken it over it only passes on what its connection tells. Owned by
/// its call, on its worker's thread; lets go of its connection when it dies. Decides nothing: when
/// to hedge is policy::hedge_now()'s to say, what a reply is worth its call's.
class Hedge final : public upstream::AttemptSink {
 public:
  explicit Hedge(Call& call) noexcept : call_(call) {}
  ~Hedge() override;
  Hedge(const Hedge&) = delete;
  Hedge& operator=(const Hedge&) = delete;

  void start(upstream::Connection& connection, std::string_view method, std::string_view params,
             TimePoint deadline);
  /// From now on its attempt is the call's own. Null once the attempt has ended.
  [[nodiscard]] net::Ref<upstream::Connection> take_over() noexcept;
  [[nodiscard]] bool taken_over() const noexcept { return taken_over_; }

  [[nodiscard]] Attempt& attempt() noexcept { return attempt_; }
  [[nodiscard]] const upstream::ReplyHead& head() const noexcept { return head_; }
  [[nodiscard]] const jsonrpc::ReplyView& reply() const noexcept { return view_; }
  /// Of the reply.
  [[nodiscard]] ethereum::Outcome outcome() const noexcept { return outcome_; }

  // AttemptSink
  [[nodiscard]] bool judge(const upstream::ReplyHead& head, std::string_view body) override;
  void on_reply() override;
  void on_failure(const upstream::Failure& failure) override;
  void on_moved(upstream::Connection& connection) override;
  void on_sent(TimePoint now) override;
  [[nodiscard]] bool may_move() const override;
  [[nodiscard]] bool may_hold(std::uint64_t bytes) override;
  [[nodiscard]] bool stream_begin(const upstream::ReplyHead& head) override;
  [[nodiscard]] bool stream_data(std::string_view bytes) override;
  [[nodiscard]] bool stream_end() override;

 private:
  Call& call_;
  Attempt attempt_;
  net::Ref<upstream::Connection> connection_;
  bool taken_over_ = false;
  upstream::ReplyHead head_;
  jsonrpc::ReplyView view_;
  ethereum::Outcome outcome_ = ethereum::Outcome::kOk;
};

}  // namespace sluice::proxy

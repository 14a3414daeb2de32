// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

#include "jsonrpc/reply.hpp"
#include "policy/balance/balancer.hpp"
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
  Hedge(Call& call, std::uint32_t upstream, std::uint64_t wire_id, const policy::Ticket& ticket,
        upstream::Underway underway, TimePoint started) noexcept
      : call_(call),
        upstream_(upstream),
        wire_id_(wire_id),
        started_(started),
        ticket_(ticket),
        underway_(std::move(underway)) {}
  ~Hedge() override;
  Hedge(const Hedge&) = delete;
  Hedge& operator=(const Hedge&) = delete;

  void start(upstream::Connection& connection, std::string_view method, std::string_view params,
             TimePoint deadline);
  /// From now on its attempt is the call's own. Null once the attempt has ended.
  [[nodiscard]] net::Ref<upstream::Connection> take_over() noexcept;
  [[nodiscard]] bool taken_over() const noexcept { return taken_over_; }

  [[nodiscard]] std::uint32_t upstream() const noexcept { return upstream_; }
  [[nodiscard]] std::uint64_t wire_id() const noexcept { return wire_id_; }
  [[nodiscard]] TimePoint started() const noexcept { return started_; }
  [[nodiscard]] policy::Ticket take_ticket() noexcept { return std::exchange(ticket_, {}); }
  [[nodiscard]] upstream::Underway take_underway() noexcept { return std::move(underway_); }
  [[nodiscard]] const upstream::ReplyHead& head() const noexcept { return head_; }
  [[nodiscard]] const jsonrpc::ReplyView& reply() const noexcept { return view_; }

  // AttemptSink
  [[nodiscard]] bool judge(const upstream::ReplyHead& head, std::string_view body) override;
  void on_reply() override;
  void on_failure(const upstream::Failure& failure) override;
  void on_moved(upstream::Connection& connection) override;
  [[nodiscard]] bool may_move() const override;
  [[nodiscard]] bool may_hold(std::uint64_t bytes) override;
  [[nodiscard]] bool stream_begin(const upstream::ReplyHead& head) override;
  [[nodiscard]] bool stream_data(std::string_view bytes) override;
  [[nodiscard]] bool stream_end() override;

 private:
  Call& call_;
  const std::uint32_t upstream_;
  const std::uint64_t wire_id_;
  const TimePoint started_;
  policy::Ticket ticket_;
  upstream::Underway underway_;
  net::Ref<upstream::Connection> connection_;
  bool taken_over_ = false;
  upstream::ReplyHead head_;
  jsonrpc::ReplyView view_;
};

}  // namespace sluice::proxy

// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream_batch.hpp"

#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "jsonrpc/reply_array.hpp"
#include "jsonrpc/write.hpp"
#include "proxy/call.hpp"
#include "proxy/worker.hpp"

namespace sluice::proxy {

namespace {

/// How long an upstream that did not take a batch gets its calls one by one.
constexpr Duration kRefusalLasts = std::chrono::minutes(10);

/// Statuses that say the same of each call: no access, too many, broken.
bool holds_for_each(int status) noexcept {
  return status == 401 || status == 403 || status == 429 || status >= 500;
}

}  // namespace

UpstreamBatch::UpstreamBatch(Worker& worker, std::shared_ptr<upstream::Shared> shared,
                             metrics::UpstreamSlot slot)
    : worker_(worker), shared_(std::move(shared)), slot_(slot) {}

void UpstreamBatch::add(Call& call, std::uint64_t wire_id, TimePoint until) {
  if (members_.empty()) first_wire_id_ = wire_id;
  members_.push_back({.call = &call, .until = until, .reply = {}});
  body_.push_back(body_.empty() ? '[' : ',');
  jsonrpc::append_request(body_, wire_id, call.method_name(), upstream::sent_params(call.params()));
}

void UpstreamBatch::send(upstream::Connection& connection) {
  self_ = this;
  TimePoint deadline = TimePoint::min();
  for (const Member& member : members_) deadline = std::max(deadline, member.until);
  // Who has less time than others leaves before them.
  for (const Member& member : members_) {
    if (member.until < deadline) member.call->leave_batch_at(member.until);
  }
  connection_ = &connection;
  if (connection.connected()) on_sent(worker_.loop().recent());
  body_.push_back(']');
  connection.start({.batch = body_, .calls = static_cast<std::uint32_t>(members_.size())}, *this,
                   deadline);
}

void UpstreamBatch::drop(const Call& call) {
  const net::Ref<UpstreamBatch> hold(this);
  for (Member& member : members_) {
    if (member.call == &call) member.call = nullptr;
  }
  const bool wanted =
      std::ranges::any_of(members_, [](const Member& member) { return member.call != nullptr; });
  if (wanted || connection_ == nullptr) return;
  std::exchange(connection_, nullptr)->abandon();
  self_ = nullptr;
}

bool UpstreamBatch::judge(const upstream::ReplyHead& head, std::string_view body) {
  head_ = head;
  if (jsonrpc::ReplyArray(body).is_array()) {
    const bool clean = read_array(body);
    return clean && verdict_ == Verdict::kAnswered;
  }
  const bool readable = jsonrpc::parse_reply(body).valid;
  if (holds_for_each(head.status)) {
    verdict_ = Verdict::kOneForAll;
  } else if (readable || head.status != 200) {
    verdict_ = Verdict::kRefused;
  }
  return readable || head.status != 200;
}

bool UpstreamBatch::read_array(std::string_view body) {
  jsonrpc::ReplyArray replies(body);
  bool clean = true;
  while (const auto reply = replies.next()) {
    Member* const member = reply->valid ? member_of(reply->id) : nullptr;
    if (member == nullptr) {
      clean = false;
    } else if (member->reply.valid) {
      member->repeated = true;
      clean = false;
    } else {
      member->reply = *reply;
    }
  }
  if (replies.complete()) verdict_ = Verdict::kAnswered;
  return clean;
}

UpstreamBatch::Member* UpstreamBatch::member_of(std::string_view raw_id) {
  const auto id = jsonrpc::plain_id(raw_id);
  if (!id || *id - first_wire_id_ >= members_.size()) return nullptr;
  return &members_[*id - first_wire_id_];
}

void UpstreamBatch::on_reply() {
  const net::Ref<UpstreamBatch> hold(this);
  connection_ = nullptr;
  self_ = nullptr;
  for (const Member& member : members_) unanswered_ = unanswered_ || !member.reply.valid;
  const bool refused = verdict_ == Verdict::kRefused;
  if (refused || (verdict_ == Verdict::kAnswered && unanswered_)) note_refusal();
  worker_.metrics().upstream_batch(
      slot_,
      static_cast<std::size_t>(refused                          ? BatchOutcome::kRefused
                               : verdict_ == Verdict::kAnswered ? BatchOutcome::kOk
                                                                : BatchOutcome::kFailed),
      members_.size());
  const Batcher::Scope gather(worker_.batcher());
  bool told = false;
  for (Member& member : members_) {
    if (member.call != nullptr) finish_member(member, told);
  }
}

void UpstreamBatch::finish_member(Member& member, bool& told) {
  Call& call = *std::exchange(member.call, nullptr);
  const auto calls = static_cast<std::uint32_t>(members_.size());
  switch (verdict_) {
    case Verdict::kAnswered:
      if (member.reply.valid && !member.repeated) {
        call.on_batched_reply(head_, member.reply, calls, false);
        return;
      }
      [[fallthrough]];
    case Verdict::kRefused:
      call.resend_alone();
      return;
    case Verdict::kOneForAll:
      call.on_batched_reply(head_, {}, calls, std::exchange(told, true));
      return;
    case Verdict::kUnreadable:
      call.on_failure({.kind = upstream::Failure::Kind::kProtocol,
                       .maybe_sent = true,
                       .echo = std::exchange(told, true)});
      return;
  }
}

void UpstreamBatch::note_refusal() {
  const TimePoint until = worker_.loop().recent() + kRefusalLasts;
  shared_->unbatched_until_ns.store(until.time_since_epoch().count(), std::memory_order_relaxed);
  log::info("batch_refused",
            "the upstream did not take a batch; its calls go one by one for ten minutes",
            {{"chain", shared_->options().chain}, {"upstream", shared_->options().name}});
}

void UpstreamBatch::on_failure(const upstream::Failure& failure) {
  const net::Ref<UpstreamBatch> hold(this);
  connection_ = nullptr;
  self_ = nullptr;
  worker_.metrics().upstream_batch(slot_, static_cast<std::size_t>(BatchOutcome::kFailed),
                                   members_.size());
  const Batcher::Scope gather(worker_.batcher());
  upstream::Failure each = failure;
  for (Member& member : members_) {
    Call* const call = std::exchange(member.call, nullptr);
    if (call == nullptr) continue;
    if (failure.kind == upstream::Failure::Kind::kTooLarge) {
      // All replies together: each alone may fit.
      call->resend_alone();
    } else {
      call->on_failure(each);
      each.echo = true;
    }
  }
}

void UpstreamBatch::on_sent(TimePoint now) {
  for (const Member& member : members_) {
    if (member.call != nullptr) member.call->on_sent(now);
  }
}

bool UpstreamBatch::may_move() const {
  return std::ranges::all_of(members_, [](const Member& member) {
    return member.call == nullptr || member.call->may_move();
  });
}

bool UpstreamBatch::may_hold(std::uint64_t bytes) {
  const auto member =
      std::ranges::find_if(members_, [](const Member& each) { return each.call != nullptr; });
  return member == members_.end() || member->call->may_hold(bytes);
}

}  // namespace sluice::proxy

// SPDX-License-Identifier: Apache-2.0
#include "policy/anomaly/common_cause.hpp"

namespace sluice::policy {

CommonCause::CommonCause(std::size_t upstreams, const CommonCauseOptions& options)
    : options_(options), members_(upstreams) {}

void CommonCause::watch(std::uint32_t upstream, bool watched) noexcept {
  if (upstream >= members_.size()) return;
  members_[upstream].watched = watched;
  if (!watched) clear(upstream);
}

void CommonCause::raise(std::uint32_t upstream, const Alarm& alarm, TimePoint now) noexcept {
  if (upstream >= members_.size()) return;
  Member& member = members_[upstream];
  member.watched = true;
  member.alarm = alarm;
  if (member.state != State::well) return;
  member.since = now;
  member.state = common_ ? State::shared : State::waiting;
}

void CommonCause::clear(std::uint32_t upstream) noexcept {
  if (upstream >= members_.size()) return;
  members_[upstream].state = State::well;
}

bool CommonCause::to_blame(std::uint32_t upstream) const noexcept {
  return upstream < members_.size() && members_[upstream].state == State::own;
}

CommonCause::Count CommonCause::count() const noexcept {
  Count result;
  bool any = false;
  for (std::uint32_t i = 0; i < members_.size(); ++i) {
    const Member& member = members_[i];
    if (!member.watched) continue;
    ++result.watched;
    if (member.state == State::well) continue;
    ++result.alarmed;
    if (!any || member.since < members_[result.first].since) result.first = i;
    any = true;
  }
  return result;
}

void CommonCause::end_common(TimePoint now) noexcept {
  common_ = false;
  // Who is still ill after the others have recovered has to answer for himself.
  for (Member& member : members_) {
    if (member.state != State::shared) continue;
    member.state = State::waiting;
    member.since = now;
  }
}

std::size_t CommonCause::settle(TimePoint now, std::span<Verdict> out) noexcept {
  const Count all = count();
  const double share =
      all.watched > 0 ? static_cast<double>(all.alarmed) / static_cast<double>(all.watched) : 0.0;
  std::size_t written = 0;
  if (!common_ && all.watched >= 2 && share >= options_.share) {
    if (out.empty()) return 0;
    common_ = true;
    out[written++] = {true, all.first, members_[all.first].alarm, all.alarmed, all.watched};
  } else if (common_ && share < options_.share / 2) {
    end_common(now);
  }
  for (std::uint32_t i = 0; i < members_.size(); ++i) {
    Member& member = members_[i];
    if (member.state == State::well || !member.watched) continue;
    if (common_) {
      member.state = State::shared;
    } else if (member.state == State::waiting && now - member.since >= options_.hold &&
               written < out.size()) {
      member.state = State::own;
      out[written++] = {false, i, member.alarm, all.alarmed, all.watched};
    }
  }
  return written;
}

}  // namespace sluice::policy

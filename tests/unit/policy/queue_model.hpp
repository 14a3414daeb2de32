// SPDX-License-Identifier: Apache-2.0
// The queue's rules over plain lists, searched from end to end.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "policy/queue.hpp"

namespace sluice::policy::test {

class QueueModel {
 public:
  struct Entry {
    WaitHandle handle;
    Waiter waiter;
    TimePoint since;
    std::uint64_t arrival;
  };
  using Ended = std::pair<Entry, WaitEnd>;

  QueueModel(std::size_t max, double reserve, std::size_t lanes)
      : max_(max), reserve_(reserve), since_shared_(lanes) {}

  /// Who is displaced, or the refusal; the newcomer itself is told by entered().
  std::expected<std::optional<Entry>, PushRefusal> push(const Waiter& w, TimePoint now) {
    if (w.upstreams == 0) return std::unexpected(PushRefusal::kNoUpstream);
    if (w.deadline <= now) return std::unexpected(PushRefusal::kExpired);
    settle(now);
    const auto c = klass(w);
    const std::size_t own = count(w.client, c);
    const bool light = own == 0 || own * clients(c) < count(c);
    if (shedding_.refuses(w.priority, light)) return std::unexpected(PushRefusal::kShed);
    std::optional<Entry> displaced;
    if (entries.size() >= max_) {
      displaced = victim(w, now);
      if (!displaced) return std::unexpected(PushRefusal::kFull);
      erase(*displaced);
    }
    return displaced;
  }
  void entered(WaitHandle handle, const Waiter& w, TimePoint now) {
    const auto c = klass(w);
    if (count(w.client, c) == 0) had_[{c, w.client}] = {time_[c], turns_++};
    auto& flows = flows_[{c, w.client}];
    if (std::ranges::find(flows, w.lane) == flows.end()) flows.insert(flows.begin(), w.lane);
    entries.push_back({handle, w, now, arrivals_++});
    auto& fattest = fattest_[c];
    if (!fattest || count(w.client, c) > count(*fattest, c)) fattest = w.client;
  }

  std::optional<Ended> pop_for(std::uint32_t upstream, std::uint32_t lane, TimePoint now) {
    settle(now);
    for (std::size_t c = 0; c < kPriorities; ++c) {
      if (count(c) == 0) continue;
      const Entry oldest = *oldest_of(c);
      if (!codel_[c].drops(now - oldest.since, now) || !shedding_.overloaded() || !lowest(c))
        continue;
      erase(oldest);
      return Ended{oldest, WaitEnd::kStale};
    }
    const auto chosen = choose_class(upstream);
    if (!chosen) return std::nullopt;
    const std::size_t c = *chosen;
    auto best = best_of(c, upstream, std::nullopt, now);
    if (best->waiter.lane != lane) {
      const auto own = best_of(c, upstream, lane, now);
      if (own && ++since_shared_[lane] % 16 != 0) best = own;
    }
    const auto newest = std::ranges::max_element(
        entries, {}, [&](const Entry& e) { return klass(e.waiter) == c ? e.arrival + 1 : 0; });
    if (standing(c, now) && now - best->since > std::chrono::milliseconds(15) &&
        now - newest->since <= std::chrono::microseconds(7500)) {
      const Entry late = *best;
      erase(late);
      return Ended{late, WaitEnd::kStale};
    }
    shedding_.served();
    charge(c, best->waiter.client);
    erase(*best);
    return Ended{*best, WaitEnd::kGranted};
  }
  [[nodiscard]] std::optional<TimePoint> next_deadline() const {
    const auto at =
        std::ranges::min_element(entries, {}, [](const Entry& e) { return e.waiter.deadline; });
    if (at == entries.end()) return std::nullopt;
    return at->waiter.deadline;
  }
  bool cancel(WaitHandle handle) {
    const auto at = std::ranges::find(entries, handle, &Entry::handle);
    if (at == entries.end()) return false;
    erase(Entry(*at));
    return true;
  }
  [[nodiscard]] bool lowest(std::size_t c) const {
    for (std::size_t below = c + 1; below < kPriorities; ++below) {
      if (count(below) > 0) return false;
    }
    return true;
  }
  [[nodiscard]] bool standing(std::size_t c, TimePoint now) const {
    return count(c) > 0 && codel_[c].standing(now) && shedding_.overloaded() && lowest(c);
  }

  std::vector<Entry> entries;

 private:
  using Party = std::pair<std::size_t, std::uint64_t>;

  static std::size_t klass(const Waiter& w) { return static_cast<std::size_t>(w.priority); }
  static bool usable(const Entry& e, std::uint32_t upstream) {
    return (e.waiter.upstreams & bit_of(upstream)) != 0;
  }
  [[nodiscard]] std::size_t count(std::size_t c) const {
    return static_cast<std::size_t>(
        std::ranges::count_if(entries, [c](const Entry& e) { return klass(e.waiter) == c; }));
  }
  [[nodiscard]] std::size_t count(std::uint64_t client, std::size_t c) const {
    return static_cast<std::size_t>(std::ranges::count_if(entries, [&](const Entry& e) {
      return klass(e.waiter) == c && e.waiter.client == client;
    }));
  }
  [[nodiscard]] std::size_t clients(std::size_t c) const {
    return static_cast<std::size_t>(
        std::ranges::count_if(had_, [&](const auto& h) { return h.first.first == c; }));
  }
  [[nodiscard]] const Entry* oldest_of(std::size_t c) const {
    const auto at =
        std::ranges::find_if(entries, [c](const Entry& e) { return klass(e.waiter) == c; });
    return at == entries.end() ? nullptr : &*at;
  }
  void settle(TimePoint now) {
    bool any = false;
    for (std::size_t c = 0; c < kPriorities; ++c)
      any = any || (count(c) > 0 && codel_[c].standing(now));
    shedding_.settle(now, any);
  }
  std::optional<std::size_t> choose_class(std::uint32_t upstream) {
    std::optional<std::size_t> important;
    std::optional<std::size_t> longest;
    for (std::size_t c = 0; c < kPriorities; ++c) {
      if (std::ranges::none_of(entries, [&](const Entry& e) {
            return klass(e.waiter) == c && usable(e, upstream);
          })) {
        continue;
      }
      if (!important) important = c;
      if (!longest || oldest_of(c)->arrival < oldest_of(*longest)->arrival) longest = c;
    }
    if (!important) return std::nullopt;
    due_ += reserve_;
    if (due_ < 1.0) return important;
    due_ -= 1.0;
    return longest;
  }
  std::optional<Entry> best_of(std::size_t c, std::uint32_t upstream,
                               std::optional<std::uint32_t> lane, TimePoint now) const {
    const bool newest = standing(c, now);
    const Entry* best = nullptr;
    for (const Entry& e : entries) {
      if (klass(e.waiter) != c || !usable(e, upstream)) continue;
      if (lane && e.waiter.lane != *lane) continue;
      if (best == nullptr || better(e, *best, newest)) best = &e;
    }
    if (best == nullptr) return std::nullopt;
    return *best;
  }
  [[nodiscard]] bool better(const Entry& a, const Entry& b, bool newest) const {
    if (a.waiter.client != b.waiter.client) return rank(a) < rank(b);
    if (newest) return a.arrival > b.arrival;
    return std::pair(a.waiter.deadline, a.arrival) < std::pair(b.waiter.deadline, b.arrival);
  }
  [[nodiscard]] std::pair<std::uint64_t, std::uint64_t> rank(const Entry& e) const {
    return had_.at({klass(e.waiter), e.waiter.client});
  }
  void charge(std::size_t c, std::uint64_t client) {
    auto& [had, turn] = had_[{c, client}];
    time_[c] = std::max(time_[c], had);
    had = std::max(had, time_[c] - std::min<std::uint64_t>(time_[c], 8)) + 1;
    turn = turns_++;
  }
  std::optional<Entry> victim(const Waiter& w, TimePoint now) const {
    std::size_t c = kPriorities;
    while (c > 0 && count(c - 1) == 0) --c;
    if (c == 0 || --c < klass(w)) return std::nullopt;
    std::uint64_t client = 0;
    if (fattest_[c]) {
      client = *fattest_[c];
    } else {
      for (const Entry& e : entries) client = klass(e.waiter) == c ? e.waiter.client : client;
    }
    if (c == klass(w) && count(client, c) <= count(w.client, c) + 1) return std::nullopt;
    const auto& flows = flows_.at({c, client});
    const auto size = [&](std::uint32_t lane) {
      return std::ranges::count_if(entries, [&](const Entry& e) {
        return klass(e.waiter) == c && e.waiter.client == client && e.waiter.lane == lane;
      });
    };
    const auto lane = *std::ranges::max_element(flows, {}, size);
    const Entry* last = nullptr;
    for (const Entry& e : entries) {
      if (klass(e.waiter) != c || e.waiter.client != client || e.waiter.lane != lane) continue;
      if (last == nullptr || better(*last, e, standing(c, now))) last = &e;
    }
    return *last;
  }
  void erase(const Entry entry) {
    std::erase_if(entries, [&](const Entry& e) { return e.handle == entry.handle; });
    const auto c = klass(entry.waiter);
    const Party party{c, entry.waiter.client};
    if (std::ranges::none_of(entries, [&](const Entry& e) {
          return klass(e.waiter) == c && e.waiter.client == entry.waiter.client &&
                 e.waiter.lane == entry.waiter.lane;
        })) {
      std::erase(flows_[party], entry.waiter.lane);
    }
    if (count(entry.waiter.client, c) == 0) {
      had_.erase(party);
      flows_.erase(party);
      if (fattest_[c] == entry.waiter.client) fattest_[c].reset();
    }
    if (count(c) == 0) static_cast<void>(codel_[c].drops(std::nullopt, TimePoint{}));
  }

  std::size_t max_;
  double reserve_;
  double due_ = 0;
  std::uint64_t arrivals_ = 0;
  std::uint64_t turns_ = 0;
  std::vector<std::uint32_t> since_shared_;
  /// By client: what it has had, and its turn among those who have had as much.
  std::map<Party, std::pair<std::uint64_t, std::uint64_t>> had_;
  /// Lanes in which it waits, the latest first.
  std::map<Party, std::vector<std::uint32_t>> flows_;
  std::array<std::uint64_t, kPriorities> time_{};
  std::array<CoDel, kPriorities> codel_{};
  std::array<std::optional<std::uint64_t>, kPriorities> fattest_{};
  LoadShedding shedding_;
};

}  // namespace sluice::policy::test

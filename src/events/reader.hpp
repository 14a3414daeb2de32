// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "events/hub.hpp"

namespace sluice::events {

/// One who follows the events: a place in the hub's history, not a queue of its own, so that a
/// reader costs the same however slow it is. Owned by the session that sends; control thread.
class Reader final : public Listener {
 public:
  struct Options {
    log::Level least = log::Level::kInfo;
    /// The id of the last event that the reader has; `0` asks for all that is kept. Without it only
    /// events from now on come.
    std::optional<std::string> after;
  };

  /// `on_news` is called whenever there is something to take after there was nothing.
  Reader(std::shared_ptr<Hub> hub, const Options& options, std::function<void()> on_news);
  ~Reader() override;

  /// The next events, at least one if there is any, then no more than `bytes_max` of JSON. Where
  /// events are gone that the reader should have had, a `gap` stands in their place.
  [[nodiscard]] std::vector<ToldPtr> take(std::size_t bytes_max);
  [[nodiscard]] bool has_news() const;
  /// Whether events were pushed out of the history before the reader took them.
  [[nodiscard]] bool overrun() const noexcept { return next_ < hub_->kept().first(); }

  void told(const ToldPtr& event) override;

 private:
  void resume(std::string_view after);
  /// The next event that passes the level, and steps beyond it; null at the end.
  [[nodiscard]] ToldPtr step();

  /// Shared: a session that has been given up may outlive its owner, suspended in its loop.
  const std::shared_ptr<Hub> hub_;
  const log::Level least_;
  std::function<void()> on_news_;
  std::uint64_t next_;
  std::uint64_t next_debug_;
  ToldPtr gap_;
};

}  // namespace sluice::events

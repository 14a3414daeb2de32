// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>

#include "devnode/log_filter.hpp"

namespace sluice::devnode {

enum class FilterKind : std::uint8_t { kLogs, kBlocks, kPending };

/// An installed filter. `next_block` and `next_pending` are where the next poll of changes starts.
struct Filter {
  FilterKind kind = FilterKind::kLogs;
  LogFilter logs;
  std::uint64_t from_block = 0;
  std::optional<std::uint64_t> to_block;
  std::uint64_t next_block = 0;
  std::size_t next_pending = 0;
};

/// The filters of one node, by small ids that count from 1, so that those of two nodes collide as
/// some real nodes' do. Any thread. Holds at most kMax; a further one drops the oldest. Does not
/// expire them by time.
class FilterTable {
 public:
  std::uint64_t install(Filter filter);
  bool uninstall(std::uint64_t id);
  [[nodiscard]] std::optional<Filter> find(std::uint64_t id) const;
  /// The filter as it was, with its positions moved on to `next_block` (unless that is behind) and
  /// `next_pending`: what lies between is the caller's to report, exactly once.
  [[nodiscard]] std::optional<Filter> drain(std::uint64_t id, std::uint64_t next_block,
                                            std::size_t next_pending);
  [[nodiscard]] std::size_t size() const;

 private:
  static constexpr std::size_t kMax = 4096;

  mutable std::mutex mutex_;
  std::map<std::uint64_t, Filter> filters_;
  std::uint64_t last_id_ = 0;
};

}  // namespace sluice::devnode

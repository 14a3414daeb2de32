// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "policy/balance/upstream_stats.hpp"

namespace sluice::policy {

/// A strategy's own statistics for upstreams that come without shared ones. Made when the first
/// such is met, which happens outside the proxy only. Part of a strategy.
class OwnStats {
 public:
  explicit OwnStats(std::size_t upstreams_max) : size_(upstreams_max) {}

  /// `index` below upstreams_max.
  [[nodiscard]] UpstreamStats& of(std::uint32_t index, UpstreamStats* shared) {
    if (shared != nullptr) return *shared;
    if (!own_) own_ = std::make_unique<UpstreamStats[]>(size_);
    return own_[index];
  }

 private:
  std::size_t size_;
  std::unique_ptr<UpstreamStats[]> own_;
};

}  // namespace sluice::policy

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "sim/anomaly/labelled.hpp"

// Known detectors, written anew for comparison. They are given what ours has to find out: the
// innovation, without season and autocorrelation and in units of its true deviation.
namespace sluice::sim {

class Rival {
 public:
  virtual ~Rival() = default;
  /// True when the detector would raise an alarm.
  virtual bool tick(double innovation) = 0;
};

enum class RivalKind : std::uint8_t {
  kSinglePoint,  ///< |x| above a number of deviations
  kGaussian,     ///< the same, with mean and deviation of a window of 6,400 (NAB's baseline)
  kAdwin,        ///< adaptive windowing (Bifet and Gavalda 2007), checked every 32 ticks
  kShesd,        ///< median and MAD of the last day, relearned hourly (S-H-ESD's test)
  kHalfSpace,    ///< half-space trees (Tan et al. 2011): 10 trees, height 8, window 250
};
inline constexpr std::size_t kRivals = 5;
[[nodiscard]] std::string_view name_of(RivalKind kind) noexcept;

/// `threshold`: the higher, the fewer alarms; its unit is the detector's own.
[[nodiscard]] std::unique_ptr<Rival> make_rival(RivalKind kind, double threshold);

/// Alarms at most every five minutes.
[[nodiscard]] std::size_t count_alarms(Rival& rival, const std::vector<double>& innovation);

/// The threshold at which a detector raises as many alarms on `clean` as `alarms`, or fewer.
[[nodiscard]] double calibrated(RivalKind kind, const std::vector<std::vector<double>>& clean,
                                std::size_t alarms);

}  // namespace sluice::sim

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string_view>

#include "base/stance.hpp"

namespace sluice::config {

/// One allowed word of a key. Words of the contract that this build does not have are known, and
/// refused by name.
struct Word {
  std::string_view text;
  bool supported = true;
};

// The one place that says what this build has. The order of each array is that of the enum in
// config.hpp which its index is stored as.
inline constexpr std::array kSchemes{
    Word{"http"}, Word{"https"}, Word{"ws", false}, Word{"wss", false}, Word{"ipc", false},
};
inline constexpr std::array kStrategies{
    Word{"round-robin"}, Word{"least-connections"},
    Word{"weighted"},    Word{"latency-based"},
    Word{"random"},      Word{"p2c"},
    Word{"peak-ewma"},   Word{"adaptive"},
    Word{"learned"},     Word{"affinity"},
};
inline constexpr std::array kScalerModes{Word{"off"}, Word{"threshold"}, Word{"sized"}};
inline constexpr std::array kStances{Word{kStanceWords[0]}, Word{kStanceWords[1]},
                                     Word{kStanceWords[2]}};
inline constexpr std::array kPriorities{Word{"critical"}, Word{"high"}, Word{"normal"},
                                        Word{"low"}};
inline constexpr std::array kLogLevels{Word{"trace"}, Word{"debug"}, Word{"info"},
                                       Word{"warn"},  Word{"error"}, Word{"off"}};
inline constexpr std::array kEventLevels{Word{"info"}, Word{"warn"}, Word{"error"}};
inline constexpr std::array kLogFormats{Word{"auto"}, Word{"text"}, Word{"json"}};
inline constexpr std::array kRetryAfterForms{Word{"off"}, Word{"seconds"}, Word{"ms"}};
inline constexpr std::array kPermissions{Word{"steer"}, Word{"debug"}};

}  // namespace sluice::config

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice::metrics {

struct ProcessStats {
  double cpu_seconds = 0;
  double resident_bytes = 0;
  double virtual_bytes = 0;
  double start_time = 0;  ///< seconds since the Unix epoch
  double open_fds = 0;
  double max_fds = 0;  ///< infinite when unlimited
};

/// What the machine says, apart from the process.
struct MachineUnits {
  double ticks_per_second = 100;
  double page_bytes = 4096;
  double boot_time = 0;  ///< seconds since the Unix epoch
};

/// The fields of proc_pid_stat(5) that we export; nothing if the text is not of that form. Leaves
/// the descriptors at 0.
[[nodiscard]] std::optional<ProcessStats> parse_process_stat(std::string_view stat,
                                                             const MachineUnits& units);

/// Of this process, from /proc; nothing where that is not mounted.
[[nodiscard]] std::optional<ProcessStats> read_process_stats();

}  // namespace sluice::metrics

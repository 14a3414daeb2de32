// SPDX-License-Identifier: Apache-2.0
// The commands that speak to a running daemon over its control socket.
#pragma once

#include <string>
#include <vector>

namespace sluice::app {

struct CtlOptions {
  std::string socket;  ///< empty: where a daemon puts it by itself
  bool json = false;   ///< the answer as it came, for programs
};

/// Exit codes: 0 done, 1 refused or nobody there. What was done goes to stdout, why not to stderr.
[[nodiscard]] int ctl(const CtlOptions& options, const std::string& command,
                      const std::string& target = {}, const std::string& item = {},
                      const std::string& value = {});
/// As ctl(drain), then waits until no call is under way there, at most `wait_s`.
[[nodiscard]] int ctl_drain(const CtlOptions& options, const std::string& target, double wait_s);
/// Prints a table, or with `json` the status as /status has it.
[[nodiscard]] int ctl_status(const CtlOptions& options);
/// Prints events until interrupted; comes again where it left off when the daemon restarts.
[[nodiscard]] int ctl_events(const CtlOptions& options, const std::string& level, bool all);

struct TopOptions {
  std::string socket;
  double interval_s = 1;
  bool once = false;
};

/// A live view until `q` or an interrupt; one page with `once`.
[[nodiscard]] int top(const TopOptions& options);

}  // namespace sluice::app

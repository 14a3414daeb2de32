// SPDX-License-Identifier: Apache-2.0
// The subcommands beside `run`; each returns the process's exit code.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "app/daemon.hpp"
#include "devnode/server.hpp"

namespace sluice::app {

[[nodiscard]] int check(const RunOptions& options);
[[nodiscard]] int effective(const RunOptions& options);
/// Serves simulated nodes until a signal; prints one JSON line with their addresses.
[[nodiscard]] int devnode(const devnode::Options& options, unsigned nodes);
/// Runs Sluice before `nodes` simulated nodes of one chain.
[[nodiscard]] int demo(RunOptions options, unsigned nodes);
/// Asks /livez (or /readyz) of an admin address; 0 when it says 200. For containers.
[[nodiscard]] int healthcheck(const std::string& address, const std::string& path);

}  // namespace sluice::app

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

namespace sluice::sim {

/// `sluice_sim rehearse WORKLOAD LOAD CALLS SEED WORKERS SCALE STRATEGY...`: one run's calls and
/// what each strategy makes of them, as one JSON object on stdout, so that the very same calls can
/// be played to the real binary (tests/sim/real). Times are SCALE times the workload's own.
/// `arguments` are those after `rehearse`; returns the exit code, 2 with a line on stderr when they
/// are wrong.
int rehearse(std::span<char*> arguments);

}  // namespace sluice::sim

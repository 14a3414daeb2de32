// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>

#include "policy/balance/balancer.hpp"

// The constructors behind the table of make_balancer; each takes upstreams_max.
namespace sluice::policy {

/// Turn by turn.
[[nodiscard]] std::unique_ptr<Balancer> make_round_robin(std::size_t upstreams_max);

/// Fewest calls in flight; turn by turn among equals, so that an idle proxy does not always use the
/// first.
[[nodiscard]] std::unique_ptr<Balancer> make_least_connections(std::size_t upstreams_max);

/// Smooth weighted round robin, the interleaving that nginx made usual: of weights 5, 1, 1 comes a
/// a b a c a a.
[[nodiscard]] std::unique_ptr<Balancer> make_weighted(std::size_t upstreams_max);

/// Lowest mean response time; among those within 10 ms of it the best health score, then fewest in
/// flight. One pick in 20 may go to an idle upstream whose latency is unknown or that was not
/// picked for 10 s, so that one which was slow once is not shut out for ever.
[[nodiscard]] std::unique_ptr<Balancer> make_latency_based(std::size_t upstreams_max);

}  // namespace sluice::policy

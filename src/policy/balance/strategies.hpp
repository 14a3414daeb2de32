// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>

#include "policy/balance/balancer.hpp"

// The constructors behind the table of make_balancer.
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

/// Any of those with room, in proportion to their weights.
[[nodiscard]] std::unique_ptr<Balancer> make_random(std::size_t upstreams_max);

/// The less busy of two that are drawn at random (Mitzenmacher 2001).
[[nodiscard]] std::unique_ptr<Balancer> make_p2c(std::size_t upstreams_max);

/// Of two drawn at random the one with the lower product of peak-sensitive mean response time and
/// calls in flight, as Finagle has it: the mean jumps to a peak at once and decays with 10 s; one
/// figure per upstream for all methods.
[[nodiscard]] std::unique_ptr<Balancer> make_peak_ewma(std::size_t upstreams_max);

/// The same upstream for the same key while it can: rendezvous hashing (Thaler, Ravishankar 1998)
/// in proportion to the weights, no upstream with more than 1.25 times its share of the calls in
/// flight (Mirrokni, Thorup, Zadimoghaddam 2018). Calls without a key go where least is in flight.
[[nodiscard]] std::unique_ptr<Balancer> make_affinity(std::size_t upstreams_max);

/// Least expected wait: see adaptive.hpp.
[[nodiscard]] std::unique_ptr<Balancer> make_adaptive(std::size_t upstreams_max);

/// The same with service times predicted from each call's features while that does better.
[[nodiscard]] std::unique_ptr<Balancer> make_learned(std::size_t upstreams_max);

}  // namespace sluice::policy

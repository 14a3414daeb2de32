// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "policy/balance/adaptive.hpp"
#include "policy/balance/size_model.hpp"
#include "policy/balance/strategies.hpp"

namespace sluice::policy {
namespace {

/// Adaptive with service times foretold call by call.
class Learned final : public Adaptive {
 public:
  using Adaptive::Adaptive;
  std::string_view name() const noexcept override { return "learned"; }

 private:
  float size(const PickContext& context) const noexcept override {
    const float log = model_.foretell(stat_class(context.method_class), context.features);
    return log == 0.0F ? 1.0F : std::exp(log);
  }
  void learn_size(const Ticket& ticket, float off, float share) noexcept override {
    const float foretold = ticket.size == 1.0F ? 0.0F : std::log(ticket.size);
    model_.learn(ticket.klass, ticket.features, off + foretold, share);
  }

  // What a call's size makes of its time takes many calls of all sizes to tell.
  bool samples() const noexcept override { return false; }

  SizeModel model_;
};

}  // namespace

std::unique_ptr<Balancer> make_learned(std::size_t upstreams_max) {
  return std::make_unique<Learned>(upstreams_max);
}

}  // namespace sluice::policy

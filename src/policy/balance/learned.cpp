// SPDX-License-Identifier: Apache-2.0
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
  float size_log(const PickContext& context) const noexcept override {
    return model_.foretell(stat_class(context.method_class), context.features);
  }
  void learn_size(const Ticket& ticket, float off, float share) noexcept override {
    model_.learn(ticket.klass, ticket.features, off + ticket.size_log, share);
  }

  SizeModel model_;
};

}  // namespace

std::unique_ptr<Balancer> make_learned(const BalanceOptions& options) {
  return std::make_unique<Learned>(options);
}

}  // namespace sluice::policy

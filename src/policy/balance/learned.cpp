// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <span>
#include <string>
#include <string_view>

#include <fmt/format.h>

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
    const float deviation = off + foretold;
    const float error = model_.learn(ticket.klass, ticket.features, deviation, share);
    ticket.stats->learn_model_error(error, std::fabs(deviation), share);
  }
  std::string rule(std::span<const Candidate> candidates,
                   const PickContext& context) const override;

  // What a call's size makes of its time takes many calls of all sizes to tell.
  bool samples() const noexcept override { return false; }

  SizeModel model_;
};

/// The errors are typical factors: 1.30 is off by 30 %.
std::string model_words(std::string_view has, float error, float plain_error) {
  return fmt::format("{}, off by {:.2f}x against {:.2f}x of the plain estimate", has,
                     static_cast<double>(std::exp(error)),
                     static_cast<double>(std::exp(plain_error)));
}

std::string Learned::rule(std::span<const Candidate> candidates, const PickContext& context) const {
  const std::string least = Adaptive::rule(candidates, context);
  const std::size_t klass = stat_class(context.method_class);
  if (model_.plain_error(klass) > 0.0F) {
    const std::string_view has =
        model_.trusted(klass) ? "model trusted for this class" : "model not trusted for this class";
    return least + ", " + model_words(has, model_.error(klass), model_.plain_error(klass));
  }
  // Another's models: what they were off by is known of each upstream.
  float error = 0.0F;
  float plain_error = 0.0F;
  float known = 0.0F;
  for (const Candidate& candidate : candidates) {
    if (candidate.stats == nullptr) continue;
    const AtomicPair::Value off = candidate.stats->model_error.load();
    if (off.second <= 0.0F) continue;
    error += off.first;
    plain_error += off.second;
    ++known;
  }
  if (known == 0.0F) return least + ", model knows nothing yet";
  return least + ", " +
         model_words(error <= plain_error ? "model trusted" : "model not trusted", error / known,
                     plain_error / known);
}

}  // namespace

std::unique_ptr<Balancer> make_learned(std::size_t upstreams_max) {
  return std::make_unique<Learned>(upstreams_max);
}

}  // namespace sluice::policy

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>

#include "policy/balance/balancer.hpp"

namespace sluice::policy {

/// Foretells from what can be seen of a call how much longer than usual for its class it takes:
/// recursive least squares of the logarithm on the size of its params, the blocks it spans and
/// whether it asks for past state, one model per class. Keeps score against the plain guess, which
/// is that every call is as usual, and says nothing while it is not the better one. Part of a
/// strategy: one per worker.
class SizeModel {
 public:
  static constexpr std::size_t kFeatures = 4;

  /// Logarithm of the factor, within ln 1/4 .. ln 4; 0 while not trusted.
  [[nodiscard]] float foretell(std::size_t klass, const CallFeatures& features) const noexcept {
    const Class& of = classes_[klass];
    return of.trusted ? predict(of, centred(of, features)) : 0.0F;
  }
  /// A call took e^`deviation` times the usual. `weight`: how far that is to be believed, 0..1.
  /// Returns by how much the model, trusted or not, was off.
  float learn(std::size_t klass, const CallFeatures& features, float deviation,
              float weight) noexcept;

  [[nodiscard]] bool trusted(std::size_t klass) const noexcept { return classes_[klass].trusted; }
  /// Mean absolute error of the logarithm over the last 1,000 calls or so.
  [[nodiscard]] float error(std::size_t klass) const noexcept { return classes_[klass].error; }
  [[nodiscard]] float plain_error(std::size_t klass) const noexcept {
    return classes_[klass].plain_error;
  }

 private:
  using Vector = std::array<float, kFeatures>;
  struct Class {
    Vector weights{};
    Vector means{};
    /// Inverse of the features' covariance, as far as it is known.
    std::array<Vector, kFeatures> inverse = [] {
      std::array<Vector, kFeatures> out{};
      for (std::size_t i = 0; i < kFeatures; ++i) out[i][i] = 10.0F;
      return out;
    }();
    float samples = 0.0F;
    float error = 0.0F;
    float plain_error = 0.0F;
    bool trusted = false;
  };

  [[nodiscard]] static Vector centred(const Class& of, const CallFeatures& features) noexcept;
  [[nodiscard]] static float predict(const Class& of, const Vector& z) noexcept;
  static void judge(Class& of, float error, float plain_error, float weight) noexcept;

  std::array<Class, kStatClasses> classes_;
};

}  // namespace sluice::policy

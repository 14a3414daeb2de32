// SPDX-License-Identifier: Apache-2.0
#include "policy/balance/size_model.hpp"

#include <algorithm>
#include <cmath>

namespace sluice::policy {

namespace {

constexpr float kForgetting = 0.999F;
constexpr float kFactorLogMost = 1.386F;
constexpr float kJudgedOver = 1000.0F;
constexpr float kSamplesToTrust = 100.0F;
/// Trust is lost at once when the error is the greater, and won back when it is clearly smaller.
constexpr float kClearlyBetter = 0.98F;
/// Of the inverse covariance: a feature that never varies must not grow without bound.
constexpr float kInverseMost = 100.0F;

/// The bias is the last: it is 1 and is not centred.
std::array<float, SizeModel::kFeatures> vector_of(const CallFeatures& features) noexcept {
  return {features.log_params, features.log_span, features.historical ? 1.0F : 0.0F, 1.0F};
}

}  // namespace

SizeModel::Vector SizeModel::centred(const Class& of, const CallFeatures& features) noexcept {
  Vector z = vector_of(features);
  for (std::size_t i = 0; i + 1 < kFeatures; ++i) z[i] -= of.means[i];
  return z;
}

float SizeModel::predict(const Class& of, const Vector& z) noexcept {
  float sum = 0.0F;
  for (std::size_t i = 0; i + 1 < kFeatures; ++i) sum += of.weights[i] * z[i];
  return std::clamp(sum, -kFactorLogMost, kFactorLogMost);
}

float SizeModel::learn(std::size_t klass, const CallFeatures& features, float deviation,
                       float weight) noexcept {
  Class& of = classes_[klass];
  of.samples = std::min(of.samples + weight, kJudgedOver);
  const Vector raw = vector_of(features);
  const float pace = weight / of.samples;
  for (std::size_t i = 0; i + 1 < kFeatures; ++i) of.means[i] += pace * (raw[i] - of.means[i]);
  const Vector z = centred(of, features);
  const float error = std::fabs(deviation - predict(of, z));
  judge(of, error, std::fabs(deviation), weight);

  Vector gain{};
  float spread = 0.0F;
  float foretold = 0.0F;
  for (std::size_t i = 0; i < kFeatures; ++i) {
    for (std::size_t k = 0; k < kFeatures; ++k) gain[i] += of.inverse[i][k] * z[k];
    spread += z[i] * gain[i];
    foretold += of.weights[i] * z[i];
  }
  const float scale = weight / (kForgetting + weight * spread);
  const float off = deviation - foretold;
  for (std::size_t i = 0; i < kFeatures; ++i) of.weights[i] += scale * gain[i] * off;
  for (std::size_t i = 0; i < kFeatures; ++i) {
    for (std::size_t k = 0; k < kFeatures; ++k) {
      const float next = (of.inverse[i][k] - scale * gain[i] * gain[k]) / kForgetting;
      of.inverse[i][k] = std::clamp(next, -kInverseMost, kInverseMost);
    }
  }
  return error;
}

void SizeModel::judge(Class& of, float error, float plain_error, float weight) noexcept {
  const float pace = weight / std::max(of.samples, 1.0F);
  of.error += pace * (error - of.error);
  of.plain_error += pace * (plain_error - of.plain_error);
  const float bound = of.trusted ? 1.0F : kClearlyBetter;
  of.trusted = of.samples >= kSamplesToTrust && of.error <= of.plain_error * bound;
}

}  // namespace sluice::policy

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace sluice::policy {

/// Ways to continue a series. The first three compete to be used, the others are what needs no
/// forecast at all, the last value and two smoothed ones: a model must beat all of them before it
/// is believed.
enum class ForecastModel : std::uint8_t { naive, holt, holt_winters, last, smooth, slow };
inline constexpr std::size_t kForecastModels = 6;
inline constexpr std::size_t kForecastRivals = 3;
inline constexpr std::size_t kForecastHorizons = 4;

struct LayerOptions {
  std::uint32_t slots = 24;  ///< samples in one season
  /// Steps ahead at which errors are kept, rising; the last is the furthest that is answered.
  std::array<std::uint16_t, kForecastHorizons> horizons{1, 2, 4, 8};
  double memory = 600;  ///< samples after which a loss has faded to 1/e
};

/// One seasonal series at one sampling step: additive Holt-Winters with a damped trend, damped Holt
/// and the seasonal naive forecast on the square root of a rate, each scored at each horizon by its
/// discounted pinball loss at 0.95, together with plain rivals (last value, smoothed values).
/// Residuals are clipped before they are learned, so that one burst does not poison its slot.
/// Owned by LoadForecast; one thread. Allocates when built and never after. Knows no time: the
/// owner calls add() once per step, in order.
class ForecastLayer {
 public:
  explicit ForecastLayer(const LayerOptions& options);

  /// The next sample: the root of a rate, not negative, and which slot of the season it is for.
  void add(double root, std::uint32_t slot) noexcept;
  /// The next add() does not follow the last one: what was forecast for the gap is not scored.
  void interrupt() noexcept;

  struct Point {
    double root = 0.0;   ///< expected
    double sigma = 0.0;  ///< standard deviation of the errors made at this horizon
  };
  /// `steps` after the last sample, 1..furthest, by the model that does best there. Empty before
  /// two seasons have been seen.
  [[nodiscard]] std::optional<Point> ahead(std::uint32_t steps) const noexcept;
  /// 1 - loss of the best model / loss of the best plain rival, at the horizon of `steps`; 0
  /// before two seasons have been seen. Negative: the rivals are better.
  [[nodiscard]] double skill(std::uint32_t steps) const noexcept;
  [[nodiscard]] ForecastModel best(std::uint32_t steps) const noexcept;
  /// Discounted pinball loss, in units of the rate.
  [[nodiscard]] double loss(ForecastModel model, std::uint32_t steps) const noexcept;
  /// The season's part of a sample in `slot`, as a root; 0 before the first season is over.
  [[nodiscard]] double season(std::uint32_t slot) const noexcept;
  [[nodiscard]] std::uint32_t furthest() const noexcept { return options_.horizons.back(); }
  [[nodiscard]] std::size_t bytes() const noexcept;

 private:
  struct Trend {
    double level = 0.0;
    double slope = 0.0;
    double scale = 0.0;  ///< mean absolute residual, of clipped residuals
    void learn(double residual, double kept_residual, bool first) noexcept;
    [[nodiscard]] double clip(double residual) const noexcept;
  };
  struct Horizon {
    std::array<double, kForecastModels> error{};  ///< mean absolute error, as a root
    std::array<double, kForecastModels> loss{};
    std::uint32_t scored = 0;
    std::size_t ring = 0;  ///< where its pending forecasts start in pending_
    ForecastModel best = ForecastModel::holt;
  };

  [[nodiscard]] double expect(ForecastModel model, std::uint32_t steps,
                              std::uint32_t slot) const noexcept;
  [[nodiscard]] std::size_t horizon_of(std::uint32_t steps) const noexcept;
  [[nodiscard]] bool warm(const Horizon& horizon) const noexcept;
  void score(Horizon& horizon, const float* forecast, double root) const noexcept;
  void choose(Horizon& horizon) const noexcept;
  void learn(double root, std::uint32_t slot) noexcept;
  void end_first_season() noexcept;

  LayerOptions options_;
  std::vector<float> past_;      ///< the last sample of each slot
  std::vector<float> seasonal_;  ///< empty effect (0) until the first season is over
  std::vector<float> pending_;   ///< per horizon a ring of forecasts not yet due
  std::array<Horizon, kForecastHorizons> horizons_;
  std::array<double, kForecastHorizons> damped_{};  ///< phi + phi^2 + ... at each horizon
  Trend seasonal_trend_;
  Trend plain_trend_;
  double smooth_ = 0.0;
  double slow_ = 0.0;
  double last_ = 0.0;
  std::uint64_t seen_ = 0;
  std::uint64_t run_ = 0;  ///< samples since the last gap
  std::uint32_t slot_ = 0;
};

}  // namespace sluice::policy

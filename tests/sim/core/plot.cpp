// SPDX-License-Identifier: Apache-2.0
#include "sim/core/plot.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <limits>
#include <string_view>

#include <fmt/format.h>

namespace sluice::sim {

namespace {

constexpr double kWidth = 720, kHeight = 400, kLeft = 70, kRight = 170, kTop = 40, kBottom = 50;
constexpr std::array<std::string_view, 10> kColours = {"#4269d0", "#ff725c", "#3ca951", "#a463f2",
                                                       "#efb118", "#6cc5b0", "#ff8ab7", "#9c6b4e",
                                                       "#97bbf5", "#9498a0"};

/// One axis: values to places.
struct Axis {
  double low, high, from, to;
  bool log;

  [[nodiscard]] double place(double value) const noexcept {
    const auto scaled = [this](double v) { return log ? std::log10(v) : v; };
    const double span = scaled(high) - scaled(low);
    return from + (to - from) * (span == 0 ? 0.5 : (scaled(value) - scaled(low)) / span);
  }
};

Axis axis(const Plot& plot, bool x) {
  const bool log = x ? plot.log_x : plot.log_y;
  double low = std::numeric_limits<double>::max();
  double high = std::numeric_limits<double>::lowest();
  for (const auto& series : plot.series) {
    for (const double value : x ? series.x : series.y) {
      if (log && value <= 0) continue;
      low = std::min(low, value);
      high = std::max(high, value);
    }
  }
  if (low > high) low = high = 1;
  if (!log && !x) low = std::min(low, 0.0);
  if (log) {
    low = std::pow(10, std::floor(std::log10(low)));
    high = std::pow(10, std::ceil(std::log10(high)));
  }
  return x ? Axis{low, high, kLeft, kWidth - kRight, log}
           : Axis{low, high, kHeight - kBottom, kTop, log};
}

std::vector<double> ticks(const Axis& axis) {
  std::vector<double> out;
  if (axis.log) {
    for (double v = axis.low; v <= axis.high * 1.0001; v *= 10) out.push_back(v);
    return out;
  }
  const double rough = (axis.high - axis.low) / 5;
  if (rough <= 0) return {axis.low};
  const double power = std::pow(10, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= rough) {
      step = factor * power;
      break;
    }
  }
  for (double v = std::ceil(axis.low / step) * step; v <= axis.high * 1.0001; v += step)
    out.push_back(v);
  return out;
}

std::string frame(const Plot& plot, const Axis& x, const Axis& y) {
  std::string out;
  const auto put = std::back_inserter(out);
  for (const double v : ticks(x)) {
    fmt::format_to(put, "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>\n",
                   x.place(v), kHeight - kBottom + 16, figure(v));
  }
  for (const double v : ticks(y)) {
    fmt::format_to(put,
                   "<line x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"#888\" "
                   "stroke-opacity=\"0.3\"/>\n<text x=\"{:.1f}\" y=\"{:.1f}\" "
                   "text-anchor=\"end\">{}</text>\n",
                   kLeft, kWidth - kRight, y.place(v), y.place(v), kLeft - 6, y.place(v) + 4,
                   figure(v));
  }
  fmt::format_to(put,
                 "<text x=\"{}\" y=\"20\" font-size=\"14\">{}</text>\n"
                 "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n"
                 "<text x=\"14\" y=\"{}\" text-anchor=\"middle\" transform=\"rotate(-90 14 "
                 "{})\">{}</text>\n",
                 kLeft, plot.title, (kLeft + kWidth - kRight) / 2, kHeight - 12, plot.x_label,
                 (kTop + kHeight - kBottom) / 2, (kTop + kHeight - kBottom) / 2, plot.y_label);
  return out;
}

}  // namespace

std::string svg(const Plot& plot) {
  const Axis x = axis(plot, true);
  const Axis y = axis(plot, false);
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" font-family=\"sans-serif\" "
      "font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
      kWidth, kHeight);
  out += frame(plot, x, y);
  for (std::size_t i = 0; i < plot.series.size(); ++i) {
    const auto& series = plot.series[i];
    const std::string_view colour = kColours.at(i % kColours.size());
    std::string points;
    for (std::size_t k = 0; k < std::min(series.x.size(), series.y.size()); ++k) {
      if ((plot.log_x && series.x[k] <= 0) || (plot.log_y && series.y[k] <= 0)) continue;
      fmt::format_to(std::back_inserter(points), "{:.1f},{:.1f} ", x.place(series.x[k]),
                     y.place(series.y[k]));
    }
    const double legend = kTop + 16.0 * static_cast<double>(i);
    fmt::format_to(std::back_inserter(out),
                   "<polyline fill=\"none\" stroke=\"{}\" stroke-width=\"1.8\" points=\"{}\"/>\n"
                   "<text x=\"{}\" y=\"{}\" fill=\"{}\">{}</text>\n",
                   colour, points, kWidth - kRight + 10, legend, colour, series.name);
  }
  return out + "</svg>\n";
}

}  // namespace sluice::sim

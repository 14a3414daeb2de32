// SPDX-License-Identifier: Apache-2.0
#include "sim/anomaly/rivals.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <utility>

#include "base/random.hpp"
#include "sim/core/draw.hpp"

namespace sluice::sim {

namespace {

class SinglePoint : public Rival {
 public:
  explicit SinglePoint(double threshold) : threshold_(threshold) {}
  bool tick(double x) override { return std::abs(x) > threshold_; }

 private:
  double threshold_;
};

class WindowedGaussian : public Rival {
 public:
  explicit WindowedGaussian(double threshold) : threshold_(threshold) {}
  bool tick(double x) override {
    bool alarm = false;
    if (window_.size() >= 360) {
      const auto n = static_cast<double>(window_.size());
      const double mean = sum_ / n;
      const double deviation = std::sqrt(std::max(1e-9, square_ / n - mean * mean));
      alarm = std::abs(x - mean) > threshold_ * deviation;
    }
    window_.push_back(x);
    sum_ += x;
    square_ += x * x;
    if (window_.size() > 6400) {
      sum_ -= window_.front();
      square_ -= window_.front() * window_.front();
      window_.pop_front();
    }
    return alarm;
  }

 private:
  double threshold_;
  std::deque<double> window_;
  double sum_ = 0.0;
  double square_ = 0.0;
};

/// Buckets of 1, 2, 4... values, at most five of a size; a cut wherever the means before and after
/// it differ by more than `threshold` standard errors drops what is older.
class Adwin : public Rival {
 public:
  explicit Adwin(double threshold) : threshold_(threshold) {}
  bool tick(double x) override {
    buckets_.push_back({1.0, x, x * x});
    compress();
    return ++ticks_ % 32 == 0 && shrink();
  }

 private:
  struct Bucket {
    double n;
    double sum;
    double square;
  };
  void compress() {
    // From the youngest: where six are of a size the two oldest of them become one.
    for (std::size_t end = buckets_.size(); end > 0;) {
      std::size_t begin = end;
      while (begin > 0 && buckets_[begin - 1].n == buckets_[end - 1].n) --begin;
      if (end - begin <= 5) {
        end = begin;
        continue;
      }
      Bucket& older = buckets_[begin];
      const Bucket& younger = buckets_[begin + 1];
      older = {older.n + younger.n, older.sum + younger.sum, older.square + younger.square};
      buckets_.erase(buckets_.begin() + static_cast<std::ptrdiff_t>(begin) + 1);
      end = begin + 1;
    }
  }
  bool cut_once() {
    Bucket all{0.0, 0.0, 0.0};
    for (const Bucket& b : buckets_) all = {all.n + b.n, all.sum + b.sum, all.square + b.square};
    if (all.n < 64) return false;
    const double mean = all.sum / all.n;
    const double variance = std::max(1e-9, all.square / all.n - mean * mean);
    double n = 0.0;
    double sum = 0.0;
    for (std::size_t i = 0; i + 1 < buckets_.size(); ++i) {
      n += buckets_[i].n;
      sum += buckets_[i].sum;
      const double rest = all.n - n;
      if (n < 5 || rest < 5) continue;
      const double gap = std::abs(sum / n - (all.sum - sum) / rest);
      if (gap <= threshold_ * std::sqrt(variance * (1.0 / n + 1.0 / rest))) continue;
      buckets_.erase(buckets_.begin());
      return true;
    }
    return false;
  }
  bool shrink() {
    bool cut = false;
    while (cut_once()) cut = true;
    return cut;
  }

  double threshold_;
  std::deque<Bucket> buckets_;
  std::uint64_t ticks_ = 0;
};

class HybridEsd : public Rival {
 public:
  explicit HybridEsd(double threshold) : threshold_(threshold) {}
  bool tick(double x) override {
    day_.push_back(x);
    if (day_.size() > kTicksPerDay) day_.pop_front();
    if (++ticks_ % 360 == 0) learn();
    return ticks_ >= 360 && std::abs(x - median_) > threshold_ * scale_;
  }

 private:
  static double middle(std::vector<double>& values) {
    const auto half = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), half, values.end());
    return *half;
  }
  void learn() {
    std::vector<double> values(day_.begin(), day_.end());
    median_ = middle(values);
    for (double& v : values) v = std::abs(v - median_);
    scale_ = 1.4826 * middle(values);
  }

  double threshold_;
  std::deque<double> day_;
  double median_ = 0.0;
  double scale_ = 1.0;
  std::uint64_t ticks_ = 0;
};

/// One input, so a tree is a chain of cuts of [0, 1]; the score is how empty the leaf's
/// neighbourhood was in the last window.
class HalfSpaceTrees : public Rival {
 public:
  explicit HalfSpaceTrees(double threshold) : threshold_(threshold) {
    Random random(7);
    for (auto& tree : trees_) {
      // A work range that contains [0, 1], as the paper draws it.
      const double s = random.uniform();
      const double reach = 2.0 * std::max(s, 1.0 - s);
      tree.low = s - reach;
      tree.high = s + reach;
    }
  }
  bool tick(double x) override {
    const double place = 1.0 / (1.0 + std::exp(-std::clamp(x, -30.0, 30.0) / 2.0));
    double score = 0.0;
    for (auto& tree : trees_) score += visit(tree, place);
    // Emptier is larger; all the mass of a window in one leaf of each tree is the largest score.
    const double most = static_cast<double>(kTrees) * kWindow * (1 << kHeight);
    const double strange = -std::log((score + 1.0) / most);
    if (++ticks_ % kWindow == 0) turn();
    return ticks_ > 2 * kWindow && strange > threshold_;
  }

 private:
  static constexpr std::size_t kTrees = 10;
  static constexpr int kHeight = 8;
  static constexpr int kWindow = 250;
  static constexpr std::size_t kNodes = std::size_t{2} << kHeight;
  struct Tree {
    double low = 0.0;
    double high = 1.0;
    std::array<int, kNodes> reference{};
    std::array<int, kNodes> latest{};
  };
  static double visit(Tree& tree, double x) {
    std::size_t node = 1;
    double low = tree.low;
    double high = tree.high;
    double score = -1.0;
    for (int depth = 0; depth <= kHeight; ++depth) {
      ++tree.latest[node];
      const int mass = tree.reference[node];
      // A sparse node ends the walk, as in the paper: a tenth of the window.
      if (score < 0.0 && (mass < kWindow / 10 || depth == kHeight)) {
        score = static_cast<double>(mass) * (1 << depth);
      }
      const double middle = 0.5 * (low + high);
      node = 2 * node + (x > middle ? 1 : 0);
      (x > middle ? low : high) = middle;
    }
    return score;
  }
  void turn() {
    for (auto& tree : trees_) {
      tree.reference = tree.latest;
      tree.latest.fill(0);
    }
  }

  double threshold_;
  std::array<Tree, kTrees> trees_;
  std::uint64_t ticks_ = 0;
};

}  // namespace

std::string_view name_of(RivalKind kind) noexcept {
  switch (kind) {
    case RivalKind::kSinglePoint:
      return "single point";
    case RivalKind::kGaussian:
      return "windowed Gaussian";
    case RivalKind::kAdwin:
      return "ADWIN";
    case RivalKind::kShesd:
      return "S-H-ESD";
    case RivalKind::kHalfSpace:
      return "half-space trees";
  }
  return "";
}

std::unique_ptr<Rival> make_rival(RivalKind kind, double threshold) {
  switch (kind) {
    case RivalKind::kSinglePoint:
      return std::make_unique<SinglePoint>(threshold);
    case RivalKind::kGaussian:
      return std::make_unique<WindowedGaussian>(threshold);
    case RivalKind::kAdwin:
      return std::make_unique<Adwin>(threshold);
    case RivalKind::kShesd:
      return std::make_unique<HybridEsd>(threshold);
    case RivalKind::kHalfSpace:
      return std::make_unique<HalfSpaceTrees>(threshold);
  }
  return nullptr;
}

std::size_t count_alarms(Rival& rival, const std::vector<double>& innovation) {
  constexpr std::size_t kQuiet = 30;
  std::size_t alarms = 0;
  std::size_t next = 0;
  for (std::size_t i = 0; i < innovation.size(); ++i) {
    if (!rival.tick(innovation[i]) || i < next) continue;
    ++alarms;
    next = i + kQuiet;
  }
  return alarms;
}

double calibrated(RivalKind kind, const std::vector<std::vector<double>>& clean,
                  std::size_t alarms) {
  double low = 0.5;
  double high = 15.0;
  for (int i = 0; i < 12; ++i) {
    const double middle = 0.5 * (low + high);
    std::size_t count = 0;
    for (const auto& series : clean) {
      count += count_alarms(*make_rival(kind, middle), series);
      if (count > alarms) break;
    }
    (count > alarms ? low : high) = middle;
  }
  return high;
}

}  // namespace sluice::sim

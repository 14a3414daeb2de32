// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/stance.hpp"
#include "policy/concurrency_limit.hpp"
#include "upstream/shared.hpp"

namespace sluice::limiter {

/// One upstream whose calls in flight are limited.
struct Target {
  std::string chain;
  std::string upstream;
  std::shared_ptr<upstream::Shared> shared;
  Stance mode = Stance::kOff;
  /// Never limited to fewer, nor to more than its connections_max.
  std::uint32_t min = 4;
};

/// The limit of an upstream has begun to hold calls back (in mode kObserve: would have), or has not
/// done so for a while.
struct Episode {
  bool begun = false;
  std::uint32_t limit = 0;
  double inflation = 1.0;
  Duration lasted{0};
};

/// What is done and told about limits, on the control thread. Names are valid during the call.
class Observer {
 public:
  virtual ~Observer() = default;
  /// `shared.limit` has another value: idle connections beyond it are to close, and calls that wait
  /// are to look again.
  virtual void limit_changed(const std::shared_ptr<upstream::Shared>& shared) = 0;
  virtual void limiting(const Target& target, const Episode& episode) = 0;
};

struct Report {
  Stance mode = Stance::kOff;
  /// What was found, whether or not it is enforced; connections_max when off.
  std::uint32_t limit = 0;
  /// Response times to what they are when nothing queues.
  double inflation = 1.0;
  bool limiting = false;
};

/// The concurrency limits' shell: counts what is in flight at every upstream twenty times a second,
/// hands a policy::ConcurrencyLimit what the workers' boards have summed four times a second, and
/// publishes its limit to upstream::Shared, which pools obey. Control thread only; owned by the
/// app, which calls tick(). Holds no call back itself. A reload hands it new targets: what was
/// learned of a node that stays is kept, within the new bounds.
class Limiter {
 public:
  static constexpr Duration kLook = std::chrono::milliseconds(50);
  static constexpr Duration kReport = std::chrono::milliseconds(250);
  /// So long without holding calls back ends an episode.
  static constexpr Duration kQuiet = std::chrono::seconds(5);

  explicit Limiter(Observer& observer) noexcept;
  ~Limiter();
  Limiter(const Limiter&) = delete;
  Limiter& operator=(const Limiter&) = delete;

  /// Publishes at once.
  void watch(std::vector<Target> targets, TimePoint now);
  /// Every kLook.
  void tick(TimePoint now);
  /// Of an unknown upstream: as if off.
  [[nodiscard]] Report report(const upstream::Shared& shared) const;

 private:
  class Watched;

  Observer& observer_;
  std::vector<std::unique_ptr<Watched>> watched_;
};

}  // namespace sluice::limiter

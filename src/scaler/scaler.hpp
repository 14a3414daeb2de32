// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "net/loop.hpp"
#include "policy/scale_plan.hpp"
#include "upstream/shared.hpp"

namespace sluice::scaler {

/// One upstream whose connections are planned.
struct Target {
  std::string chain;
  std::string upstream;
  std::shared_ptr<upstream::Shared> shared;
  policy::ScaleOptions options;
  /// Calls a second that the provider allows; 0 for any number.
  double rate_limit = 0;
};

/// A change of plan.
struct Change {
  std::uint32_t from = 0;
  std::uint32_t to = 0;
  policy::ScaleReason reason = policy::ScaleReason::kNone;
  /// Busy connections.
  double load = 0;
};

/// What the scaler asks and tells, on the control thread.
class Observer {
 public:
  virtual ~Observer() = default;
  /// The part of worker `worker` in an upstream's connections has changed; `early`: it has grown
  /// for calls that are expected.
  virtual void steer(const std::shared_ptr<upstream::Shared>& shared, std::size_t worker,
                     std::uint32_t target, bool early) = 0;
  virtual void scaled(const Target& target, const Change& change) = 0;
  /// An operator's order for this upstream.
  [[nodiscard]] virtual std::optional<std::uint32_t> forced(const Target& /*target*/) {
    return std::nullopt;
  }
  /// Calls that found no room at any upstream of the chain and wait: this one's part of them.
  [[nodiscard]] virtual double queued(const Target& /*target*/) { return 0; }
};

/// What is expected of one upstream, as of the latest plan.
struct Foresight {
  /// Connections that will be needed at once within `horizon`; nothing while too little is known or
  /// nothing can be foreseen.
  std::optional<double> connections;
  /// What the plan is with it, acted on or not.
  std::uint32_t target = 0;
  /// Share of the loss of the best rule without a forecast that it saves; at or below 0 it is
  /// worse.
  double skill = 0;
  /// Until what is dialled by the next plan is ready.
  Duration horizon{0};
};

struct Report {
  std::string chain;
  std::string upstream;
  /// By reason, since the upstream is known.
  std::array<std::uint64_t, static_cast<std::size_t>(policy::ScaleReason::kCount)> grown{};
  std::array<std::uint64_t, static_cast<std::size_t>(policy::ScaleReason::kCount)> shrunk{};
  /// Nothing where prediction is off.
  std::optional<Foresight> foresight;
};

/// The auto-scaler's shell: looks at every pool twenty times a second, lets each upstream's plan
/// think every interval, and passes what changed to the workers that hold the connections. Keeps
/// each upstream's forecast, and tells it what was asked for at every look. Control thread only;
/// owned by the app. Touches no connection itself, and a plan that comes late costs a handshake,
/// never a call.
class Scaler {
 public:
  Scaler(net::Loop& loop, Observer& observer);
  ~Scaler();
  Scaler(const Scaler&) = delete;
  Scaler& operator=(const Scaler&) = delete;

  /// After a reload too: an upstream keeps what its plan and its forecast have learned by its
  /// names.
  void watch(std::vector<Target> targets);
  /// Connections have been made ready for calls that have not come yet: for a while they are not
  /// taken for idle ones.
  void warmed_up(const upstream::Shared& shared);
  void stop();
  /// What its timer does: looks at every pool, and plans where an interval is over.
  void look(TimePoint now);
  [[nodiscard]] std::vector<Report> report() const;
  /// Nothing where prediction is off, or of an upstream that is not watched.
  [[nodiscard]] std::optional<Foresight> foresight(const upstream::Shared& shared) const;

 private:
  class Watched;
  static constexpr Duration kLook = std::chrono::milliseconds(50);

  void on_tick();

  Observer& observer_;
  net::Deadline tick_;
  std::vector<std::unique_ptr<Watched>> watched_;
};

}  // namespace sluice::scaler

// SPDX-License-Identifier: Apache-2.0
// The typed form of each kind of event: whoever tells one writes, say,
//   events.emit(events::UpstreamOut{.chain = name, .upstream = …});
// Texts are borrowed for the length of that call. Names and their order are those of the table,
// which the compiler checks.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "events/kinds.hpp"

namespace sluice::events {

struct Ready {
  static constexpr Kind kKind = Kind::kReady;
  std::uint64_t workers = 0, chains = 0;
  [[nodiscard]] constexpr std::array<log::Field, 2> fields() const {
    return {{{"workers", workers}, {"chains", chains}}};
  }
};

struct Reloaded {
  static constexpr Kind kKind = Kind::kReloaded;
  std::uint64_t chains = 0;
  [[nodiscard]] constexpr std::array<log::Field, 1> fields() const {
    return {{{"chains", chains}}};
  }
};

struct ReloadFailed {
  static constexpr Kind kKind = Kind::kReloadFailed;
  std::string_view reason;
  [[nodiscard]] constexpr std::array<log::Field, 1> fields() const {
    return {{{"reason", reason}}};
  }
};

struct Draining {
  static constexpr Kind kKind = Kind::kDraining;
  double delay_s = 0;
  [[nodiscard]] constexpr std::array<log::Field, 1> fields() const {
    return {{{"delay_s", delay_s}}};
  }
};

struct CallsCut {
  static constexpr Kind kKind = Kind::kCallsCut;
  std::string_view reason;
  std::uint64_t calls = 0;
  [[nodiscard]] constexpr std::array<log::Field, 2> fields() const {
    return {{{"reason", reason}, {"calls", calls}}};
  }
};

struct Stopped {
  static constexpr Kind kKind = Kind::kStopped;
  std::int64_t exit_code = 0;
  std::uint64_t undelivered = 0;
  [[nodiscard]] constexpr std::array<log::Field, 2> fields() const {
    return {{{"exit_code", exit_code}, {"undelivered", undelivered}}};
  }
};

struct UpstreamIn {
  static constexpr Kind kKind = Kind::kUpstreamIn;
  std::string_view chain, upstream, from, to, reason;
  double out_s = 0;
  [[nodiscard]] constexpr std::array<log::Field, 6> fields() const {
    return {{{"chain", chain},
             {"upstream", upstream},
             {"from", from},
             {"to", to},
             {"reason", reason},
             {"out_s", out_s}}};
  }
};

struct WarmedUp {
  static constexpr Kind kKind = Kind::kWarmedUp;
  std::string_view chain, upstream, outcome;
  std::uint64_t connections = 0;
  double took_s = 0;
  [[nodiscard]] constexpr std::array<log::Field, 5> fields() const {
    return {{{"chain", chain},
             {"upstream", upstream},
             {"outcome", outcome},
             {"connections", connections},
             {"took_s", took_s}}};
  }
};

struct UpstreamOut {
  static constexpr Kind kKind = Kind::kUpstreamOut;
  std::string_view chain, upstream, from, to, reason;
  [[nodiscard]] constexpr std::array<log::Field, 5> fields() const {
    return {
        {{"chain", chain}, {"upstream", upstream}, {"from", from}, {"to", to}, {"reason", reason}}};
  }
};

struct WrongChain {
  static constexpr Kind kKind = Kind::kWrongChain;
  std::string_view chain, upstream;
  std::uint64_t expected = 0, actual = 0;
  [[nodiscard]] constexpr std::array<log::Field, 4> fields() const {
    return {{{"chain", chain}, {"upstream", upstream}, {"expected", expected}, {"actual", actual}}};
  }
};

struct BreakerOpened {
  static constexpr Kind kKind = Kind::kBreakerOpened;
  std::string_view chain, upstream, klass, reason;
  double failure_ratio = 0;
  std::uint64_t calls = 0;
  double open_s = 0;
  [[nodiscard]] constexpr std::array<log::Field, 7> fields() const {
    return {{{"chain", chain},
             {"upstream", upstream},
             {"class", klass},
             {"reason", reason},
             {"failure_ratio", failure_ratio},
             {"calls", calls},
             {"open_s", open_s}}};
  }
};

struct BreakerHalfOpened {
  static constexpr Kind kKind = Kind::kBreakerHalfOpened;
  std::string_view chain, upstream, klass;
  [[nodiscard]] constexpr std::array<log::Field, 3> fields() const {
    return {{{"chain", chain}, {"upstream", upstream}, {"class", klass}}};
  }
};

struct BreakerClosed {
  static constexpr Kind kKind = Kind::kBreakerClosed;
  std::string_view chain, upstream, klass, reason;
  double open_s = 0;
  [[nodiscard]] constexpr std::array<log::Field, 5> fields() const {
    return {{{"chain", chain},
             {"upstream", upstream},
             {"class", klass},
             {"reason", reason},
             {"open_s", open_s}}};
  }
};

struct PoolScaled {
  static constexpr Kind kKind = Kind::kPoolScaled;
  std::string_view chain, upstream, direction;
  std::uint64_t from = 0, to = 0;
  std::string_view reason;
  double utilization = 0;
  [[nodiscard]] constexpr std::array<log::Field, 7> fields() const {
    return {{{"chain", chain},
             {"upstream", upstream},
             {"direction", direction},
             {"from", from},
             {"to", to},
             {"reason", reason},
             {"utilization", utilization}}};
  }
};

struct Limiting {
  static constexpr Kind kKind = Kind::kLimiting;
  std::string_view chain, upstream;
  std::uint64_t limit = 0;
  double inflation = 0;
  [[nodiscard]] constexpr std::array<log::Field, 4> fields() const {
    return {{{"chain", chain}, {"upstream", upstream}, {"limit", limit}, {"inflation", inflation}}};
  }
};

struct LimitingOver {
  static constexpr Kind kKind = Kind::kLimitingOver;
  std::string_view chain, upstream;
  std::uint64_t limit = 0;
  double lasted_s = 0;
  [[nodiscard]] constexpr std::array<log::Field, 4> fields() const {
    return {{{"chain", chain}, {"upstream", upstream}, {"limit", limit}, {"lasted_s", lasted_s}}};
  }
};

struct ConnectionCreated {
  static constexpr Kind kKind = Kind::kConnectionCreated;
  std::string_view chain, upstream;
  std::uint64_t worker = 0;
  [[nodiscard]] constexpr std::array<log::Field, 3> fields() const {
    return {{{"chain", chain}, {"upstream", upstream}, {"worker", worker}}};
  }
};

struct ConnectionClosed {
  static constexpr Kind kKind = Kind::kConnectionClosed;
  std::string_view chain, upstream;
  std::uint64_t worker = 0;
  std::string_view reason;
  [[nodiscard]] constexpr std::array<log::Field, 4> fields() const {
    return {{{"chain", chain}, {"upstream", upstream}, {"worker", worker}, {"reason", reason}}};
  }
};

struct QueueOverloaded {
  static constexpr Kind kKind = Kind::kQueueOverloaded;
  std::string_view chain;
  std::uint64_t waiting = 0, rejected = 0;
  [[nodiscard]] constexpr std::array<log::Field, 3> fields() const {
    return {{{"chain", chain}, {"waiting", waiting}, {"rejected", rejected}}};
  }
};

struct QueueRelieved {
  static constexpr Kind kKind = Kind::kQueueRelieved;
  std::string_view chain;
  std::uint64_t rejected = 0;
  double lasted_s = 0;
  [[nodiscard]] constexpr std::array<log::Field, 3> fields() const {
    return {{{"chain", chain}, {"rejected", rejected}, {"lasted_s", lasted_s}}};
  }
};

struct Anomaly {
  static constexpr Kind kKind = Kind::kAnomaly;
  std::string_view chain, upstream, series, pattern, direction;
  double value = 0, expected = 0, z = 0;
  [[nodiscard]] constexpr std::array<log::Field, 8> fields() const {
    return {{{"chain", chain},
             {"upstream", upstream},
             {"series", series},
             {"pattern", pattern},
             {"direction", direction},
             {"value", value},
             {"expected", expected},
             {"z", z}}};
  }
};

struct AnomalyOver {
  static constexpr Kind kKind = Kind::kAnomalyOver;
  std::string_view chain, upstream, series;
  double lasted_s = 0;
  [[nodiscard]] constexpr std::array<log::Field, 4> fields() const {
    return {{{"chain", chain}, {"upstream", upstream}, {"series", series}, {"lasted_s", lasted_s}}};
  }
};

struct Forecast {
  static constexpr Kind kKind = Kind::kForecast;
  std::string_view chain, upstream, series, limit;
  double in_s = 0, probability = 0;
  [[nodiscard]] constexpr std::array<log::Field, 6> fields() const {
    return {{{"chain", chain},
             {"upstream", upstream},
             {"series", series},
             {"limit", limit},
             {"in_s", in_s},
             {"probability", probability}}};
  }
};

struct OverrideSet {
  static constexpr Kind kKind = Kind::kOverrideSet;
  std::string_view chain, upstream, setting, value, before;
  [[nodiscard]] constexpr std::array<log::Field, 5> fields() const {
    return {{{"chain", chain},
             {"upstream", upstream},
             {"setting", setting},
             {"value", value},
             {"before", before}}};
  }
};

struct OverrideCleared {
  static constexpr Kind kKind = Kind::kOverrideCleared;
  std::string_view chain, upstream, setting, before;
  [[nodiscard]] constexpr std::array<log::Field, 4> fields() const {
    return {{{"chain", chain}, {"upstream", upstream}, {"setting", setting}, {"before", before}}};
  }
};

struct WebhookFailing {
  static constexpr Kind kKind = Kind::kWebhookFailing;
  std::string_view reason;
  std::uint64_t attempts = 0, waiting = 0;
  [[nodiscard]] constexpr std::array<log::Field, 3> fields() const {
    return {{{"reason", reason}, {"attempts", attempts}, {"waiting", waiting}}};
  }
};

struct WebhookWorking {
  static constexpr Kind kKind = Kind::kWebhookWorking;
  double failed_s = 0;
  std::uint64_t waiting = 0, dropped = 0;
  [[nodiscard]] constexpr std::array<log::Field, 3> fields() const {
    return {{{"failed_s", failed_s}, {"waiting", waiting}, {"dropped", dropped}}};
  }
};

struct Gap {
  static constexpr Kind kKind = Kind::kGap;
  std::string_view reason;
  std::uint64_t missed = 0;
  [[nodiscard]] constexpr std::array<log::Field, 2> fields() const {
    return {{{"reason", reason}, {"missed", missed}}};
  }
};

/// Whether the fields of E are those of its row, in the row's order.
template <class E>
consteval bool agrees_with_table() {
  const auto fields = E{}.fields();
  const auto names = row(E::kKind).fields();
  if (fields.size() != names.size()) return false;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (fields[i].key != names[i]) return false;
  }
  return true;
}

template <class E>
concept Event = agrees_with_table<E>();

}  // namespace sluice::events

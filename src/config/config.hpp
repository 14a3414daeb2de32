// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/stance.hpp"
#include "config/address.hpp"
#include "config/secret.hpp"
#include "config/url.hpp"

/// What the operator said, as plain values: durations in Duration, sizes in bytes, ratios in 0..1,
/// rates per second. Made by load() only, which fills in the defaults of the table; a
/// default-constructed struct here holds zeros. A loaded Config is never changed, and may be read
/// from any thread.
namespace sluice::config {

// In the order of the arrays in words.hpp.
enum class Strategy : std::uint8_t {
  kRoundRobin,
  kLeastConnections,
  kWeighted,
  kLatencyBased,
  kRandom,
  kP2c,
  kPeakEwma,
  kAdaptive,
  kLearned,
  kAffinity,
};
enum class ScalerMode : std::uint8_t { kOff, kThreshold, kSized };
enum class Priority : std::uint8_t { kCritical, kHigh, kNormal, kLow };
enum class EventLevel : std::uint8_t { kInfo, kWarn, kError };
enum class LogLevel : std::uint8_t { kTrace, kDebug, kInfo, kWarn, kError, kOff };
enum class LogFormat : std::uint8_t { kAuto, kText, kJson };
enum class RetryAfter : std::uint8_t { kOff, kSeconds, kMilliseconds };
enum class Permission : std::uint8_t { kSteer, kDebug };

struct Permissions {
  std::uint32_t bits = 0;
  [[nodiscard]] bool has(Permission p) const noexcept {
    return (bits >> static_cast<unsigned>(p) & 1U) != 0;
  }
  bool operator==(const Permissions&) const = default;
};

/// Names, or prefixes that end in '*'. Within one level the longer pattern wins, and a tie denies.
struct MethodRules {
  std::vector<std::string> deny, allow;
  bool operator==(const MethodRules&) const = default;
};

struct ServerTls {
  std::string certificate, key;  // paths; both empty: plain HTTP
  [[nodiscard]] bool enabled() const noexcept { return !certificate.empty(); }
  bool operator==(const ServerTls&) const = default;
};

struct ListenConfig {
  Address address;
  std::vector<std::string> hosts;  // lower case
  ServerTls tls;
  bool proxy_protocol = false;
  bool operator==(const ListenConfig&) const = default;
};

struct AdminConfig {
  Address listen;
  std::vector<std::string> hosts;
  std::string socket;
  bool operator==(const AdminConfig&) const = default;
};

struct CorsConfig {
  std::vector<std::string> origins;  // lower case; "*" is any
  Duration max_age{};
  bool operator==(const CorsConfig&) const = default;
};

struct LimitsConfig {
  std::uint64_t body = 0, batch = 0, batch_concurrency = 0;
  std::uint64_t header = 0, headers = 0, target = 0, json_depth = 0;
  std::uint64_t response = 0, held_reply = 0, memory = 0;
  std::uint64_t connections = 0, connections_per_ip = 0, upstream_connections = 0;
  std::uint64_t websocket_message = 0, websocket_in_flight = 0;
  double websocket_pings = 0;
  RetryAfter retry_after = RetryAfter::kOff;
  bool operator==(const LimitsConfig&) const = default;
};

struct TimeoutConfig {
  Duration call{}, attempt{}, connect{}, header{}, body{}, idle{};
  bool operator==(const TimeoutConfig&) const = default;
};

struct ShutdownConfig {
  Duration delay{}, grace{};
  bool operator==(const ShutdownConfig&) const = default;
};

struct AccessLogConfig {
  double sample = 0;
  Duration slow{};
  bool operator==(const AccessLogConfig&) const = default;
};

struct LogConfig {
  LogLevel level = LogLevel::kInfo;
  LogFormat format = LogFormat::kAuto;
  AccessLogConfig access;
  bool operator==(const LogConfig&) const = default;
};

struct BalanceConfig {
  Strategy strategy = Strategy::kRoundRobin;
  bool operator==(const BalanceConfig&) const = default;
};

struct WarmUpConfig {
  std::uint64_t connections = 0;
  bool verify = false;
  bool operator==(const WarmUpConfig&) const = default;
};

struct ConcurrencyLimitConfig {
  Stance mode = Stance::kOff;
  std::uint64_t min = 0;
  bool operator==(const ConcurrencyLimitConfig&) const = default;
};

struct PoolConfig {
  std::uint64_t min = 0, max = 0;
  Duration idle_timeout{}, max_age{};  // 0: off
  WarmUpConfig warm_up;
  ConcurrencyLimitConfig concurrency_limit;
  bool operator==(const PoolConfig&) const = default;
};

struct BatchConfig {
  std::uint64_t max = 0;
  Duration time{};
  bool operator==(const BatchConfig&) const = default;
};

struct ScalerConfig {
  ScalerMode mode = ScalerMode::kOff;
  double up = 0, down = 0;
  std::uint64_t step = 0;
  Duration interval{}, cooldown{};
  Stance predict = Stance::kOff;
  bool operator==(const ScalerConfig&) const = default;
};

struct LagConfig {
  std::uint64_t prefer = 0, out = 0;  // blocks
  Duration out_time{};
  bool operator==(const LagConfig&) const = default;
};

struct EjectConfig {
  Duration base{}, max{};
  double max_percent = 0;
  bool operator==(const EjectConfig&) const = default;
};

struct HealthConfig {
  Duration interval{}, timeout{};
  LagConfig lag;
  EjectConfig eject;
  bool operator==(const HealthConfig&) const = default;
};

struct BreakerConfig {
  double failure_ratio = 0;
  std::uint64_t min_calls = 0;
  Duration window{}, open{};
  std::uint64_t half_open = 0;
  bool operator==(const BreakerConfig&) const = default;
};

struct QueueConfig {
  std::uint64_t max = 0;
  Duration timeout{};
  double reserve = 0;
  bool operator==(const QueueConfig&) const = default;
};

struct RetryConfig {
  std::uint64_t max = 0;
  double budget = 0;
  Duration backoff{};
  bool operator==(const RetryConfig&) const = default;
};

struct HedgeConfig {
  double percentile = 0, budget = 0;
  bool operator==(const HedgeConfig&) const = default;
};

struct AnomalyConfig {
  Stance mode = Stance::kOff;
  Duration latency_objective{};  // 0: off
  bool operator==(const AnomalyConfig&) const = default;
};

/// What an upstream inherits from its chain and may change for itself.
struct PerUpstream {
  PoolConfig pool;
  BatchConfig batch;
  ScalerConfig scaler;
  HealthConfig health;
  BreakerConfig breaker;
  bool operator==(const PerUpstream&) const = default;
};

struct Header {
  std::string name;  // lower case
  Secret value;
  bool operator==(const Header&) const = default;
};

struct ClientTls {
  std::string ca;  // path; empty: the system's
  bool operator==(const ClientTls&) const = default;
};

struct UpstreamConfig : PerUpstream {
  std::string name;
  Url url;
  std::uint64_t weight = 0, tier = 0;
  double rate_limit = 0;  // 0: unlimited
  std::vector<Header> headers;
  ClientTls tls;
  bool allow_link_local = false;
  MethodRules methods;  // its own only
  bool operator==(const UpstreamConfig&) const = default;
};

/// A chain with all that it inherits; its upstreams in turn hold all that they inherit from it.
struct ChainConfig : PerUpstream {
  std::string name;
  std::uint64_t chain_id = 0;  // 0: learned from the first upstream that answers
  std::string path;            // one more path beside /<name> and /<chain_id>; empty: none
  bool is_default = false;     // as resolved: true for the chain that `/` answers for
  BalanceConfig balance;
  QueueConfig queue;
  RetryConfig retry;
  HedgeConfig hedge;
  AnomalyConfig anomaly;
  MethodRules methods;  // its own, or those of `defaults`; not the global ones
  std::vector<UpstreamConfig> upstreams;
  bool operator==(const ChainConfig&) const = default;
};

struct AnonymousConfig {
  bool allow = false;
  Priority priority = Priority::kNormal;
  double rate_limit = 0;  // 0: unlimited
  bool operator==(const AnonymousConfig&) const = default;
};

struct ClientConfig {
  std::string name;
  Secret key;
  Priority priority = Priority::kNormal;
  double rate_limit = 0;  // 0: unlimited
  Permissions allow;
  MethodRules methods;  // its own only
  bool operator==(const ClientConfig&) const = default;
};

struct WebhookConfig {
  std::optional<Url> url;
  Duration timeout{};
  EventLevel level = EventLevel::kInfo;
  std::vector<Header> headers;
  std::string ca;
  bool operator==(const WebhookConfig&) const = default;
};

struct EventsConfig {
  WebhookConfig webhook;
  bool operator==(const EventsConfig&) const = default;
};

struct Config {
  std::vector<ListenConfig> listen;
  AdminConfig admin;
  std::uint64_t workers = 0;  // 0: one per core
  std::vector<Cidr> trusted_proxies;
  CorsConfig cors;
  LimitsConfig limits;
  TimeoutConfig timeout;
  ShutdownConfig shutdown;
  LogConfig log;
  std::vector<ChainConfig> chains;
  MethodRules methods;
  AnonymousConfig anonymous;
  std::vector<ClientConfig> clients;
  EventsConfig events;
  bool operator==(const Config&) const = default;
};

}  // namespace sluice::config

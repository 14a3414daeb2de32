// SPDX-License-Identifier: Apache-2.0
// THE table of keys. Parser, defaults, bounds, reference, example, schema and dumps are all made
// from it; nothing else lists keys. Rows stand in the order in which people read them; a group's
// row stands before its members.
#include "config/key.hpp"

namespace sluice::config {
namespace {

using enum Type;
constexpr unsigned kMethodOwners = kDefaults | kChain | kUpstream | kClient;
constexpr std::string_view kRegularDuration = "1ms";

// clang-format off
constexpr Key kTable[] = {
  // ---- listeners
  {.at = kRoot, .path = "listen", .type = kBlocks, .min = "1", .max = "64",
   .doc = "Where clients connect: HTTP and WebSocket on one port.",
   .place = kListener, .brief = "address"},
  {.at = kListener, .path = "address", .type = kAddress, .fallback = "127.0.0.1:4545",
   .doc = "IP address and port; port 0 takes a free one, `[::]:4545` is IPv6.",
   .field = field<&ListenConfig::address>()},
  {.at = kListener, .path = "hosts", .type = kHosts, .fallback = "[]", .max = "1000",
   .doc = "Host names that clients may use beyond IP literals and localhost. A listener on another than the loopback "
          "address takes any name while this is empty, unless a browser sends an Origin.",
   .example = "[rpc.example]", .field = field<&ListenConfig::hosts>()},
  {.at = kListener, .path = "tls", .sample = false, .doc = "Serve TLS on this listener; both files are read again on reload."},
  {.at = kListener, .path = "tls.certificate", .type = kPath,
   .doc = "PEM file: the certificate, then its chain.",
   .example = "tls.crt", .field = field<&ListenConfig::tls, &ServerTls::certificate>()},
  {.at = kListener, .path = "tls.key", .type = kPath,
   .doc = "PEM file of the certificate's private key.",
   .example = "tls.key", .field = field<&ListenConfig::tls, &ServerTls::key>()},
  {.at = kListener, .path = "proxy_protocol", .type = kBool, .fallback = "false",
   .doc = "Expect a PROXY protocol header from the peers named in `trusted_proxies`.",
   .field = field<&ListenConfig::proxy_protocol>()},

  // ---- admin
  {.at = kRoot, .path = "admin", .doc = "The side port for metrics and health, and the control socket."},
  {.at = kRoot, .path = "admin.listen", .type = kAddress, .fallback = "127.0.0.1:9464",
   .doc = "Address of the read-only side port: /metrics, /livez, /readyz, /status, /events.",
   .field = field<&Config::admin, &AdminConfig::listen>()},
  {.at = kRoot, .path = "admin.hosts", .type = kHosts, .fallback = "[]", .max = "1000",
   .doc = "Host names under which the side port may be asked, beyond IP literals and localhost.",
   .example = "[sluice.internal]", .field = field<&Config::admin, &AdminConfig::hosts>()},
  {.at = kRoot, .path = "admin.socket", .type = kPath, .fallback = "/run/sluice/ctl.sock", .reload = Reload::kRestart,
   .doc = "Unix socket of `sluice ctl` and `sluice top`, for this user alone; the default falls back to $XDG_RUNTIME_DIR/sluice/ctl.sock.",
   .field = field<&Config::admin, &AdminConfig::socket>()},

  // ---- process
  {.at = kRoot, .path = "workers", .type = kCount, .fallback = "auto", .min = "1", .max = "1024", .zero = "auto",
   .reload = Reload::kRestart, .doc = "Worker threads; `auto` is one per core.",
   .example = "4", .field = field<&Config::workers>()},
  {.at = kRoot, .path = "trusted_proxies", .type = kCidrs, .fallback = "[]", .max = "1000",
   .doc = "Addresses of load balancers whose X-Forwarded-For and PROXY headers are believed.",
   .example = "[10.0.0.0/8]", .field = field<&Config::trusted_proxies>()},
  {.at = kRoot, .path = "cors", .doc = "What browsers on other origins may do."},
  {.at = kRoot, .path = "cors.origins", .type = kOrigins, .fallback = "[]", .max = "1000",
   .doc = "Origins that may call from a browser; `*` is any.",
   .example = "[https://app.example]", .field = field<&Config::cors, &CorsConfig::origins>()},
  {.at = kRoot, .path = "cors.max_age", .type = kDuration, .fallback = "10m", .min = "0s", .max = "1d",
   .doc = "How long browsers may remember a preflight's answer.",
   .field = field<&Config::cors, &CorsConfig::max_age>()},

  // ---- limits
  {.at = kRoot, .path = "limits", .doc = "Bounds on what one client, one message and all of them together may use."},
  {.at = kRoot, .path = "limits.body", .type = kSize, .fallback = "5MiB", .min = "1KiB", .max = "1GiB",
   .doc = "Body of a request.", .field = field<&Config::limits, &LimitsConfig::body>()},
  {.at = kRoot, .path = "limits.batch", .type = kCount, .fallback = "1000", .min = "1", .max = "100000",
   .doc = "Calls in one batch.", .field = field<&Config::limits, &LimitsConfig::batch>()},
  {.at = kRoot, .path = "limits.batch_concurrency", .type = kCount, .fallback = "16", .min = "1", .max = "1000",
   .doc = "Calls of one batch that run at a time.",
   .field = field<&Config::limits, &LimitsConfig::batch_concurrency>()},
  {.at = kRoot, .path = "limits.header", .type = kSize, .fallback = "16KiB", .min = "1KiB", .max = "1MiB",
   .doc = "Head of a request: request line and header fields together.",
   .field = field<&Config::limits, &LimitsConfig::header>()},
  {.at = kRoot, .path = "limits.headers", .type = kCount, .fallback = "64", .min = "8", .max = "1000",
   .doc = "Header fields of a request.", .field = field<&Config::limits, &LimitsConfig::headers>()},
  {.at = kRoot, .path = "limits.target", .type = kSize, .fallback = "8KiB", .min = "256B", .max = "64KiB",
   .doc = "Request target: path and query.", .field = field<&Config::limits, &LimitsConfig::target>()},
  {.at = kRoot, .path = "limits.json_depth", .type = kCount, .fallback = "128", .min = "8", .max = "1024",
   .doc = "Nesting of JSON in a request.", .field = field<&Config::limits, &LimitsConfig::json_depth>()},
  {.at = kRoot, .path = "limits.response", .type = kSize, .fallback = "256MiB", .min = "64KiB", .max = "16GiB",
   .doc = "A reply that is held whole (in a batch, over WebSocket); streamed replies are unbounded.",
   .field = field<&Config::limits, &LimitsConfig::response>()},
  {.at = kRoot, .path = "limits.held_reply", .type = kSize, .fallback = "64KiB", .min = "1KiB", .max = "16MiB",
   .doc = "A reply up to this size is held until complete, so that it can be judged and retried; a larger one is streamed.",
   .field = field<&Config::limits, &LimitsConfig::held_reply>()},
  {.at = kRoot, .path = "limits.memory", .type = kSize, .fallback = "1GiB", .min = "16MiB", .max = "1TiB",
   .doc = "Bodies and replies held at one time, of all clients together; beyond it calls are shed.",
   .field = field<&Config::limits, &LimitsConfig::memory>()},
  {.at = kRoot, .path = "limits.connections", .type = kCount, .fallback = "20000", .min = "1", .max = "1000000",
   .doc = "Connections of clients.", .field = field<&Config::limits, &LimitsConfig::connections>()},
  {.at = kRoot, .path = "limits.connections_per_ip", .type = kCount, .fallback = "1000", .min = "1", .max = "1000000",
   .doc = "Connections of one client address; IPv6 is counted by /64.",
   .field = field<&Config::limits, &LimitsConfig::connections_per_ip>()},
  {.at = kRoot, .path = "limits.upstream_connections", .type = kCount, .fallback = "4096", .min = "1", .max = "1000000",
   .doc = "Connections to all upstreams together.",
   .field = field<&Config::limits, &LimitsConfig::upstream_connections>()},
  {.at = kRoot, .path = "limits.websocket_message", .type = kSize, .fallback = "16MiB", .min = "1KiB", .max = "1GiB",
   .doc = "One WebSocket message of a client.",
   .field = field<&Config::limits, &LimitsConfig::websocket_message>()},
  {.at = kRoot, .path = "limits.websocket_in_flight", .type = kCount, .fallback = "1000", .min = "1", .max = "100000",
   .doc = "Calls that one WebSocket may have in flight.",
   .field = field<&Config::limits, &LimitsConfig::websocket_in_flight>()},
  {.at = kRoot, .path = "limits.websocket_pings", .type = kRate, .fallback = "50/s", .min = "1/s", .max = "10000/s",
   .doc = "Ping frames of one WebSocket; beyond it the connection is closed with 1008.",
   .field = field<&Config::limits, &LimitsConfig::websocket_pings>()},
  {.at = kRoot, .path = "limits.retry_after", .type = kWord, .fallback = "off", .words = kRetryAfterForms,
   .doc = "Unit of Retry-After on a 429: RFC 9110 says seconds, ethers 6 reads milliseconds.",
   .field = field<&Config::limits, &LimitsConfig::retry_after>()},

  // ---- timeouts
  {.at = kRoot, .path = "timeout", .doc = "How long things may take."},
  {.at = kRoot, .path = "timeout.call", .type = kDuration, .fallback = "30s", .min = "10ms", .max = "1h",
   .doc = "A call, from its last byte read to its reply, with all its attempts; X-Sluice-Timeout may shorten it.",
   .field = field<&Config::timeout, &TimeoutConfig::call>()},
  {.at = kRoot, .path = "timeout.attempt", .type = kDuration, .fallback = "10s", .min = "10ms", .max = "1h",
   .doc = "One attempt on one upstream; never longer than what is left of the call.",
   .field = field<&Config::timeout, &TimeoutConfig::attempt>()},
  {.at = kRoot, .path = "timeout.connect", .type = kDuration, .fallback = "2s", .min = kRegularDuration, .max = "1m",
   .doc = "Name, TCP and TLS handshakes towards an upstream.",
   .field = field<&Config::timeout, &TimeoutConfig::connect>()},
  {.at = kRoot, .path = "timeout.header", .type = kDuration, .fallback = "5s", .min = "10ms", .max = "10m",
   .doc = "A client's TLS handshake, and the head of its request from its first byte.",
   .field = field<&Config::timeout, &TimeoutConfig::header>()},
  {.at = kRoot, .path = "timeout.body", .type = kDuration, .fallback = "10s", .min = "10ms", .max = "10m",
   .doc = "The body of a client's request.", .field = field<&Config::timeout, &TimeoutConfig::body>()},
  {.at = kRoot, .path = "timeout.idle", .type = kDuration, .fallback = "75s", .min = "100ms", .max = "1d",
   .doc = "A client's connection between two requests.", .field = field<&Config::timeout, &TimeoutConfig::idle>()},

  // ---- shutdown
  {.at = kRoot, .path = "shutdown", .doc = "What SIGTERM does."},
  {.at = kRoot, .path = "shutdown.delay", .type = kDuration, .fallback = "0s", .min = "0s", .max = "10m",
   .doc = "Time between /readyz turning to 503 and the listeners closing, for balancers to notice.",
   .field = field<&Config::shutdown, &ShutdownConfig::delay>()},
  {.at = kRoot, .path = "shutdown.grace", .type = kDuration, .fallback = "30s", .min = "0s", .max = "1h",
   .doc = "Time that calls in flight have to finish; what is cut after it is counted, and the exit code is 3.",
   .field = field<&Config::shutdown, &ShutdownConfig::grace>()},

  // ---- log
  {.at = kRoot, .path = "log", .doc = "What is written to stderr."},
  {.at = kRoot, .path = "log.level", .type = kWord, .fallback = "info", .words = kLogLevels,
   .doc = "Least severity that is written.", .field = field<&Config::log, &LogConfig::level>()},
  {.at = kRoot, .path = "log.format", .type = kWord, .fallback = "auto", .words = kLogFormats, .reload = Reload::kRestart,
   .doc = "`auto` is text on a terminal, else one JSON object per line.",
   .field = field<&Config::log, &LogConfig::format>()},
  {.at = kRoot, .path = "log.access", .doc = "Lines about single calls. Failed calls are always written."},
  {.at = kRoot, .path = "log.access.sample", .type = kPercent, .fallback = "1%", .min = "0%", .max = "100%",
   .doc = "Share of successful calls that are written.",
   .field = field<&Config::log, &LogConfig::access, &AccessLogConfig::sample>()},
  {.at = kRoot, .path = "log.access.slow", .type = kDuration, .fallback = "1s", .min = "0s", .max = "1h",
   .doc = "Calls that take at least this long are always written.",
   .field = field<&Config::log, &LogConfig::access, &AccessLogConfig::slow>()},

  // ---- what every chain inherits
  {.at = kRoot, .path = "defaults", .type = kBlock,
   .doc = "Inherited by every chain; any of these keys may also stand in a chain.", .place = kDefaults},
  {.at = kEveryChain, .path = "balance", .doc = "Which upstream gets a call."},
  {.at = kEveryChain, .path = "balance.strategy", .type = kWord, .fallback = "adaptive", .words = kStrategies,
   .doc = "How to choose among the fit upstreams of the lowest tier.",
   .field = field<&ChainConfig::balance, &BalanceConfig::strategy>()},
  {.at = kEveryUpstream, .path = "pool", .doc = "Connections to one upstream."},
  {.at = kEveryUpstream, .path = "pool.min", .type = kCount, .fallback = "1", .min = "0", .max = "65535",
   .doc = "Connections that are kept open.", .field = field<&PerUpstream::pool, &PoolConfig::min>()},
  {.at = kEveryUpstream, .path = "pool.max", .type = kCount, .fallback = "64", .min = "1", .max = "65535",
   .doc = "Connections at most, of all workers together.", .field = field<&PerUpstream::pool, &PoolConfig::max>()},
  {.at = kEveryUpstream, .path = "pool.idle_timeout", .type = kDuration, .fallback = "60s", .min = "100ms", .max = "1d",
   .zero = "off", .doc = "Unused connections above `min` are closed after this time.",
   .field = field<&PerUpstream::pool, &PoolConfig::idle_timeout>()},
  {.at = kEveryUpstream, .path = "pool.max_age", .type = kDuration, .fallback = "30m", .min = "1s", .max = "7d",
   .zero = "off", .doc = "Connections are replaced after this time, so that changes of DNS and balancers are followed.",
   .field = field<&PerUpstream::pool, &PoolConfig::max_age>()},
  {.at = kEveryUpstream, .path = "pool.warm_up", .doc = "Connections made before an upstream gets calls."},
  {.at = kEveryUpstream, .path = "pool.warm_up.connections", .type = kCount, .fallback = "2", .min = "0", .max = "1024",
   .doc = "How many, of all workers together: at start, when it comes back, and for a while longer.",
   .field = field<&PerUpstream::pool, &PoolConfig::warm_up, &WarmUpConfig::connections>()},
  {.at = kEveryUpstream, .path = "pool.warm_up.verify", .type = kBool, .fallback = "true",
   .doc = "Try each with one eth_chainId before it counts as warm; counts against `rate_limit`.",
   .field = field<&PerUpstream::pool, &PoolConfig::warm_up, &WarmUpConfig::verify>()},
  {.at = kEveryUpstream, .path = "pool.concurrency_limit",
   .doc = "Fewer connections than `max` while the upstream only makes more calls wait."},
  {.at = kEveryUpstream, .path = "pool.concurrency_limit.mode", .type = kWord, .fallback = "observe", .words = kStances,
   .doc = "`observe` finds and shows the limit, `act` also keeps to it: calls beyond it wait here, by priority.",
   .field = field<&PerUpstream::pool, &PoolConfig::concurrency_limit, &ConcurrencyLimitConfig::mode>()},
  {.at = kEveryUpstream, .path = "pool.concurrency_limit.min", .type = kCount, .fallback = "4", .min = "1", .max = "65535",
   .doc = "It is never lower; `pool.max` where that is less.",
   .field = field<&PerUpstream::pool, &PoolConfig::concurrency_limit, &ConcurrencyLimitConfig::min>()},
  {.at = kEveryUpstream, .path = "batch", .doc = "Calls of a client's batch that go on together."},
  {.at = kEveryUpstream, .path = "batch.max", .type = kCount, .fallback = "20", .min = "1", .max = "1000",
   .doc = "Calls that may leave for the upstream as one batch: light ones that are safe to send again. 1: each leaves alone.",
   .field = field<&PerUpstream::batch, &BatchConfig::max>()},
  {.at = kEveryUpstream, .path = "batch.time", .type = kDuration, .fallback = "2ms", .min = "0s", .max = "1m",
   .doc = "Only as many as the upstream is expected to answer within this time, since nodes take the calls of a batch one after another.",
   .field = field<&PerUpstream::batch, &BatchConfig::time>()},
  {.at = kEveryUpstream, .path = "scaler", .doc = "Growing and shrinking a pool by its use."},
  {.at = kEveryUpstream, .path = "scaler.mode", .type = kWord, .fallback = "threshold", .words = kScalerModes,
   .doc = "How the number of connections is planned: by shares of busy ones, by the load and its random swing, or not at all.", .field = field<&PerUpstream::scaler, &ScalerConfig::mode>()},
  {.at = kEveryUpstream, .path = "scaler.up", .type = kPercent, .fallback = "80%", .min = "1%", .max = "100%",
   .doc = "Grow above this share of busy connections.",
   .field = field<&PerUpstream::scaler, &ScalerConfig::up>()},
  {.at = kEveryUpstream, .path = "scaler.down", .type = kPercent, .fallback = "30%", .min = "0%", .max = "99%",
   .doc = "Shrink below this share of busy connections.",
   .field = field<&PerUpstream::scaler, &ScalerConfig::down>()},
  {.at = kEveryUpstream, .path = "scaler.step", .type = kCount, .fallback = "2", .min = "1", .max = "1024",
   .doc = "Connections added at a time by `threshold`; calls that find none dial without waiting for it.",
   .field = field<&PerUpstream::scaler, &ScalerConfig::step>()},
  {.at = kEveryUpstream, .path = "scaler.interval", .type = kDuration, .fallback = "250ms", .min = "10ms", .max = "1m",
   .doc = "Time between two plans.",
   .field = field<&PerUpstream::scaler, &ScalerConfig::interval>()},
  {.at = kEveryUpstream, .path = "scaler.cooldown", .type = kDuration, .fallback = "10s", .min = "0s", .max = "1h",
   .doc = "Time after growing in which nothing shrinks. What was needed at once within three times as long is kept; half of what exceeds it goes every half of it.",
   .field = field<&PerUpstream::scaler, &ScalerConfig::cooldown>()},
  {.at = kEveryUpstream, .path = "scaler.predict", .type = kWord, .fallback = "observe", .words = kStances,
   .doc = "A forecast of what calls will need, by the phase of the block and the day: `observe` shows it, `act` also opens connections ahead of it. Needs a `mode`.", .field = field<&PerUpstream::scaler, &ScalerConfig::predict>()},
  {.at = kEveryChain, .path = "queue", .doc = "Calls that wait for a free connection."},
  {.at = kEveryChain, .path = "queue.max", .type = kCount, .fallback = "10000", .min = "0", .max = "1000000",
   .doc = "Calls that may wait; beyond it they are refused with 429. 0: none waits.",
   .field = field<&ChainConfig::queue, &QueueConfig::max>()},
  {.at = kEveryChain, .path = "queue.timeout", .type = kDuration, .fallback = "2s", .min = kRegularDuration, .max = "1h",
   .doc = "How long a call may wait.", .field = field<&ChainConfig::queue, &QueueConfig::timeout>()},
  {.at = kEveryChain, .path = "queue.reserve", .type = kPercent, .fallback = "5%", .min = "0%", .max = "50%",
   .doc = "Share of what becomes free that goes to the class whose oldest call has waited longest, in place of the most important one, so that none starves; 0% is strict order.",
   .field = field<&ChainConfig::queue, &QueueConfig::reserve>()},
  {.at = kEveryUpstream, .path = "health", .doc = "When an upstream gets calls, and when not."},
  {.at = kEveryUpstream, .path = "health.interval", .type = kDuration, .fallback = "2s", .min = "100ms", .max = "10m",
   .doc = "Time between two probes; four times as long for an upstream of a later tier while an earlier one serves.",
   .field = field<&PerUpstream::health, &HealthConfig::interval>()},
  {.at = kEveryUpstream, .path = "health.timeout", .type = kDuration, .fallback = "1s", .min = "10ms", .max = "1m",
   .doc = "A probe that takes longer has failed.", .field = field<&PerUpstream::health, &HealthConfig::timeout>()},
  {.at = kEveryUpstream, .path = "health.lag", .doc = "Blocks behind the head of the chain."},
  {.at = kEveryUpstream, .path = "health.lag.prefer", .type = kCount, .fallback = "1", .min = "0", .max = "1000000",
   .doc = "Upstreams that lag by more blocks are used only where no better one is fit.",
   .field = field<&PerUpstream::health, &HealthConfig::lag, &LagConfig::prefer>()},
  {.at = kEveryUpstream, .path = "health.lag.out", .type = kCount, .fallback = "3", .min = "1", .max = "1000000",
   .doc = "Upstreams that lag by more blocks for `out_time` get no calls.",
   .field = field<&PerUpstream::health, &HealthConfig::lag, &LagConfig::out>()},
  {.at = kEveryUpstream, .path = "health.lag.out_time", .type = kDuration, .fallback = "30s", .min = "0s", .max = "1h",
   .doc = "See `out`.", .field = field<&PerUpstream::health, &HealthConfig::lag, &LagConfig::out_time>()},
  {.at = kEveryUpstream, .path = "health.eject", .doc = "How long an upstream that failed stays out."},
  {.at = kEveryUpstream, .path = "health.eject.base", .type = kDuration, .fallback = "1s", .min = "10ms", .max = "1h",
   .doc = "The first time out; doubled each time it fails again.",
   .field = field<&PerUpstream::health, &HealthConfig::eject, &EjectConfig::base>()},
  {.at = kEveryUpstream, .path = "health.eject.max", .type = kDuration, .fallback = "60s", .min = "10ms", .max = "1d",
   .doc = "The longest time out.", .field = field<&PerUpstream::health, &HealthConfig::eject, &EjectConfig::max>()},
  {.at = kEveryChain, .path = "health.eject.max_percent", .type = kPercent, .fallback = "50%", .min = "0%", .max = "100%",
   .doc = "Share of a chain's upstreams that may be out at one time; the last one never is.",
   .field = field<&PerUpstream::health, &HealthConfig::eject, &EjectConfig::max_percent>()},
  {.at = kEveryUpstream, .path = "breaker", .doc = "Circuit breaker of one upstream."},
  {.at = kEveryUpstream, .path = "breaker.failure_ratio", .type = kPercent, .fallback = "50%", .min = "1%", .max = "100%",
   .doc = "Opens above this share of failed calls.",
   .field = field<&PerUpstream::breaker, &BreakerConfig::failure_ratio>()},
  {.at = kEveryUpstream, .path = "breaker.min_calls", .type = kCount, .fallback = "10", .min = "1", .max = "60000",
   .doc = "Calls in the window before it may open.",
   .field = field<&PerUpstream::breaker, &BreakerConfig::min_calls>()},
  {.at = kEveryUpstream, .path = "breaker.window", .type = kDuration, .fallback = "10s", .min = "100ms", .max = "1h",
   .doc = "Time over which calls are counted.",
   .field = field<&PerUpstream::breaker, &BreakerConfig::window>()},
  {.at = kEveryUpstream, .path = "breaker.open", .type = kDuration, .fallback = "5s", .min = "10ms", .max = "1h",
   .doc = "Time it stays open.",
   .field = field<&PerUpstream::breaker, &BreakerConfig::open>()},
  {.at = kEveryUpstream, .path = "breaker.half_open", .type = kCount, .fallback = "3", .min = "1", .max = "255",
   .doc = "Calls let through to find out whether to close.",
   .field = field<&PerUpstream::breaker, &BreakerConfig::half_open>()},
  {.at = kEveryChain, .path = "retry", .doc = "Further attempts of a call on other upstreams."},
  {.at = kEveryChain, .path = "retry.max", .type = kCount, .fallback = "2", .min = "0", .max = "10",
   .doc = "Attempts beyond the first.", .field = field<&ChainConfig::retry, &RetryConfig::max>()},
  {.at = kEveryChain, .path = "retry.budget", .type = kPercent, .fallback = "10%", .min = "0%", .max = "100%",
   .doc = "Retries as a share of calls, so that a failing chain is not loaded further.",
   .field = field<&ChainConfig::retry, &RetryConfig::budget>()},
  {.at = kEveryChain, .path = "retry.backoff", .type = kDuration, .fallback = "25ms", .min = "0s", .max = "10s",
   .doc = "First pause where no other upstream is left to try; full jitter, doubled each time.",
   .field = field<&ChainConfig::retry, &RetryConfig::backoff>()},
  {.at = kEveryChain, .path = "hedge", .doc = "A second attempt beside a slow first one."},
  {.at = kEveryChain, .path = "hedge.percentile", .type = kNumber, .fallback = "95", .min = "50", .max = "99.9",
   .doc = "An attempt is late when it takes longer than so many percent of its like do.",
   .field = field<&ChainConfig::hedge, &HedgeConfig::percentile>()},
  {.at = kEveryChain, .path = "hedge.budget", .type = kPercent, .fallback = "2%", .min = "0%", .max = "50%", .zero = "off",
   .doc = "Second attempts as a share of calls; reads only, and none while the upstreams are busy.",
   .field = field<&ChainConfig::hedge, &HedgeConfig::budget>()},
  {.at = kEveryChain, .path = "anomaly", .doc = "Noticing upstreams that behave unlike themselves."},
  {.at = kEveryChain, .path = "anomaly.mode", .type = kWord, .fallback = "observe", .words = kStances,
   .doc = "`observe` tells of it, `act` also prefers other upstreams meanwhile.",
   .field = field<&ChainConfig::anomaly, &AnomalyConfig::mode>()},
  {.at = kEveryChain, .path = "anomaly.latency_objective", .type = kDuration, .fallback = "off", .min = "1ms", .max = "10m",
   .zero = "off", .doc = "What 99 of 100 calls to an upstream shall take at most; it is foretold when that is about to be missed.",
   .example = "500ms", .field = field<&ChainConfig::anomaly, &AnomalyConfig::latency_objective>()},

  // ---- chains
  {.at = kRoot, .path = "chains", .type = kBlocks, .min = "1", .max = "256",
   .doc = "The networks that are served, each at /<name> and /<chain_id>.", .place = kChain},
  {.at = kChain | kTopChain, .path = "name", .type = kSlug, .fallback = "main",
   .doc = "Its path and its name in metrics.", .example = "mainnet", .field = field<&ChainConfig::name>()},
  {.at = kChain | kTopChain, .path = "chain_id", .type = kCount, .min = "1", .max = "9007199254740991",
   .doc = "Checked against every upstream; learned from the first that answers where it is left out.",
   .example = "1", .field = field<&ChainConfig::chain_id>()},
  {.at = kChain | kTopChain, .path = "path", .type = kRoute, .sample = false,
   .doc = "One more path at which the chain answers.", .example = "/eth", .field = field<&ChainConfig::path>()},
  {.at = kChain, .path = "default", .type = kBool, .fallback = "false",
   .doc = "Answer at / too; a single chain always does.", .example = "true", .field = field<&ChainConfig::is_default>()},
  {.at = kChain | kTopChain, .path = "upstreams", .type = kBlocks, .min = "1", .max = "64", .required = true,
   .doc = "The nodes and providers behind the chain; a plain URL is enough. Any of pool, batch, scaler and health may be set anew for one.",
   .place = kUpstream, .brief = "url"},
  {.at = kUpstream, .path = "name", .type = kName,
   .doc = "Its name in metrics, logs and X-Sluice-Upstream; made of host and port where it is left out.",
   .example = "provider-a", .field = field<&UpstreamConfig::name>()},
  {.at = kUpstream, .path = "url", .type = kUrl, .required = true, .secret = true,
   .doc = "Where it is; only scheme, host and port are ever shown.",
   .example = "\"https://rpc.example/v2/${PROVIDER_A_KEY:-demo}\"", .field = field<&UpstreamConfig::url>()},
  {.at = kUpstream, .path = "weight", .type = kCount, .fallback = "1", .min = "1", .max = "1000",
   .doc = "Its share of calls with the strategy `weighted`.", .example = "3", .field = field<&UpstreamConfig::weight>()},
  {.at = kUpstream, .path = "tier", .type = kCount, .fallback = "1", .min = "1", .max = "16",
   .doc = "Upstreams of a higher tier get calls only while none of a lower tier is fit.",
   .field = field<&UpstreamConfig::tier>()},
  {.at = kUpstream, .path = "rate_limit", .type = kRate, .fallback = "off", .min = "1/h", .max = "1000000/s", .zero = "off",
   .doc = "Calls that it may get, probes included.", .example = "300/s", .field = field<&UpstreamConfig::rate_limit>()},
  {.at = kUpstream, .path = "headers", .type = kHeaders, .fallback = "{}", .max = "32", .secret = true,
   .doc = "Header fields sent with every request to it.", .example = "{x-team: desk-7}",
   .field = field<&UpstreamConfig::headers>()},
  {.at = kUpstream, .path = "tls", .sample = false, .doc = "How its certificate is checked."},
  {.at = kUpstream, .path = "tls.ca", .type = kPath,
   .doc = "PEM file of the authorities to trust in place of the system's.",
   .example = "private-ca.pem", .field = field<&UpstreamConfig::tls, &ClientTls::ca>()},
  {.at = kUpstream, .path = "allow_link_local", .type = kBool, .fallback = "false",
   .doc = "Permit a link-local address, where clouds keep their metadata service.",
   .field = field<&UpstreamConfig::allow_link_local>()},

  // ---- who may call what
  {.at = kRoot, .path = "methods",
   .doc = "Methods that clients may call. The most specific place that names a method decides: upstream, client, chain, "
          "then this. Within one place the longer pattern wins, and a tie denies."},
  {.at = kRoot, .path = "methods.deny", .type = kMethods, .fallback = "[admin_*, personal_*, debug_*, engine_*, miner_*]",
   .max = "1000", .doc = "Names, or prefixes that end in `*`.", .field = field<&MethodRules::deny>()},
  {.at = kRoot, .path = "methods.allow", .type = kMethods, .fallback = "[]", .max = "1000",
   .doc = "Names, or prefixes that end in `*`.", .example = "[debug_traceTransaction]",
   .field = field<&MethodRules::allow>()},
  {.at = kRoot, .path = "anonymous", .doc = "Clients that bring no key."},
  {.at = kRoot, .path = "anonymous.allow", .type = kBool, .fallback = "true",
   .doc = "Whether they may call at all.", .field = field<&Config::anonymous, &AnonymousConfig::allow>()},
  {.at = kRoot, .path = "anonymous.priority", .type = kWord, .fallback = "normal", .words = kPriorities,
   .doc = "Class of their calls.", .field = field<&Config::anonymous, &AnonymousConfig::priority>()},
  {.at = kRoot, .path = "anonymous.rate_limit", .type = kRate, .fallback = "off", .min = "1/h", .max = "1000000/s",
   .zero = "off", .doc = "Calls of all of them together.", .example = "100/s",
   .field = field<&Config::anonymous, &AnonymousConfig::rate_limit>()},
  {.at = kRoot, .path = "clients", .type = kBlocks, .max = "10000", .sample = false,
   .doc = "Clients that are known by a key.", .place = kClient},
  {.at = kClient, .path = "name", .type = kName, .required = true,
   .doc = "Its name in metrics and logs.", .example = "bot-a", .field = field<&ClientConfig::name>()},
  {.at = kClient, .path = "key", .type = kSecret, .required = true, .secret = true,
   .doc = "What it sends as Authorization: Bearer, as X-API-Key, or in the path.",
   .example = "\"${file:/run/secrets/bot_a}\"", .field = field<&ClientConfig::key>()},
  {.at = kClient, .path = "priority", .type = kWord, .fallback = "normal", .words = kPriorities,
   .doc = "Class of its calls; X-Sluice-Priority may lower it.", .example = "critical",
   .field = field<&ClientConfig::priority>()},
  {.at = kClient, .path = "rate_limit", .type = kRate, .fallback = "off", .min = "1/h", .max = "1000000/s", .zero = "off",
   .doc = "Calls that it may make; each item of a batch counts.", .example = "500/s",
   .field = field<&ClientConfig::rate_limit>()},
  {.at = kClient, .path = "allow", .type = kWords, .fallback = "[]", .words = kPermissions,
   .doc = "`steer`: may choose the upstream by X-Sluice-Use-Upstream; `debug`: may ask by X-Sluice-Debug why one was chosen.", .example = "[steer]",
   .field = field<&ClientConfig::allow>()},
  {.at = kMethodOwners, .path = "methods", .sample = false, .doc = "As `methods` at top level, for this alone."},
  {.at = kMethodOwners, .path = "methods.deny", .type = kMethods, .fallback = "[]", .max = "1000",
   .doc = "Names, or prefixes that end in `*`.", .example = "[eth_getLogs]", .field = field<&MethodRules::deny>()},
  {.at = kMethodOwners, .path = "methods.allow", .type = kMethods, .fallback = "[]", .max = "1000",
   .doc = "Names, or prefixes that end in `*`.", .example = "[debug_*]", .field = field<&MethodRules::allow>()},

  // ---- events
  {.at = kRoot, .path = "events", .doc = "Where news of upstreams and reloads go beyond the log."},
  {.at = kRoot, .path = "events.webhook", .sample = false, .doc = "POST events to a URL as JSON, several in one request; repeated until it takes them."},
  {.at = kRoot, .path = "events.webhook.url", .type = kUrl, .secret = true,
   .doc = "Where to; only scheme, host and port are ever shown. Redirects are not followed.", .example = "https://ops.example/hook",
   .field = field<&Config::events, &EventsConfig::webhook, &WebhookConfig::url>()},
  {.at = kRoot, .path = "events.webhook.timeout", .type = kDuration, .fallback = "2s", .min = "10ms", .max = "1m",
   .doc = "One delivery, from looking up the name to the answer's head; also how long the process's end may wait for the last one.",
   .field = field<&Config::events, &EventsConfig::webhook, &WebhookConfig::timeout>()},
  {.at = kRoot, .path = "events.webhook.level", .type = kWord, .fallback = "info", .words = kEventLevels,
   .doc = "Least severity that is sent.",
   .field = field<&Config::events, &EventsConfig::webhook, &WebhookConfig::level>()},
  {.at = kRoot, .path = "events.webhook.headers", .type = kHeaders, .fallback = "{}", .max = "32", .secret = true,
   .doc = "Header fields sent with every delivery, such as an Authorization.", .example = "{authorization: \"Bearer ${HOOK_TOKEN:-none}\"}",
   .field = field<&Config::events, &EventsConfig::webhook, &WebhookConfig::headers>()},
  {.at = kRoot, .path = "events.webhook.ca", .type = kPath,
   .doc = "PEM file of the authorities to trust in place of the system's.", .example = "private-ca.pem",
   .field = field<&Config::events, &EventsConfig::webhook, &WebhookConfig::ca>()},
};
// clang-format on

constexpr bool fits(Type type, Stored stored) {
  switch (type) {
    case kGroup:
    case kBlock:
    case kBlocks:
      return stored == Stored::kNothing;
    case kBool:
      return stored == Stored::kBool;
    case kCount:
    case kSize:
      return stored == Stored::kCount;
    case kNumber:
    case kPercent:
    case kRate:
      return stored == Stored::kDouble;
    case kDuration:
      return stored == Stored::kDuration;
    case kWord:
      return stored == Stored::kEnum;
    case kWords:
      return stored == Stored::kBits;
    case kName:
    case kSlug:
    case kRoute:
    case kPath:
      return stored == Stored::kText;
    case kSecret:
      return stored == Stored::kSecret;
    case kAddress:
      return stored == Stored::kAddress;
    case kUrl:
      return stored == Stored::kUrl || stored == Stored::kMaybeUrl;
    case kHosts:
    case kOrigins:
    case kMethods:
      return stored == Stored::kTexts;
    case kCidrs:
      return stored == Stored::kCidrs;
    case kHeaders:
      return stored == Stored::kHeaders;
  }
  return false;
}

consteval bool sound() {
  for (const Key& key : kTable) {
    if (!fits(key.type, key.field.stored) || key.at == 0 || key.doc.empty()) return false;
    // Changes are looked for at top level, and told by name.
    if (key.reload == Reload::kRestart && (key.at != kRoot || key.secret)) return false;
    if ((key.type == kWord || key.type == kWords) == key.words.empty()) return false;
  }
  return true;
}
static_assert(sound(), "a row's type must be that of its member, and every row is explained");

}  // namespace

std::span<const Key> table() {
  return kTable;
}

}  // namespace sluice::config

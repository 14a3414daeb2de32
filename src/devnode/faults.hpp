// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/random.hpp"

namespace sluice::devnode {

enum class DisconnectStage : std::uint8_t { kBefore, kMidHead, kMidBody };
enum class Garbage : std::uint8_t { kNone, kHtml, kEmpty, kBadJson, kWrongId, kNoId, kExtraBytes };
enum class Framing : std::uint8_t {
  kNone,
  kClTe,      ///< Content-Length and Transfer-Encoding together
  kTwoCl,     ///< two Content-Length fields that differ
  kBadChunk,  ///< a chunk size that is not a number
  kHttp09,    ///< a body with no head
};

/// How long a reply is held back.
struct Latency {
  enum class Shape : std::uint8_t {
    kFixed,
    kUniform,
    kExponential,
    kLognormal,
    kAsked,  ///< what the call asks for itself; mean_ms where it does not
  };
  Shape shape = Shape::kFixed;
  double min_ms = 0;
  double mean_ms = 0;
  /// kLognormal only; 0: three times the mean.
  double p99_ms = 0;
  /// This share of replies takes tail_ms instead.
  double tail_ratio = 0;
  double tail_ms = 0;
  /// All of the above times this: one node slower than another at the same calls.
  double factor = 1;

  /// Never below min_ms, never above ten minutes, both before the factor. `asked`: the call's own
  /// time, for kAsked.
  [[nodiscard]] Duration draw(Random& random, std::optional<Duration> asked = {}) const;
};

/// What happens to one request: drawn once, then acted upon by the session.
struct Verdict {
  Duration latency{0};
  bool hang = false;
  bool rate_limited = false;
  bool error = false;
  bool null_result = false;
  bool truncate = false;
  std::optional<DisconnectStage> disconnect;
  Garbage garbage = Garbage::kNone;
  Framing framing = Framing::kNone;
};

/// The misbehaviour of a node, set by POST /_dev/faults. Applies to RPC traffic only. Every ratio
/// is from 0 to 1. JSON:
///   latency             {"min_ms", "mean_ms", "p99_ms", "distribution":
///   "fixed|uniform|exponential|lognormal|asked",
///                        "tail_ratio", "tail_ms", "factor"}, or a number: fixed milliseconds.
///                       asked: the microseconds that a call names itself by {"work_us": N} as the
///                       last of its params, else mean_ms; factor multiplies any of them
///   latency_by_method   {"eth_call": latency, …}: in place of `latency` for these
///   workers             calls that are worked on at a time, for as long as their latency says; the
///                       others wait their turn. 0: no bound
///   error_ratio         with error: {"code", "message", "data", "http_status"}; with an
///   http_status the reply is that
///                       status and a plain body instead of a JSON-RPC error. `error` alone means a
///                       ratio of 1
///   rate_limit_429      ratio of replies with status 429; retry_after: seconds for its header
///   hang                ratio of requests that are read and never answered
///   disconnect          ratio, or {"ratio", "stage": "before|mid_head|mid_body"}
///   truncate            ratio of replies whose Content-Length exceeds the bytes sent before the
///                       close
///   garbage             kind, or {"ratio", "kind"}: html empty bad_json wrong_id no_id
///                       extra_bytes
///   bad_framing         kind, or {"ratio", "kind"}: cl_te two_cl bad_chunk http09
///   slow_body           bytes per second
///   close_idle          milliseconds after which a connection without a request is closed,
///                       unannounced; before its first request it has 250 at least
///   close_after_reply   replies after which a connection is closed, unannounced
///   frozen_head         block number, or true for the head at the time of the request
///   lag_blocks          blocks by which the node is behind
///   chain_id            what eth_chainId and net_version answer
///   syncing             what eth_syncing answers
///   state_history       blocks below the head whose state is kept; older state is refused as a
///   full node does null_results        ratio (true: 1) of calls answered with null methods only
///   requests with one of these methods meet latency, errors, transport and null faults;
///                       the rest describes the node and holds for every request
/// A set of faults replaces the one before it. Immutable once parsed; shared by all threads.
struct Faults {
  Latency latency;
  std::map<std::string, Latency, std::less<>> latency_by_method;
  std::uint64_t workers = 0;
  double error_ratio = 0;
  std::int64_t error_code = -32000;
  std::string error_message = "injected error";
  std::string error_data;  ///< raw JSON; empty: no data member
  int error_status = 0;    ///< HTTP status; 0: a JSON-RPC error with status 200
  double rate_limit_429 = 0;
  std::optional<std::uint64_t> retry_after;
  double hang = 0;
  double disconnect = 0;
  DisconnectStage disconnect_stage = DisconnectStage::kBefore;
  double truncate = 0;
  double garbage_ratio = 0;
  Garbage garbage = Garbage::kNone;
  double framing_ratio = 0;
  Framing framing = Framing::kNone;
  std::uint64_t slow_body = 0;
  Duration close_idle{0};
  std::uint64_t close_after_reply = 0;
  std::optional<std::uint64_t> frozen_head;
  std::uint64_t lag_blocks = 0;
  std::optional<std::uint64_t> chain_id;
  std::string syncing;  ///< raw JSON; empty: false
  std::optional<std::uint64_t> state_history;
  double null_results = 0;
  std::vector<std::string> methods;
  std::string source = "{}";  ///< the JSON it was read from

  /// Unknown keys and words, wrong types and ratios outside [0, 1] are errors that name the key.
  /// `head` is what
  /// `"frozen_head": true` means.
  [[nodiscard]] static Result<Faults> parse(std::string_view json, std::uint64_t head);
  [[nodiscard]] bool covers(std::string_view method) const noexcept;
  /// `method`: of a single request; empty for a batch.
  [[nodiscard]] const Latency& latency_of(std::string_view method) const noexcept;
  /// `method` as above; `asked` as in Latency::draw().
  [[nodiscard]] Verdict decide(std::string_view method, Random& random,
                               std::optional<Duration> asked = {}) const;
};

}  // namespace sluice::devnode

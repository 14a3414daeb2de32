// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "devnode/json_reader.hpp"
#include "devnode/log_filter.hpp"
#include "devnode/node.hpp"

namespace sluice::devnode {

/// A reply under construction: `body`, then `fill` bytes of filler, then `tail`. Reused from
/// request to request.
struct Reply {
  std::string body;  ///< empty: nothing is to be sent (notifications only)
  std::uint64_t fill = 0;
  std::string tail;
  bool chunked = false;
  Duration delay{0};  ///< asked for by test_sleep
  std::vector<std::uint64_t>
      opened;  ///< subscriptions whose events may start once this reply is out

  void clear();
};

struct RpcError {
  bool set = false;
  std::int64_t code = 0;
  std::string message;
  std::string data;  ///< raw JSON; empty: no data member
};

enum class SubscriptionKind : std::uint8_t { kHeads, kLogs, kPending, kSyncing };

/// The WebSocket session that a call came in on.
class Subscriber {
 public:
  virtual ~Subscriber() = default;
  /// The subscription stays silent until its reply has been sent.
  virtual std::uint64_t subscribe(SubscriptionKind kind, LogFilter filter) = 0;
  virtual bool unsubscribe(std::uint64_t id) = 0;
};

/// All that a method's handler may use. It appends the raw JSON of its result to `out`, or fails.
struct Context {
  Node& node;
  const Faults& faults;
  const View& view;
  JsonReader& json;
  std::string_view params_raw;
  const std::vector<std::string_view>& params;  ///< raw tokens
  Subscriber* subscriber;                       ///< null over HTTP
  bool batch;
  Reply& reply;
  std::string& out;
  RpcError error{};

  /// The raw token of a parameter; empty when it is missing or null.
  [[nodiscard]] std::string_view param(std::size_t i) const noexcept;
  [[nodiscard]] std::string_view text(std::size_t i) const noexcept { return unquoted(param(i)); }
  /// Always false, for `return fail(…)`.
  bool fail(std::int64_t code, std::string message, std::string data = {});
  bool fail_argument(std::size_t i, std::string_view why);
  void quantity(std::uint64_t value);
  void null() { out += "null"; }
};

/// One method. Fewer than `required` parameters are refused before the handler runs.
struct Method {
  std::string_view name;
  void (*handler)(Context&);
  std::size_t required;
};

/// THE table of methods, sorted by name.
[[nodiscard]] std::span<const Method> methods();
/// The row of a method, or nothing.
[[nodiscard]] const Method* find_method(std::string_view name) noexcept;

}  // namespace sluice::devnode

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "devnode/methods.hpp"

namespace sluice::devnode {

/// Request bytes in, reply bytes out: splits a body into calls, draws the faults, runs the
/// handlers. One per worker, on its thread; does not wait, read or write. Request ids are echoed
/// byte for byte, errors have geth's words.
class Engine {
 public:
  Engine(Node& node, std::uint64_t seed) : node_(node), random_(seed) {}

  /// Answers one HTTP body or WebSocket message into `reply` and says how it is to be mistreated. A
  /// request that is refused by the verdict (rate limit, injected error) is not executed; one whose
  /// reply gets lost is.
  Verdict handle(std::string_view body, Subscriber* subscriber, Reply& reply);

  /// The faults in force, by a reference of the worker's own.
  [[nodiscard]] const Faults& faults();

 private:
  void answer_all(const JsonReader::Requests& requests, Subscriber* subscriber,
                  const Verdict& verdict, Reply& reply);
  void answer(const Envelope& envelope, Subscriber* subscriber, bool batch, const Verdict& verdict,
              Reply& reply);
  /// True when the call fails in place of being executed.
  bool inject_error(Context& context, const Verdict& verdict) const;
  void execute(Context& context, const Envelope& envelope);
  Verdict draw(const JsonReader::Requests& requests);
  /// What the call says that it takes; see Faults.
  std::optional<Duration> asked(const Envelope& envelope);
  void count(const Envelope& envelope);

  Node& node_;
  Random random_;
  JsonReader json_;
  View view_;
  std::shared_ptr<const Faults> faults_;
  std::uint64_t faults_version_ = 0;
  std::vector<std::string_view> params_;
};

}  // namespace sluice::devnode

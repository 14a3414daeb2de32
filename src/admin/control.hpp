// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "events/hub.hpp"

namespace sluice::admin {

/// One line of a client of the control socket: a JSON object whose members are these, all texts.
struct ControlRequest {
  std::string command;
  std::string target;         ///< CHAIN/UPSTREAM, or the upstream alone where it is the only one
  std::string item;           ///< what of it: a method class
  std::string value;          ///< the new value
  std::string level;          ///< for `events`: the least level
  std::string last_event_id;  ///< for `events`: the last one that the client has
};

/// What comes back, as one line: {"ok":…,"text":…,members}.
struct ControlReply {
  bool ok = true;
  std::string text;     ///< for people: what was done, or why not
  std::string members;  ///< further JSON members, each with a comma before it
};

/// May be called later, and on the control thread; a client that has gone meanwhile gets nothing.
using ControlAnswer = std::function<void(ControlReply)>;

struct ControlHandlers {
  /// Every command but `events`. Must not wait.
  std::function<void(const ControlRequest&, ControlAnswer)> run;
  std::shared_ptr<events::Hub> events;
};

/// Errors: kInvalid with what is wrong for people. Unknown members are errors, so that a newer
/// client's wish is not silently left out.
[[nodiscard]] Result<ControlRequest> parse_control(std::string_view line);
[[nodiscard]] std::string control_line(const ControlReply& reply);

}  // namespace sluice::admin

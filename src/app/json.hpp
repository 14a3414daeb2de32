// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "jsonrpc/write.hpp"

namespace sluice::app {

/// As a JSON string, quotes and all.
[[nodiscard]] inline std::string json_text(std::string_view text) {
  std::string out = "\"";
  jsonrpc::append_escaped(out, text);
  return out + "\"";
}

}  // namespace sluice::app

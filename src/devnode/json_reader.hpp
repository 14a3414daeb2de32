// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <simdjson.h>

namespace sluice::devnode {

/// One JSON-RPC request object, as views into the reader's copy of the body.
struct Envelope {
  std::string_view id;      ///< raw token; empty when absent
  std::string_view method;  ///< empty when absent or not a string
  std::string_view params;  ///< raw token; empty when absent
};

/// Reads request bodies and parameters with simdjson, deliberately not with the proxy's own JSON
/// code: the node is the other side in tests of that code. One per worker. Views stay valid until
/// the next `requests` call.
class JsonReader {
 public:
  struct Requests {
    bool well_formed = false;
    bool batch = false;
    std::vector<Envelope> calls;  ///< an Envelope without a method is an invalid request
  };

  /// Copies `body` and splits it into calls. The result is reused by the next call.
  const Requests& requests(std::string_view body);
  /// The raw tokens of an array that lies within the last body; false when it is no array.
  [[nodiscard]] bool elements(std::string_view array, std::vector<std::string_view>& out);
  /// The raw token of one member of an object within the last body; empty when absent or not an
  /// object.
  [[nodiscard]] std::string_view member(std::string_view object, std::string_view key);

 private:
  bool read_calls(simdjson::ondemand::document& document);
  static bool read_envelope(simdjson::ondemand::object object, Envelope& out);
  [[nodiscard]] simdjson::padded_string_view padded(std::string_view part) const;

  std::string body_;
  Requests requests_;
  simdjson::ondemand::parser envelope_parser_;
  simdjson::ondemand::parser part_parser_;
};

/// The text between the quotes of a raw string token without escapes; empty for any other token.
[[nodiscard]] std::string_view unquoted(std::string_view token) noexcept;

}  // namespace sluice::devnode

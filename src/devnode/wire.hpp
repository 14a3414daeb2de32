// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "devnode/faults.hpp"
#include "devnode/methods.hpp"

namespace sluice::devnode {

struct HttpHead {
  int status = 200;
  std::string_view content_type = "application/json";
  std::string_view extra_fields = {};  ///< whole lines
  bool close = false;                  ///< announce the close
};

/// The bytes of one HTTP reply as they go on the wire, right or deliberately wrong.
struct Wire {
  std::string bytes;     ///< head and body; only the head when `fill` is set
  std::size_t head = 0;  ///< size of the head within `bytes`
  /// To be sent after `bytes`: the body of the reply, this many bytes of filler, its tail; in
  /// chunks when `chunked`.
  std::uint64_t fill = 0;
  bool chunked = false;
  bool close_after = false;  ///< close the connection once all is sent
};

/// Lays out a reply under a verdict. Written byte by byte and not with an HTTP library, which would
/// refuse to produce most of what is wanted here. `out` is overwritten; its capacity is kept. A
/// verdict that cuts a streamed reply sets `out.fill` below `reply.fill` and close_after.
void compose(const HttpHead& head, const Reply& reply, const Verdict& verdict, Wire& out);

/// What a garbage fault makes of a body; ids are spoiled earlier, by the engine.
void spoil(std::string& body, Garbage garbage);

}  // namespace sluice::devnode

// SPDX-License-Identifier: Apache-2.0
// The first byte picks the role, tight or default limits and the size of the chunks; the rest is
// the wire. However it is cut, the events must be the same; text must be UTF-8, sizes within the
// limits, and nothing may follow the end.
#include <cstdlib>

#include "../unit/ws/feed.hpp"

namespace {

using namespace sluice::ws;
using namespace sluice::ws::test;

void require(bool condition) {
  if (!condition) std::abort();
}

/// Decodes the wire whole and checks each event by itself.
void check_events(Role role, std::string bytes, const Limits& limits) {
  Decoder decoder(role, limits);
  char* data = bytes.data();
  std::size_t size = bytes.size();
  for (;;) {
    std::size_t consumed = 0;
    const bool ended = decoder.finished();
    const Event event = decoder.next(data, size, consumed, {});
    require(consumed <= size);
    if (ended) require(event.kind == Event::Kind::kNeedMore && consumed == size);
    if (event.kind == Event::Kind::kMessage) {
      require(event.payload.size() <= limits.message_bytes_max);
      if (!event.binary) require(is_utf8(event.payload));
    }
    if (event.kind == Event::Kind::kPing) require(event.payload.size() <= kControlPayloadMax);
    if (event.kind == Event::Kind::kClose) require(is_utf8(event.reason));
    if (event.kind == Event::Kind::kError) require(is_valid_close_code(event.close_code));
    data += consumed;
    size -= consumed;
    if (event.kind == Event::Kind::kNeedMore) break;
  }
  std::size_t total = 0;
  if (decoder.wants_large(total))
    require(total <= std::max(limits.message_bytes_max, std::uint64_t{125}));
  if (decoder.finished()) require(size == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const unsigned choice = data[0];
  const Role role = (choice & 1U) != 0 ? Role::kClient : Role::kServer;
  Limits limits;
  if ((choice & 2U) != 0) limits = {300, 4, 2, 3};
  const std::string bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  const std::string whole = decode(role, bytes, limits);
  require(decode_in_steps(role, bytes, 1, limits) == whole);
  require(decode_in_steps(role, bytes, 2 + (choice >> 2), limits) == whole);
  check_events(role, bytes, limits);
  return 0;
}

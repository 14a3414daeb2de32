// SPDX-License-Identifier: Apache-2.0
// The first byte decides the limit on nesting and where chunks are cut; the others are a node's
// reply. Holds: read as a whole and read as a stream, it comes to the same.
#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "../unit/jsonrpc/reference_json.hpp"
#include "base/random.hpp"
#include "jsonrpc/reply.hpp"
#include "jsonrpc/reply_array.hpp"
#include "jsonrpc/reply_stream.hpp"

namespace {

using namespace sluice::jsonrpc;
using State = ReplyStream::State;
using Member = ReplyStream::Member;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

std::uint64_t number_or_7(std::string_view id) {
  std::uint64_t value = 7;
  std::from_chars(id.data(), id.data() + id.size(), value);
  return value;
}

struct Streamed {
  bool good = false;
  Member member = Member::kNone;
  std::string value;
};

Streamed stream(const std::string& body, std::uint64_t id, std::size_t depth_max,
                sluice::Random& random) {
  ReplyStream reader(id, depth_max);
  Streamed out;
  State state = State::kEnvelope;
  for (std::size_t at = 0; at < body.size();) {
    const std::size_t size = std::min<std::size_t>(
        body.size() - at, random.below(8) == 0 ? 1 + random.below(100) : random.below(4));
    const std::string chunk = body.substr(at, size);  // moves, as a connection's buffer may
    const ReplyStream::Step step = reader.feed(chunk);
    require(step.state >= state, "states go forward");
    require(step.relay.empty() || (step.state != State::kBad && step.member != Member::kNone),
            "only a member's value is relayed");
    require((step.state == State::kDone) == reader.finish(), "done is finished");
    state = step.state;
    out.member = step.member;
    out.value += step.relay;
    at += size;
  }
  out.good = reader.finish();
  return out;
}

/// In an array, a reply is what it is alone; and what is taken for a whole array is JSON.
void check_arrays(const std::string& body, const ReplyView& alone, std::size_t depth_max) {
  const std::string text = "[" + body + "]";
  ReplyArray one(text, depth_max + 1);
  const auto first = one.next();
  if (alone.valid) {
    require(first && first->valid && !one.next() && one.complete(), "a reply alone in an array");
    require(first->id == alone.id && first->result == alone.result && first->error == alone.error &&
                first->code == alone.code,
            "the same reply");
  }
  ReplyArray all(body, depth_max);
  while (all.next()) {
  }
  require(!all.complete() || reference::valid_json(body, depth_max), "a whole array is JSON");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  sluice::Random random(data[0]);
  const std::size_t depth_max = data[0] % 2 == 0 ? 128 : 1 + data[0] % 16;
  const std::string body(reinterpret_cast<const char*>(data) + 1, size - 1);
  const ReplyView reply = parse_reply(body, depth_max);
  require(!reply.valid || reference::valid_json(body, depth_max), "a valid reply is JSON");
  check_arrays(body, reply, depth_max);
  const std::uint64_t id = number_or_7(reply.id);
  const Streamed streamed = stream(body, id, depth_max, random);
  const bool both = reply.is_error && !reply.result.empty() && reply.result != "null";
  require(streamed.good == (reply.valid && !both && id_equals(reply.id, id)), "the same verdict");
  if (!streamed.good) return 0;
  require(streamed.member == (reply.is_error ? Member::kError : Member::kResult),
          "the same member");
  require(streamed.value == (reply.is_error ? reply.error : reply.result), "the same bytes");
  return 0;
}

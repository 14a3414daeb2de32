// SPDX-License-Identifier: Apache-2.0
// Any bytes as a client's message. Holds: the verdict on grammar is that of the reference and, but
// for the documented differences, of simdjson; a call that is let through means the same
// once it is written anew; a refusal can be written as a reply.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "../unit/jsonrpc/reference_json.hpp"
#include "../unit/jsonrpc/simdjson_judge.hpp"
#include "jsonrpc/codes.hpp"
#include "jsonrpc/reply.hpp"
#include "jsonrpc/splitter.hpp"
#include "jsonrpc/write.hpp"

namespace {

using namespace sluice::jsonrpc;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

void check_call(const CallView& call, std::uint64_t id) {
  static Splitter splitter;
  if (call.error_code != 0) {
    if (call.notification()) return;
    std::string reply;
    append_error(reply, call.id, call.error_code, call.error_text);
    const ReplyView read = parse_reply(reply);
    require(read.valid && read.id == call.id && read.code == call.error_code, "refusal is a reply");
    return;
  }
  std::string request;
  append_request(request, id, call.method, call.params);
  const Message& again = splitter.split(request, Limits{});
  require(!again.batch && again.calls.size() == 1, "one call stays one call");
  const CallView& read = again.calls.front();
  require(read.error_code == 0 && id_equals(read.id, id), "the call stays good");
  require(read.method == call.method && read.params == call.params, "the call stays itself");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Splitter splitter;
  // An exact copy on the heap, for the sanitizer to see any read past its end.
  const std::string body(reinterpret_cast<const char*>(data), size);
  const Message& message = splitter.split(body, Limits{});
  const bool accepted = message.error_code != kParseError;
  static SimdjsonJudge judge;
  require(accepted == reference::valid_json(body), "grammar as in the reference");
  require(judge.agrees(body, accepted), "grammar as in simdjson");
  require((message.error_code != 0) == message.calls.empty(), "an error or calls");
  std::uint64_t id = size;
  for (const CallView& call : message.calls) check_call(call, id++);
  return 0;
}

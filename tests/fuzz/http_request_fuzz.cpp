// SPDX-License-Identifier: Apache-2.0
// The result for a request head must not depend on how it is cut into reads, and what was taken
// must be taken again, with the same meaning, when it is written out plainly. The first byte of the
// input says where to cut.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "http/request_check.hpp"
#include "http/request_parser.hpp"

namespace {

using namespace sluice::http;

void require(bool condition) {
  if (!condition) std::abort();
}

/// An exact copy on the heap, so that a view into an earlier buffer or a read past the end is seen.
std::unique_ptr<char[]> copy(std::string_view text) {
  std::unique_ptr<char[]> bytes(new char[text.size()]);
  text.copy(bytes.get(), text.size());
  return bytes;
}

void require_same(const RequestParser& a, const RequestParser& b, Status status) {
  if (status == Status::kReject) require(a.reject().reason == b.reject().reason);
  if (status != Status::kDone) return;
  const RequestHead& x = a.head();
  const RequestHead& y = b.head();
  require(x.method == y.method && x.minor == y.minor && x.keep_alive == y.keep_alive);
  require(x.chunked == y.chunked && x.has_length == y.has_length &&
          x.content_length == y.content_length);
  require(x.expect_continue == y.expect_continue && x.upgrade_websocket == y.upgrade_websocket);
  require(x.target == y.target && x.path == y.path && x.query == y.query);
  require(x.host == y.host && x.api_key == y.api_key && x.authorization == y.authorization);
  require(x.content_type == y.content_type && x.origin == y.origin && x.ws_key == y.ws_key);
  require(x.forwarded_for == y.forwarded_for && x.request_id == y.request_id);
  require(x.fields().size() == y.fields().size());
  for (std::size_t i = 0; i < x.fields().size(); ++i) {
    require(x.fields()[i].name == y.fields()[i].name && x.fields()[i].value == y.fields()[i].value);
  }
}

void reparse(const RequestParser& parser, std::string_view data, const RequestLimits& limits) {
  const RequestHead& head = parser.head();
  std::string_view line = data.substr(0, parser.head_bytes());
  while (line.starts_with("\r\n")) line.remove_prefix(2);
  std::string plain(line.substr(0, line.find("\r\n") + 2));
  for (const Field field : head.fields()) {
    plain.append(field.name).append(": ").append(field.value).append("\r\n");
  }
  plain += "\r\n";
  RequestLimits roomy = limits;
  roomy.head_bytes_max += 4 * limits.fields_max;
  RequestParser again(roomy);
  require(again.parse(plain) == Status::kDone);
  require(again.head_bytes() == plain.size());
  require_same(parser, again, Status::kDone);
}

void require_invariants(const RequestParser& parser, std::string_view data) {
  const RequestHead& head = parser.head();
  require(parser.head_bytes() <= data.size());
  require(data.substr(0, parser.head_bytes()).ends_with("\r\n\r\n"));
  require(!(head.chunked && (head.has_length || head.minor == 0)));
  require(head.minor == 0 || head.host.data() != nullptr);
  for (const Field field : head.fields()) {
    require(is_token(field.name));
    require(field.value.find_first_of(std::string_view("\r\n\0", 3)) == field.value.npos);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view data(reinterpret_cast<const char*>(input) + 1, size - 1);
  RequestLimits limits;
  limits.head_bytes_max = 1024;
  limits.target_bytes_max = 256;
  limits.fields_max = 16;

  RequestParser whole(limits);
  const auto bytes = copy(data);
  const Status status = whole.parse({bytes.get(), data.size()});
  RequestParser cut(limits);
  const std::size_t step = input[0] % 64U + 1;
  Status cut_status = Status::kNeedMore;
  std::unique_ptr<char[]> last;
  for (std::size_t end = 0; cut_status == Status::kNeedMore && end < data.size();) {
    end = std::min(end + step, data.size());
    auto next = copy(data.substr(0, end));
    cut_status = cut.parse({next.get(), end});
    last = std::move(next);
  }
  require(cut_status == status);
  require_same(whole, cut, status);
  if (status == Status::kDone) {
    require_invariants(whole, data);
    reparse(whole, data, limits);
    (void)check_framing(whole.head(), limits);
  }
  return 0;
}

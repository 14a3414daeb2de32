// SPDX-License-Identifier: Apache-2.0
// The result for a response must not depend on how it is cut into reads, and a head that was taken
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

#include "http/response_parser.hpp"

namespace {

using namespace sluice::http;

void require(bool condition) {
  if (!condition) std::abort();
}

std::unique_ptr<char[]> copy(std::string_view text) {
  std::unique_ptr<char[]> bytes(new char[text.size()]);
  text.copy(bytes.get(), text.size());
  return bytes;
}

void require_same(const ResponseParser& a, const ResponseParser& b, Status status) {
  if (status == Status::kReject) require(a.reject().reason == b.reject().reason);
  if (status != Status::kDone) return;
  const ResponseHead& x = a.head();
  const ResponseHead& y = b.head();
  require(x.status == y.status && x.minor == y.minor && x.keep_alive == y.keep_alive);
  require(x.chunked == y.chunked && x.has_length == y.has_length);
  require(x.close_delimited == y.close_delimited && x.content_length == y.content_length);
  require(x.content_type == y.content_type && x.content_encoding == y.content_encoding);
  require(x.retry_after == y.retry_after && x.location == y.location);
  require(x.fields().size() == y.fields().size());
  for (std::size_t i = 0; i < x.fields().size(); ++i) {
    require(x.fields()[i].name == y.fields()[i].name && x.fields()[i].value == y.fields()[i].value);
  }
}

void reparse(const ResponseParser& parser, const ResponseLimits& limits, bool upgrade_asked) {
  const ResponseHead& head = parser.head();
  std::string plain =
      "HTTP/1." + std::to_string(head.minor) + " " + std::to_string(head.status) + "\r\n";
  for (const Field field : head.fields()) {
    plain.append(field.name).append(": ").append(field.value).append("\r\n");
  }
  plain += "\r\n";
  ResponseLimits roomy = limits;
  roomy.head_bytes_max += 4 * limits.fields_max;
  ResponseParser again(roomy);
  again.reset(upgrade_asked);
  require(again.parse(plain) == Status::kDone);
  require_same(parser, again, Status::kDone);
}

void require_invariants(const ResponseParser& parser, std::size_t size, bool upgrade_asked) {
  const ResponseHead& head = parser.head();
  require(parser.head_bytes() <= size);
  require(int{head.chunked} + int{head.has_length} + int{head.close_delimited} == 1);
  require(!head.keep_alive || !head.close_delimited);
  require(head.status >= 200 || (head.status == 101 && upgrade_asked));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view data(reinterpret_cast<const char*>(input) + 1, size - 1);
  const bool upgrade_asked = (input[0] & 0x80) != 0;
  ResponseLimits limits;
  limits.head_bytes_max = 1024;
  limits.fields_max = 16;

  ResponseParser whole(limits);
  whole.reset(upgrade_asked);
  const auto bytes = copy(data);
  const Status status = whole.parse({bytes.get(), data.size()});
  ResponseParser cut(limits);
  cut.reset(upgrade_asked);
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
    require_invariants(whole, data.size(), upgrade_asked);
    reparse(whole, limits, upgrade_asked);
  }
  return 0;
}

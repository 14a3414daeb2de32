// SPDX-License-Identifier: Apache-2.0
// Feeds one message to a parser in every way a network may deliver it. Every call sees a fresh copy
// on the heap, exactly as long as its content, so that a sanitizer catches a read past the end or
// through a view into an earlier buffer.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/request_check.hpp"
#include "http/request_parser.hpp"
#include "http/response_parser.hpp"
#include "support/catch.hpp"

namespace sluice::http::test {

class HeapCopy {
 public:
  explicit HeapCopy(std::string_view text) : bytes_(new char[text.size()]), size_(text.size()) {
    std::copy(text.begin(), text.end(), bytes_.get());
  }
  [[nodiscard]] std::string_view view() const { return {bytes_.get(), size_}; }

 private:
  std::unique_ptr<char[]> bytes_;
  std::size_t size_;
};

inline void add(std::string& out, std::string_view name, std::string_view value) {
  if (value.data() != nullptr) out.append(name).append("=[").append(value).append("] ");
}

inline void add(std::string& out, std::string_view name, std::uint64_t value) {
  add(out, name, std::string_view(std::to_string(value)));
}

inline void add(std::string& out, const FieldList& fields) {
  for (const Field field : fields) add(out, field.name, field.value);
}

inline std::string facts(const RequestParser& parser) {
  const RequestHead& head = parser.head();
  std::string out;
  add(out, "method", static_cast<std::uint64_t>(head.method));
  add(out, "minor", static_cast<std::uint64_t>(head.minor));
  add(out, "flags",
      std::uint64_t{head.keep_alive} << 4 | std::uint64_t{head.chunked} << 3 |
          std::uint64_t{head.has_length} << 2 | std::uint64_t{head.expect_continue} << 1 |
          std::uint64_t{head.upgrade_websocket});
  add(out, "length", head.content_length);
  add(out, "head_bytes", parser.head_bytes());
  add(out, "dropped", parser.dropped_fields());
  add(out, "target", head.target);
  add(out, "path", head.path);
  add(out, "query", head.query);
  add(out, "host", head.host);
  add(out, "content_type", head.content_type);
  add(out, "content_encoding", head.content_encoding);
  add(out, "authorization", head.authorization);
  add(out, "api_key", head.api_key);
  add(out, "origin", head.origin);
  add(out, "request_id", head.request_id);
  add(out, "forwarded_for", head.forwarded_for);
  add(out, "priority", head.priority);
  add(out, "timeout", head.timeout);
  add(out, "affinity", head.affinity);
  add(out, "use_upstream", head.use_upstream);
  add(out, "debug", head.debug);
  add(out, "ws_key", head.ws_key);
  add(out, "ws_version", head.ws_version);
  add(out, "ws_protocol", head.ws_protocol);
  add(out, "acrm", head.access_control_request_method);
  add(out, "traceparent", head.traceparent);
  add(out, head.fields());
  return out;
}

inline std::string facts(const ResponseParser& parser) {
  const ResponseHead& head = parser.head();
  std::string out;
  add(out, "status", static_cast<std::uint64_t>(head.status));
  add(out, "minor", static_cast<std::uint64_t>(head.minor));
  add(out, "flags",
      std::uint64_t{head.keep_alive} << 3 | std::uint64_t{head.chunked} << 2 |
          std::uint64_t{head.has_length} << 1 | std::uint64_t{head.close_delimited});
  add(out, "length", head.content_length);
  add(out, "head_bytes", parser.head_bytes());
  add(out, "content_type", head.content_type);
  add(out, "content_encoding", head.content_encoding);
  add(out, "retry_after", head.retry_after);
  add(out, "location", head.location);
  add(out, head.fields());
  return out;
}

/// All that a caller can learn from a parser after `status`, as one comparable text.
template <class Parser>
std::string outcome(const Parser& parser, Status status) {
  if (status == Status::kNeedMore) return "need more";
  if (status == Status::kDone) return facts(parser);
  return "reject " + std::to_string(parser.reject().status) + " " +
         std::string(parser.reject().reason);
}

/// Gives the parser data[0, n) for n = step, 2 step, … until it stops asking.
template <class Parser>
std::string feed_in_steps(Parser& parser, std::string_view data, std::size_t step) {
  std::string last = "need more";
  for (std::size_t size = std::min(step, data.size());; size = std::min(size + step, data.size())) {
    const HeapCopy copy(data.substr(0, size));
    const Status status = parser.parse(copy.view());
    last = outcome(parser, status);
    if (status != Status::kNeedMore || size == data.size()) return last;
  }
}

/// The outcome of `data`, after checking that every way to cut it gives the same one.
template <class Parser, class Limits>
std::string feed_all_ways(std::string_view data, const Limits& limits) {
  Parser whole(limits);
  const std::string expected = feed_in_steps(whole, data, data.size());
  Parser reused(limits);
  const std::size_t stride = data.size() < 1500 ? 1 : data.size() / 500;
  for (const std::size_t step : {stride, stride * 7}) {
    reused.reset();
    CAPTURE(step);
    CHECK(feed_in_steps(reused, data, step) == expected);
  }
  for (std::size_t at = 0; at <= data.size(); at += stride) {
    reused.reset();
    const HeapCopy prefix(data.substr(0, at));
    Status status = reused.parse(prefix.view());
    if (status == Status::kReject) {
      CHECK(outcome(reused, status) == expected);
      continue;
    }
    const HeapCopy all(data);
    status = reused.parse(all.view());
    if (const auto got = outcome(reused, status); got != expected) {
      CAPTURE(at);
      CHECK(got == expected);
    }
  }
  return expected;
}

/// The word under which a request is refused by the parser or by check_framing, "ok" or "need
/// more".
inline std::string verdict(std::string_view data, const RequestLimits& limits = {}) {
  const std::string fed = feed_all_ways<RequestParser>(data, limits);
  RequestParser parser(limits);
  const Status status = parser.parse(data);
  if (status == Status::kNeedMore) return fed;
  if (status == Status::kReject) {
    return std::to_string(parser.reject().status) + " " + std::string(parser.reject().reason);
  }
  if (const auto reject = check_framing(parser.head(), limits)) {
    return std::to_string(reject->status) + " " + std::string(reject->reason);
  }
  return "ok";
}

/// A parsed head together with the parser and the bytes that it looks into.
class Parsed {
 public:
  explicit Parsed(std::string data, const RequestLimits& limits = {})
      : data_(std::move(data)), parser_(limits) {
    REQUIRE(parser_.parse(data_) == Status::kDone);
  }
  const RequestHead* operator->() const { return &parser_.head(); }
  [[nodiscard]] const RequestParser& parser() const { return parser_; }

 private:
  std::string data_;
  RequestParser parser_;
};

struct Case {
  std::string name;
  std::string data;
  std::string expected;
};

/// A string that may hold NUL.
template <std::size_t N>
std::string bytes(const char (&literal)[N]) {
  return std::string(literal, N - 1);
}

}  // namespace sluice::http::test

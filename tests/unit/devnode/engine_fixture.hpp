// SPDX-License-Identifier: Apache-2.0
// A node without sockets: request text in, reply text out.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>

#include <simdjson.h>

#include "devnode/engine.hpp"
#include "support/catch.hpp"

namespace sluice::devnode {

class RecordingSubscriber final : public Subscriber {
 public:
  std::uint64_t subscribe(SubscriptionKind kind, LogFilter /*filter*/) override {
    kinds.emplace(++last, kind);
    return last;
  }
  bool unsubscribe(std::uint64_t id) override { return kinds.erase(id) > 0; }

  std::map<std::uint64_t, SubscriptionKind> kinds;
  std::uint64_t last = 0;
};

/// A chain mined by hand, with its head at 1024.
struct EngineFixture {
  Node node{ChainSpec{.interval = Duration{0}}, "n1", {}, nullptr};
  Engine engine{node, 1};
  Reply reply;
  Verdict verdict;
  RecordingSubscriber subscriber;

  std::string send(std::string_view body, Subscriber* by = nullptr) {
    verdict = engine.handle(body, by, reply);
    return reply.body;
  }
  /// The reply to one call with id 1.
  std::string ask(std::string_view method, std::string_view params) {
    return send(std::string(R"({"jsonrpc":"2.0","id":1,"method":")") + std::string(method) +
                R"(","params":)" + std::string(params) + "}");
  }
  /// The raw result; fails the test on an error.
  std::string result(std::string_view method, std::string_view params) {
    constexpr std::string_view kOpening = R"({"jsonrpc":"2.0","id":1,"result":)";
    const std::string text = ask(method, params);
    INFO(method << params << " gave " << text);
    REQUIRE(text.starts_with(kOpening));
    REQUIRE(text.back() == '}');
    return text.substr(kOpening.size(), text.size() - kOpening.size() - 1);
  }
  void faults(std::string_view json) {
    auto parsed = Faults::parse(json, node.true_head());
    INFO(json);
    REQUIRE(parsed.has_value());
    node.set_faults(std::move(*parsed));
  }
};

inline std::string quoted_hash(const Bytes32& hash) {
  std::string text = "\"";
  append_hex(text, hash);
  return text + '"';
}

/// A parsed reply that owns its text.
class Json {
 public:
  explicit Json(std::string_view text) : text_(text) {
    INFO(text);
    REQUIRE(parser_.parse(text_).get(root_) == simdjson::SUCCESS);
  }
  [[nodiscard]] bool has(std::string_view key) const {
    return root_[key].error() == simdjson::SUCCESS;
  }
  [[nodiscard]] bool is_null(std::string_view key) const {
    return has(key) && root_[key].is_null();
  }
  [[nodiscard]] std::string text(std::string_view key) const {
    std::string_view value;
    INFO(key);
    REQUIRE(root_[key].get(value) == simdjson::SUCCESS);
    return std::string(value);
  }
  [[nodiscard]] std::size_t size(std::string_view key) const {
    simdjson::dom::array array;
    INFO(key);
    REQUIRE(root_[key].get(array) == simdjson::SUCCESS);
    return array.size();
  }
  [[nodiscard]] const simdjson::dom::element& root() const { return root_; }

 private:
  simdjson::padded_string text_;
  simdjson::dom::parser parser_;
  simdjson::dom::element root_;
};

}  // namespace sluice::devnode

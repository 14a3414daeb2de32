// SPDX-License-Identifier: Apache-2.0
#include "devnode/stats.hpp"

#include <iterator>

#include <fmt/format.h>

namespace sluice::devnode {

Stats::Stats(std::size_t methods) : methods_(methods) {}

void Stats::count_method(std::size_t row) noexcept {
  methods_[row].fetch_add(1, std::memory_order_relaxed);
}

void Stats::count_unknown(std::string_view method) {
  const std::lock_guard lock(mutex_);
  const auto at = unknown_.find(method);
  if (at != unknown_.end()) {
    ++at->second;
  } else if (unknown_.size() < kUnknownMax) {
    unknown_.emplace(method, 1);
  }
}

void Stats::count_sent(const Bytes32& hash) {
  const std::lock_guard lock(mutex_);
  if (sent_.size() < kSentMax || sent_.contains(hash)) ++sent_[hash];
}

void Stats::record_request(std::string_view raw) {
  const std::lock_guard lock(mutex_);
  last_request_.assign(raw.substr(0, kRawMax));
}

void Stats::clear() {
  for (auto* counter :
       {&accepted, &http_requests, &websocket_messages, &batches, &calls, &notifications}) {
    counter->store(0, std::memory_order_relaxed);
  }
  for (auto& counter : methods_) counter.store(0, std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  unknown_.clear();
  sent_.clear();
  last_request_.clear();
}

std::string Stats::to_json(std::string_view extra,
                           const std::vector<std::string_view>& names) const {
  std::string out = fmt::format(
      R"({{{}"connections":{{"accepted":{},"open":{}}},"http_requests":{},"websocket_messages":{},)"
      R"("batches":{},"calls":{},"notifications":{},"requests":{{)",
      extra, accepted.load(), open.load(), http_requests.load(), websocket_messages.load(),
      batches.load(), calls.load(), notifications.load());
  const auto member = [&out](std::string_view name, std::uint64_t count) {
    if (out.back() != '{') out += ',';
    append_json_string(out, name);
    fmt::format_to(std::back_inserter(out), ":{}", count);
  };
  for (std::size_t row = 0; row < methods_.size(); ++row) {
    const std::uint64_t count = methods_[row].load(std::memory_order_relaxed);
    if (count > 0) member(names[row], count);
  }
  const std::lock_guard lock(mutex_);
  for (const auto& [name, count] : unknown_) member(name, count);
  out += "},\"sent\":{";
  for (const auto& [hash, count] : sent_) {
    std::string text;
    append_hex(text, hash);
    member(text, count);
  }
  out += "},\"last_request\":";
  append_json_string(out, last_request_);
  out += '}';
  return out;
}

}  // namespace sluice::devnode

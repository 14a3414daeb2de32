// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "devnode/text.hpp"

namespace sluice::devnode {

/// What a node has seen, for assertions in tests: shown by GET /_dev/stats, cleared by DELETE.
/// Requests to /_dev/ are not counted. Any thread: counters are relaxed atomics, the rest is under
/// a mutex.
class Stats {
 public:
  /// `methods` counters, one for each row of the method table.
  explicit Stats(std::size_t methods);

  std::atomic<std::uint64_t> accepted{0};
  std::atomic<std::uint64_t> open{0};
  std::atomic<std::uint64_t> http_requests{0};
  std::atomic<std::uint64_t> websocket_messages{0};
  std::atomic<std::uint64_t> batches{0};
  std::atomic<std::uint64_t> calls{0};
  std::atomic<std::uint64_t> notifications{0};

  void count_method(std::size_t row) noexcept;
  /// A method that the table does not have; only the first kUnknownMax names are told apart.
  void count_unknown(std::string_view method);
  void count_sent(const Bytes32& hash);
  /// The bytes of the newest request: head and body, or a WebSocket message. At most kRawMax are
  /// kept.
  void record_request(std::string_view raw);

  void clear();
  /// A JSON object; `names` are the methods' names by row. `extra` is raw JSON members that go
  /// first.
  [[nodiscard]] std::string to_json(std::string_view extra,
                                    const std::vector<std::string_view>& names) const;

  static constexpr std::size_t kRawMax = 65536;

 private:
  static constexpr std::size_t kUnknownMax = 256;
  static constexpr std::size_t kSentMax = 65536;

  std::deque<std::atomic<std::uint64_t>> methods_;
  mutable std::mutex mutex_;
  std::map<std::string, std::uint64_t, std::less<>> unknown_;
  std::map<Bytes32, std::uint64_t> sent_;
  std::string last_request_;
};

}  // namespace sluice::devnode

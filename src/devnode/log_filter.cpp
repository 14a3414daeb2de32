// SPDX-License-Identifier: Apache-2.0
#include "devnode/log_filter.hpp"

#include <algorithm>
#include <array>

#include "devnode/render.hpp"

namespace sluice::devnode {

bool LogFilter::matches(const Transaction& transaction) const {
  if (!addresses.empty() &&
      std::find(addresses.begin(), addresses.end(), transaction.to) == addresses.end()) {
    return false;
  }
  const std::array<Bytes32, 3> have{kTransferTopic, topic_of(transaction.from),
                                    topic_of(transaction.recipient)};
  if (topics.size() > have.size()) return false;
  for (std::size_t i = 0; i < topics.size(); ++i) {
    const auto& wanted = topics[i];
    if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), have[i]) == wanted.end()) {
      return false;
    }
  }
  return true;
}

std::vector<PlacedLog> matching_logs(const Chain& chain, const LogFilter& filter,
                                     std::uint64_t block) {
  std::vector<PlacedLog> logs;
  const std::uint32_t count = chain.transaction_count(block);
  std::uint32_t log_index = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    const Transaction transaction = chain.transaction({block, i});
    if (!transaction.token) continue;
    if (filter.matches(transaction)) logs.push_back({transaction, log_index});
    ++log_index;
  }
  return logs;
}

}  // namespace sluice::devnode

// SPDX-License-Identifier: Apache-2.0
#include "devnode/methods.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "devnode/handlers.hpp"

namespace sluice::devnode {
namespace {

using namespace handlers;

constexpr std::array kMethods{
    Method{"eth_accounts", accounts, 0},
    Method{"eth_blobBaseFee", blob_base_fee, 0},
    Method{"eth_blockNumber", block_number, 0},
    Method{"eth_call", call, 1},
    Method{"eth_chainId", chain_id, 0},
    Method{"eth_createAccessList", create_access_list, 1},
    Method{"eth_estimateGas", estimate_gas, 1},
    Method{"eth_feeHistory", fee_history, 2},
    Method{"eth_gasPrice", gas_price, 0},
    Method{"eth_getBalance", balance, 1},
    Method{"eth_getBlockByHash", block_by_hash, 1},
    Method{"eth_getBlockByNumber", block_by_number, 1},
    Method{"eth_getBlockReceipts", block_receipts, 1},
    Method{"eth_getBlockTransactionCountByHash", transaction_count_by_block, 1},
    Method{"eth_getBlockTransactionCountByNumber", transaction_count_by_block, 1},
    Method{"eth_getCode", code, 1},
    Method{"eth_getFilterChanges", filter_changes, 1},
    Method{"eth_getFilterLogs", filter_logs, 1},
    Method{"eth_getLogs", get_logs, 1},
    Method{"eth_getStorageAt", storage_at, 2},
    Method{"eth_getTransactionByBlockHashAndIndex", transaction_by_block_and_index, 2},
    Method{"eth_getTransactionByBlockNumberAndIndex", transaction_by_block_and_index, 2},
    Method{"eth_getTransactionByHash", transaction_by_hash, 1},
    Method{"eth_getTransactionCount", transaction_count, 1},
    Method{"eth_getTransactionReceipt", transaction_receipt, 1},
    Method{"eth_getUncleByBlockHashAndIndex", uncle, 2},
    Method{"eth_getUncleByBlockNumberAndIndex", uncle, 2},
    Method{"eth_getUncleCountByBlockHash", uncle_count, 1},
    Method{"eth_getUncleCountByBlockNumber", uncle_count, 1},
    Method{"eth_maxPriorityFeePerGas", max_priority_fee, 0},
    Method{"eth_newBlockFilter", new_block_filter, 0},
    Method{"eth_newFilter", new_filter, 1},
    Method{"eth_newPendingTransactionFilter", new_pending_filter, 0},
    Method{"eth_sendRawTransaction", send_raw_transaction, 1},
    Method{"eth_subscribe", subscribe, 1},
    Method{"eth_syncing", syncing, 0},
    Method{"eth_uninstallFilter", uninstall_filter, 1},
    Method{"eth_unsubscribe", unsubscribe, 1},
    Method{"net_listening", net_listening, 0},
    Method{"net_peerCount", net_peer_count, 0},
    Method{"net_version", net_version, 0},
    Method{"test_echo", test_echo, 0},
    Method{"test_error", test_error, 1},
    Method{"test_revert", test_revert, 0},
    Method{"test_size", test_size, 1},
    Method{"test_sleep", test_sleep, 1},
    Method{"web3_clientVersion", client_version, 0},
    Method{"web3_sha3", sha3, 1},
};
constexpr bool kSorted =
    std::is_sorted(kMethods.begin(), kMethods.end(),
                   [](const Method& a, const Method& b) { return a.name < b.name; });
static_assert(kSorted, "find_method searches by halving");

}  // namespace

void Reply::clear() {
  body.clear();
  fill = 0;
  tail.clear();
  chunked = false;
  delay = Duration{0};
  opened.clear();
}

std::string_view Context::param(std::size_t i) const noexcept {
  if (i >= params.size() || params[i] == "null") return {};
  return params[i];
}

bool Context::fail(std::int64_t code, std::string message, std::string data) {
  error = {.set = true, .code = code, .message = std::move(message), .data = std::move(data)};
  return false;
}

bool Context::fail_argument(std::size_t i, std::string_view why) {
  return fail(-32602, fmt::format("invalid argument {}: {}", i, why));
}

void Context::quantity(std::uint64_t value) {
  out += '"';
  append_quantity(out, value);
  out += '"';
}

std::span<const Method> methods() {
  return kMethods;
}

const Method* find_method(std::string_view name) noexcept {
  const auto* at = std::lower_bound(
      kMethods.begin(), kMethods.end(), name,
      [](const Method& method, std::string_view wanted) { return method.name < wanted; });
  return at != kMethods.end() && at->name == name ? at : nullptr;
}

}  // namespace sluice::devnode

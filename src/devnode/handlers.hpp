// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "devnode/methods.hpp"

/// The handlers behind the rows of the method table, grouped by the file that holds them.
namespace sluice::devnode::handlers {

// handlers_chain.cpp: the node, its blocks and transactions
void chain_id(Context&);
void net_version(Context&);
void net_listening(Context&);
void net_peer_count(Context&);
void client_version(Context&);
void sha3(Context&);
void syncing(Context&);
void accounts(Context&);
void block_number(Context&);
void block_by_number(Context&);
void block_by_hash(Context&);
void transaction_count_by_block(Context&);
void uncle_count(Context&);
void uncle(Context&);
void block_receipts(Context&);
void transaction_by_hash(Context&);
void transaction_by_block_and_index(Context&);
void transaction_receipt(Context&);

// handlers_state.cpp: state, calls, fees, sending
void gas_price(Context&);
void max_priority_fee(Context&);
void blob_base_fee(Context&);
void fee_history(Context&);
void balance(Context&);
void code(Context&);
void transaction_count(Context&);
void storage_at(Context&);
void call(Context&);
void estimate_gas(Context&);
void create_access_list(Context&);
void send_raw_transaction(Context&);

// handlers_logs.cpp: logs, filters, subscriptions
void get_logs(Context&);
void new_filter(Context&);
void new_block_filter(Context&);
void new_pending_filter(Context&);
void filter_changes(Context&);
void filter_logs(Context&);
void uninstall_filter(Context&);
void subscribe(Context&);
void unsubscribe(Context&);

// handlers_test.cpp: helpers that no real node has
void test_echo(Context&);
void test_size(Context&);
void test_sleep(Context&);
void test_revert(Context&);
void test_error(Context&);

}  // namespace sluice::devnode::handlers

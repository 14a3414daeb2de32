// SPDX-License-Identifier: Apache-2.0
#include "devnode/render.hpp"

#include <algorithm>

namespace sluice::devnode {

const Bytes32 kTransferTopic = {0xdd, 0xf2, 0x52, 0xad, 0x1b, 0xe2, 0xc8, 0x9b, 0x69, 0xc2, 0xb0,
                                0x68, 0xfc, 0x37, 0x8d, 0xaa, 0x95, 0x2b, 0xa7, 0xf1, 0x63, 0xc4,
                                0xa1, 0x16, 0x28, 0xf5, 0x5a, 0x4d, 0xf5, 0x23, 0xb3, 0xef};

namespace {

constexpr std::uint64_t kGasLimit = 30'000'000;

/// Every bit set: a bloom filter that excludes nothing, which is always a true one.
const std::string kFullBloom = "\"logsBloom\":\"0x" + std::string(512, 'f') + "\",";
const std::string kEmptyBloom = "\"logsBloom\":\"0x" + std::string(512, '0') + "\",";

void append_word(std::string& out, std::uint64_t value) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  out.append(48, '0');
  for (int shift = 60; shift >= 0; shift -= 4) out += kDigits[(value >> shift) & 15U];
}

/// Gas of the first `count` transactions of a block.
std::uint64_t gas_of(const Chain& chain, std::uint64_t number, std::uint32_t count) {
  std::uint64_t gas = 0;
  for (std::uint32_t i = 0; i < count; ++i) gas += chain.transaction({number, i}).gas_used;
  return gas;
}

void append_header_fields(std::string& out, const Chain& chain, std::uint64_t number) {
  const std::uint32_t count = chain.transaction_count(number);
  append_hex_field(out, "parentHash", number == 0 ? Bytes32{} : chain.block_hash(number - 1));
  out += "\"sha3Uncles\":\"0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347\",";
  append_hex_field(out, "stateRoot", chain.root("state", number));
  append_hex_field(out, "transactionsRoot", chain.root("transactions", number));
  append_hex_field(out, "receiptsRoot", chain.root("receipts", number));
  append_quantity_field(out, "number", number);
  append_quantity_field(out, "gasLimit", kGasLimit);
  append_quantity_field(out, "gasUsed", gas_of(chain, number, count));
  append_quantity_field(out, "timestamp", chain.timestamp(number));
  append_quantity_field(out, "baseFeePerGas", chain.base_fee(number));
  append_hex_field(out, "mixHash", chain.root("randao", number));
  append_hex_field(out, "withdrawalsRoot", chain.root("withdrawals", number));
  append_hex_field(out, "parentBeaconBlockRoot", chain.root("beacon", number));
  out += "\"difficulty\":\"0x0\",\"extraData\":\"0x736c7569636520646576\",";
  out += "\"blobGasUsed\":\"0x0\",\"excessBlobGas\":\"0x0\",";
}

void append_seal_fields(std::string& out, const Chain& chain, std::uint64_t number) {
  append_hex_field(out, "hash", chain.block_hash(number));
  append_hex_field(out, "miner", chain.account(number));
  out += "\"nonce\":\"0x0000000000000000\",";
  out += chain.transaction_count(number) == 0 ? kEmptyBloom : kFullBloom;
}

void append_place(std::string& out, const Chain& chain, TransactionPlace place) {
  append_hex_field(out, "blockHash", chain.block_hash(place.block));
  append_quantity_field(out, "blockNumber", place.block);
  append_quantity_field(out, "transactionIndex", place.index);
}

/// 32 bytes with the top bit clear and no leading zero digit: both a canonical `s` and a
/// well-formed quantity.
void append_scalar(std::string& out, std::string_view key, Bytes32 value) {
  value[0] = static_cast<std::uint8_t>(0x10U | (value[0] & 0x6fU));
  append_hex_field(out, key, value);
}

void append_signature(std::string& out, const Chain& chain, std::uint64_t salt) {
  const Bytes32 r = chain.root("signature r", salt);
  const Bytes32 s = chain.root("signature s", salt);
  append_scalar(out, "r", r);
  append_scalar(out, "s", s);
  const std::uint64_t parity = r[31] & 1U;
  append_quantity_field(out, "v", parity);
  append_quantity_field(out, "yParity", parity);
  out += "\"accessList\":[],\"type\":\"0x2\",";
  append_quantity_field(out, "chainId", chain.spec().chain_id);
}

void close_object(std::string& out) {
  if (out.back() == ',') out.pop_back();
  out += '}';
}

/// The transactions before `index` that have a log: the block-wide number of the next log.
std::uint32_t logs_before(const Chain& chain, TransactionPlace place) {
  std::uint32_t logs = 0;
  for (std::uint32_t i = 0; i < place.index; ++i) {
    if (chain.transaction({place.block, i}).token) ++logs;
  }
  return logs;
}

struct Position {
  std::uint32_t log_index;
  std::uint64_t gas_before;
};

void append_receipt_at(std::string& out, const Chain& chain, const Transaction& transaction,
                       Position at) {
  out += '{';
  append_hex_field(out, "transactionHash", transaction.hash);
  append_place(out, chain, transaction.place);
  append_hex_field(out, "from", transaction.from);
  append_hex_field(out, "to", transaction.to);
  append_quantity_field(out, "gasUsed", transaction.gas_used);
  append_quantity_field(out, "cumulativeGasUsed", at.gas_before + transaction.gas_used);
  append_quantity_field(out, "effectiveGasPrice",
                        chain.base_fee(transaction.place.block) + transaction.tip);
  out += "\"contractAddress\":null,\"status\":\"0x1\",\"type\":\"0x2\",";
  out += transaction.token ? kFullBloom : kEmptyBloom;
  out += "\"logs\":[";
  if (transaction.token) append_log(out, chain, transaction, at.log_index);
  out += "]}";
}

}  // namespace

Bytes32 topic_of(const Address& address) noexcept {
  Bytes32 topic{};
  std::copy(address.begin(), address.end(), topic.begin() + 12);
  return topic;
}

void append_transfer_input(std::string& out, const Transaction& transaction) {
  out += "0xa9059cbb000000000000000000000000";
  const std::size_t at = out.size();
  append_hex(out, transaction.recipient);
  out.erase(at, 2);
  append_word(out, transaction.value);
}

void append_header(std::string& out, const Chain& chain, std::uint64_t number) {
  out += '{';
  append_header_fields(out, chain, number);
  append_seal_fields(out, chain, number);
  close_object(out);
}

void append_block(std::string& out, const Chain& chain, std::uint64_t number, bool full) {
  out += '{';
  append_header_fields(out, chain, number);
  append_seal_fields(out, chain, number);
  const std::uint32_t count = chain.transaction_count(number);
  append_quantity_field(out, "size", 650 + 180ULL * count);
  out += "\"uncles\":[],\"withdrawals\":[],\"transactions\":[";
  for (std::uint32_t i = 0; i < count; ++i) {
    if (i > 0) out += ',';
    if (full) {
      append_transaction(out, chain, {number, i});
    } else {
      out += '"';
      append_hex(out, chain.transaction_hash({number, i}));
      out += '"';
    }
  }
  out += "]}";
}

void append_pending_block(std::string& out, const Chain& chain, std::uint64_t head) {
  out += '{';
  append_header_fields(out, chain, head + 1);
  out += "\"hash\":null,\"miner\":null,\"nonce\":null,";
  out += kEmptyBloom;
  append_quantity_field(out, "size", 650);
  out += "\"uncles\":[],\"withdrawals\":[],\"transactions\":[]}";
}

void append_transaction(std::string& out, const Chain& chain, TransactionPlace place) {
  const Transaction transaction = chain.transaction(place);
  out += '{';
  append_place(out, chain, place);
  append_hex_field(out, "hash", transaction.hash);
  append_hex_field(out, "from", transaction.from);
  append_hex_field(out, "to", transaction.to);
  append_quantity_field(out, "nonce", transaction.nonce);
  append_quantity_field(out, "gas", transaction.gas_used + 20'000);
  append_quantity_field(out, "value", transaction.token ? 0 : transaction.value);
  append_quantity_field(out, "gasPrice", chain.base_fee(place.block) + transaction.tip);
  append_quantity_field(out, "maxFeePerGas", 4'000'000'000);
  append_quantity_field(out, "maxPriorityFeePerGas", transaction.tip);
  out += "\"input\":\"";
  if (transaction.token) {
    append_transfer_input(out, transaction);
  } else {
    out += "0x";
  }
  out += "\",";
  append_signature(out, chain, (place.block << 12U) | place.index);
  close_object(out);
}

void append_log(std::string& out, const Chain& chain, const Transaction& transaction,
                std::uint32_t log_index) {
  out += '{';
  append_hex_field(out, "address", transaction.to);
  out += "\"topics\":[\"";
  append_hex(out, kTransferTopic);
  out += "\",\"";
  append_hex(out, topic_of(transaction.from));
  out += "\",\"";
  append_hex(out, topic_of(transaction.recipient));
  out += "\"],\"data\":\"0x";
  append_word(out, transaction.value);
  out += "\",";
  append_place(out, chain, transaction.place);
  append_hex_field(out, "transactionHash", transaction.hash);
  append_quantity_field(out, "blockTimestamp", chain.timestamp(transaction.place.block));
  append_quantity_field(out, "logIndex", log_index);
  out += "\"removed\":false}";
}

void append_receipt(std::string& out, const Chain& chain, TransactionPlace place) {
  append_receipt_at(out, chain, chain.transaction(place),
                    {logs_before(chain, place), gas_of(chain, place.block, place.index)});
}

void append_block_receipts(std::string& out, const Chain& chain, std::uint64_t number) {
  const std::uint32_t count = chain.transaction_count(number);
  Position at{0, 0};
  out += '[';
  for (std::uint32_t i = 0; i < count; ++i) {
    if (i > 0) out += ',';
    const Transaction transaction = chain.transaction({number, i});
    append_receipt_at(out, chain, transaction, at);
    at.gas_before += transaction.gas_used;
    if (transaction.token) ++at.log_index;
  }
  out += ']';
}

void append_sent_transaction(std::string& out, const Chain& chain, const SentView& sent) {
  const std::uint64_t salt = chain.digest(as_text(sent.hash), 0);
  out += '{';
  if (sent.mined) {
    append_place(out, chain, {sent.block, chain.transaction_count(sent.block)});
  } else {
    out += "\"blockHash\":null,\"blockNumber\":null,\"transactionIndex\":null,";
  }
  append_hex_field(out, "hash", sent.hash);
  append_hex_field(out, "from", chain.account(salt));
  append_hex_field(out, "to", chain.account(salt >> 8U));
  append_quantity_field(out, "nonce", salt % 1000);
  append_quantity_field(out, "gas", 21'000);
  append_quantity_field(out, "value", salt >> 20U);
  append_quantity_field(out, "gasPrice", 2'000'000'000);
  append_quantity_field(out, "maxFeePerGas", 4'000'000'000);
  append_quantity_field(out, "maxPriorityFeePerGas", 100'000'000);
  out += "\"input\":\"0x\",";
  append_signature(out, chain, salt);
  close_object(out);
}

void append_sent_receipt(std::string& out, const Chain& chain, const SentView& sent) {
  const std::uint64_t salt = chain.digest(as_text(sent.hash), 0);
  const std::uint32_t index = chain.transaction_count(sent.block);
  append_receipt_at(out, chain,
                    {.hash = sent.hash,
                     .place = {sent.block, index},
                     .from = chain.account(salt),
                     .to = chain.account(salt >> 8U),
                     .recipient = chain.account(salt >> 8U),
                     .value = salt >> 20U,
                     .nonce = salt % 1000,
                     .gas_used = 21'000,
                     .tip = 100'000'000,
                     .token = false},
                    {0, gas_of(chain, sent.block, index)});
}

}  // namespace sluice::devnode

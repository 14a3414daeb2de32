// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>
#include <iterator>

#include <fmt/format.h>

#include "devnode/handlers.hpp"
#include "devnode/params.hpp"
#include "devnode/state.hpp"
#include "ethereum/transaction_hash.hpp"

namespace sluice::devnode::handlers {
namespace {

constexpr std::uint64_t kTip = 100'000'000;
constexpr std::uint64_t kFeeHistoryMax = 1024;

/// The parts of a call object that decide its answer.
struct CallObject {
  std::string_view to;     ///< the address's bytes; empty for a contract creation
  std::string_view input;  ///< 0x data
  Address address{};
};

bool read_call(Context& context, CallObject& call) {
  const std::string_view object = context.param(0);
  if (object.empty() || object.front() != '{') {
    return context.fail_argument(0, "json: cannot unmarshal into Go value of type TransactionArgs");
  }
  call.input = unquoted(context.json.member(object, "data"));
  if (call.input.empty()) call.input = unquoted(context.json.member(object, "input"));
  if (call.input.empty()) call.input = "0x";
  const std::string_view to = unquoted(context.json.member(object, "to"));
  if (to.empty()) return true;
  if (!parse_fixed(to, call.address)) {
    return context.fail_argument(0, "json: cannot unmarshal into Go struct field .to");
  }
  call.to = as_text(call.address);
  return true;
}

void fail_reverted(Context& context) {
  std::string data = "\"";
  append_revert_data(data, "deterministic revert");
  data += '"';
  context.fail(3, "execution reverted: deterministic revert", std::move(data));
}

/// A 32-byte slot from up to 64 digits.
std::optional<Bytes32> slot_param(Context& context, std::size_t i) {
  const std::string_view text = context.text(i);
  if (ethereum::has_hex_prefix(text) && text.size() <= 66) {
    const std::string digits = std::string(66 - text.size(), '0') + std::string(text.substr(2));
    Bytes32 slot{};
    if (ethereum::decode_hex(digits, slot)) return slot;
  }
  context.fail_argument(i, "hex string without 0x prefix");
  return std::nullopt;
}

/// eth_feeHistory's count, which some clients write as a number and some as a quantity.
std::optional<std::uint64_t> fee_block_count(Context& context) {
  const std::string_view token = context.param(0);
  std::uint64_t count = 0;
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), count);
  if (error == std::errc{} && end == token.data() + token.size()) return count;
  return quantity_param(context, 0);
}

template <class Each>
void append_list(std::string& out, std::string_view key, std::uint64_t count, Each each) {
  fmt::format_to(std::back_inserter(out), "\"{}\":[", key);
  for (std::uint64_t i = 0; i < count; ++i) {
    if (i > 0) out += ',';
    each(i);
  }
  out += "],";
}

}  // namespace

void gas_price(Context& context) {
  context.quantity(context.node.chain().base_fee(context.view.head) + kTip);
}

void max_priority_fee(Context& context) {
  context.quantity(kTip);
}

void blob_base_fee(Context& context) {
  context.quantity(1);
}

void fee_history(Context& context) {
  const auto wanted = fee_block_count(context);
  if (!wanted) return;
  const auto newest = state_block_param(context, 1);
  if (!newest) return;
  std::vector<std::string_view> percentiles;
  if (!context.param(2).empty() && !context.json.elements(context.param(2), percentiles)) {
    context.fail_argument(2, "json: cannot unmarshal into Go value of type []float64");
    return;
  }
  const Chain& chain = context.node.chain();
  const std::uint64_t count = std::min({*wanted, kFeeHistoryMax, *newest + 1});
  const std::uint64_t oldest = *newest + 1 - count;
  std::string& out = context.out;
  out += '{';
  const auto fee = [&](std::uint64_t i) { context.quantity(chain.base_fee(oldest + i)); };
  append_list(out, "baseFeePerGas", count + 1, fee);
  append_list(out, "gasUsedRatio", count, [&](std::uint64_t i) {
    const std::uint64_t percent = chain.word(0, oldest + i, 1) % 100;
    fmt::format_to(std::back_inserter(out), "0.{:02}", percent);
  });
  append_list(out, "baseFeePerBlobGas", count + 1, [&](std::uint64_t) { context.quantity(1); });
  append_list(out, "blobGasUsedRatio", count, [&](std::uint64_t) { out += '0'; });
  if (!percentiles.empty()) {
    append_list(out, "reward", count, [&](std::uint64_t) {
      out += '[';
      for (std::size_t p = 0; p < percentiles.size(); ++p) {
        if (p > 0) out += ',';
        context.quantity(kTip);
      }
      out += ']';
    });
  }
  out += "\"oldestBlock\":";
  context.quantity(oldest);
  out += '}';
}

void balance(Context& context) {
  const auto address = address_param(context, 0);
  if (!address) return;
  const auto block = state_block_param(context, 1);
  if (!block) return;
  context.out += '"';
  append_balance(context.out, context.node.chain(), *address, *block);
  context.out += '"';
}

void code(Context& context) {
  const auto address = address_param(context, 0);
  if (!address || !state_block_param(context, 1)) return;
  context.out += '"';
  append_code(context.out, context.node.chain(), *address);
  context.out += '"';
}

void transaction_count(Context& context) {
  const auto address = address_param(context, 0);
  if (!address) return;
  if (const auto block = state_block_param(context, 1)) {
    context.quantity(nonce_at(context.node.chain(), *address, *block));
  }
}

void storage_at(Context& context) {
  const auto address = address_param(context, 0);
  if (!address) return;
  const auto slot = slot_param(context, 1);
  if (!slot) return;
  const auto block = state_block_param(context, 2);
  if (!block) return;
  context.out += '"';
  append_storage(context.out, context.node.chain(), *address, *slot, *block);
  context.out += '"';
}

void call(Context& context) {
  CallObject object;
  if (!read_call(context, object)) return;
  const auto block = state_block_param(context, 1);
  if (!block) return;
  context.out += '"';
  const CallAnswer answer =
      append_call(context.out, context.node.chain(), object.to, object.input, *block);
  context.out += '"';
  if (answer.reverted) fail_reverted(context);
}

void estimate_gas(Context& context) {
  CallObject object;
  if (!read_call(context, object) || !state_block_param(context, 1)) return;
  if (object.input.starts_with(kRevertSelector)) {
    fail_reverted(context);
  } else {
    context.quantity(devnode::estimate_gas(object.input));
  }
}

void create_access_list(Context& context) {
  CallObject object;
  if (!read_call(context, object)) return;
  const auto block = state_block_param(context, 1);
  if (!block) return;
  const Chain& chain = context.node.chain();
  std::string& out = context.out;
  out += "{\"accessList\":[";
  if (chain.is_token(object.address)) {
    out += "{\"address\":\"";
    append_hex(out, object.address);
    out += "\",\"storageKeys\":[\"";
    append_hex(out, chain.bytes32(0, chain.digest(object.input, 0), 0));
    out += "\"]}";
  }
  out += "],\"gasUsed\":";
  context.quantity(devnode::estimate_gas(object.input));
  out += '}';
}

void send_raw_transaction(Context& context) {
  const std::string_view raw = context.text(0);
  if (!ethereum::has_hex_prefix(raw)) {
    context.fail_argument(
        0,
        "json: cannot unmarshal hex string without 0x prefix into Go value of type hexutil.Bytes");
    return;
  }
  const auto hash = ethereum::transaction_hash(raw);
  if (!hash) {
    context.fail(-32000, raw.size() <= 4 ? "typed transaction too short"
                                         : "rlp: value size exceeds available input length");
    return;
  }
  if (!context.node.send(*hash, context.view.head)) {
    context.fail(-32000, "already known");
    return;
  }
  context.out += '"';
  append_hex(context.out, *hash);
  context.out += '"';
}

}  // namespace sluice::devnode::handlers

// SPDX-License-Identifier: Apache-2.0
#include "devnode/state.hpp"

#include <array>

namespace sluice::devnode {
namespace {

void append_digits(std::string& out, std::uint64_t value, int digits) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) out += kDigits[(value >> shift) & 15U];
}

void append_number_word(std::string& out, std::uint64_t value) {
  out.append(48, '0');
  append_digits(out, value, 16);
}

/// Length and padded bytes, as the ABI lays out a string of at most any length.
void append_abi_string(std::string& out, std::string_view text) {
  append_number_word(out, text.size());
  for (const char c : text) append_digits(out, static_cast<unsigned char>(c), 2);
  out.append(2 * ((32 - text.size() % 32) % 32), '0');
}

struct Constant {
  std::string_view selector;
  std::string_view text;
};
constexpr std::array kTexts{Constant{"0x06fdde03", "Sluice Token"}, Constant{"0x95d89b41", "SLC"}};
constexpr std::string_view kDecimals = "0x313ce567";

}  // namespace

void append_balance(std::string& out, const Chain& chain, const Address& address,
                    std::uint64_t block) {
  const std::uint64_t w = chain.digest(as_text(address), 0);
  out += "0x";
  append_digits(out, 0x10 + w % 0xe0, 2);
  append_digits(out, chain.digest(as_text(address), block + 1), 16);
}

std::uint64_t nonce_at(const Chain& chain, const Address& address, std::uint64_t block) noexcept {
  return chain.digest(as_text(address), 0) % 1000 + block / 8;
}

void append_code(std::string& out, const Chain& chain, const Address& address) {
  out += "0x";
  if (!chain.is_token(address)) return;
  out += "608060405234801561001057600080fd5b50";
  append_digits(out, chain.digest(as_text(address), 0), 16);
}

void append_storage(std::string& out, const Chain& chain, const Address& address,
                    const Bytes32& slot, std::uint64_t block) {
  append_hex(
      out, chain.bytes32(chain.digest(as_text(address), 0), chain.digest(as_text(slot), 0), block));
}

CallAnswer append_call(std::string& out, const Chain& chain, std::string_view to,
                       std::string_view input, std::uint64_t block) {
  const std::string_view selector = input.substr(0, 10);
  if (selector == kRevertSelector) return {.reverted = true};
  out += "0x";
  for (const Constant& constant : kTexts) {
    if (selector != constant.selector) continue;
    append_number_word(out, 32);
    append_abi_string(out, constant.text);
    return {};
  }
  append_number_word(out,
                     selector == kDecimals ? 18 : chain.digest(input, chain.digest(to, block)));
  return {};
}

void append_revert_data(std::string& out, std::string_view reason) {
  out += "0x08c379a0";
  append_number_word(out, 32);
  append_abi_string(out, reason);
}

std::uint64_t estimate_gas(std::string_view input) noexcept {
  return 21'000 + (input.size() > 2 ? 16 * (input.size() / 2 - 1) + 4'000 : 0);
}

}  // namespace sluice::devnode

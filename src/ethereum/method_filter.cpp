// SPDX-License-Identifier: Apache-2.0
#include "ethereum/method_filter.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace sluice::ethereum {
namespace {

/// Longer prefixes stand beside their namespace where allowing the namespace must not lift them.
constexpr std::array<std::string_view, 28> kBuiltIn = {
    "admin_*",
    "personal_*",
    "debug_*",
    "engine_*",
    "miner_*",
    "clique_*",
    "ibft_*",
    "qbft_*",
    "perm_*",
    "plugins_*",
    "dev_*",
    "testing_*",
    "anvil_*",
    "hardhat_*",
    "evm_*",
    "ganache_*",
    "wallet_*",
    "subscribe_*",
    "rpc.*",  // JSON-RPC 2.0, section 8: reserved for extensions of the protocol itself
    "debug_set*",
    "debug_write*",
    "debug_start*",
    "debug_stop*",
    "debug_db*",
    "eth_compile*",
    "eth_signTypedData*",
    "flashbots_validateBuilderSubmission*",
    "reth_newPayload*",
};

constexpr std::uint8_t kBuiltInLayer = 0;
constexpr std::size_t kMaxName = 128;

constexpr char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

constexpr bool plain(char c) noexcept {
  const char folded = lower(c);
  return (folded >= 'a' && folded <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
         c == '-' || c == ':' || c == '/';
}

std::string lowered(std::string_view text) {
  std::string copy(text);
  std::ranges::transform(copy, copy.begin(), lower);
  return copy;
}

}  // namespace

bool MethodFilter::valid_entry(std::string_view entry) noexcept {
  if (entry == "*") return true;
  if (entry.ends_with('*')) entry.remove_suffix(1);
  return !entry.empty() && entry.size() <= kMaxName && std::ranges::all_of(entry, plain);
}

std::span<const std::string_view> MethodFilter::built_in() noexcept {
  return kBuiltIn;
}

MethodFilter::Rule MethodFilter::parse(std::string_view entry, std::size_t layer, bool allow) {
  const bool prefix = entry.ends_with('*');
  if (prefix) entry.remove_suffix(1);
  return {std::string(entry), static_cast<std::uint8_t>(layer), prefix, allow};
}

/// The order of precedence between two rules that fit the same method.
bool MethodFilter::outranks(const Rule& a, const Rule& b) noexcept {
  if (a.prefix != b.prefix) return b.prefix;
  if (a.text.size() != b.text.size()) return a.text.size() > b.text.size();
  if (a.layer != b.layer) return a.layer > b.layer;
  return !a.allow && b.allow;
}

Result<MethodFilter> MethodFilter::build(std::span<const MethodLists> layers) {
  std::vector<Rule> rules;
  std::size_t layer = kBuiltInLayer;
  for (const MethodLists& lists : layers) {
    ++layer;
    for (const bool allow : {true, false}) {
      for (const std::string& entry : allow ? lists.allow : lists.deny) {
        if (!valid_entry(entry)) {
          return fail(ErrorKind::kInvalid, Origin::kClient, Retry::kNever,
                      "not a method, prefix_* or *: " + entry);
        }
        rules.push_back(parse(entry, layer, allow));
      }
    }
  }
  return MethodFilter(std::move(rules));
}

MethodFilter::MethodFilter() : MethodFilter(std::vector<Rule>{}) {}

MethodFilter::MethodFilter(std::vector<Rule> rules) {
  for (const auto entry : kBuiltIn) rules.push_back(parse(entry, kBuiltInLayer, false));
  for (const Method& method : methods()) {
    if (method.exposure == Exposure::kDenied) {
      rules.push_back(parse(method.name, kBuiltInLayer, false));
    }
  }
  std::ranges::sort(rules, outranks);
  for (const Method& method : methods()) {
    const auto winner = std::ranges::find_if(rules, [&](const Rule& rule) {
      return rule.prefix ? method.name.starts_with(rule.text) : method.name == rule.text;
    });
    known_.set(method.index, winner == rules.end() || winner->allow);
  }
  for (Rule& rule : rules) {
    rule.text = lowered(rule.text);
    (rule.prefix ? prefixes_ : names_).push_back(std::move(rule));
  }
  // Of rules with one text the winner comes first, and stays.
  std::ranges::sort(names_, [](const Rule& a, const Rule& b) {
    return a.text != b.text ? a.text < b.text : outranks(a, b);
  });
  const auto repeated = std::ranges::unique(names_, {}, &Rule::text);
  names_.erase(repeated.begin(), repeated.end());
}

bool MethodFilter::allows_unknown(std::string_view name) const noexcept {
  if (name.empty() || name.size() > kMaxName || !std::ranges::all_of(name, plain)) return false;
  std::array<char, kMaxName> buffer;
  std::ranges::transform(name, buffer.begin(), lower);
  const std::string_view folded(buffer.data(), name.size());
  const auto exact = std::ranges::lower_bound(
      names_, folded, {}, [](const Rule& rule) { return std::string_view(rule.text); });
  if (exact != names_.end() && exact->text == folded) return exact->allow;
  const auto prefix = std::ranges::find_if(
      prefixes_, [&](const Rule& rule) { return folded.starts_with(rule.text); });
  return prefix == prefixes_.end() || prefix->allow;
}

}  // namespace sluice::ethereum

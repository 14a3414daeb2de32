// SPDX-License-Identifier: Apache-2.0
// For clients that ask: why a call went where it went.
#include <algorithm>
#include <bit>
#include <iterator>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "proxy/call.hpp"
#include "proxy/exchange.hpp"

namespace sluice::proxy {

namespace {

/// Names are the operator's own words: what no header may carry is not in them for long.
std::string plain(std::string_view text) {
  std::string out(text);
  std::ranges::replace_if(
      out, [](char c) { return c < ' ' || c > '~' || c == ';' || c == '|'; }, '?');
  return out;
}

}  // namespace

std::optional<std::uint32_t> Call::pick_in_words(policy::UpstreamSet among, TimePoint now) {
  if (among == 0) return std::nullopt;
  // First the words: a pick moves turns on.
  const std::string words = choice_words(among, now);
  const auto chosen = pick_among(among, now);
  const std::string name = chosen ? plain(chain().spec->upstreams[*chosen].name) : "none";
  exchange_.tell_choice(name + words);
  return chosen;
}

std::string Call::choice_words(policy::UpstreamSet among, TimePoint now) const {
  const auto& upstreams = chain().spec->upstreams;
  std::vector<policy::Candidate> candidates;
  for (policy::UpstreamSet left = among; left != 0; left &= left - 1) {
    const auto i = static_cast<std::uint32_t>(std::countr_zero(left));
    candidates.push_back(candidate_of(upstreams[i], i));
  }
  const auto tier = policy::select_tier(candidates);
  const policy::Explanation explained = chain().balancer->explain(tier, pick_context(now));
  std::vector<std::string> standings(upstreams.size());
  for (std::size_t i = 0; i < tier.size(); ++i) standings[tier[i].index] = explained.standings[i];

  std::string text = tier.size() > 1
                         ? fmt::format(" by {} ({})", chain().balancer->name(), explained.rule)
                         : std::string(", the only one");
  for (std::size_t i = 0; i < upstreams.size(); ++i) {
    std::string_view standing = standings[i];
    std::string later;
    if (standing.empty()) {
      const policy::UpstreamSet bit = policy::bit_of(i);
      const Obstacle bar = what_bars(i, now, Fit::kBest);
      if ((allowed_ & bit) == 0) {
        standing = "not for this call";
      } else if ((tried_ & bit) != 0) {
        standing = "asked already";
      } else if ((among & bit) != 0) {
        standing = later = fmt::format("tier {}", upstreams[i].tier);
      } else {
        standing = bar != Obstacle::kNone ? word(bar) : "passed over";
      }
    }
    fmt::format_to(std::back_inserter(text), "; {}: {}", plain(upstreams[i].name), standing);
  }
  return text;
}

}  // namespace sluice::proxy

// SPDX-License-Identifier: Apache-2.0
#include "proxy/caller.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "net/tls.hpp"

namespace sluice::proxy {

namespace {

constexpr std::array<std::string_view, policy::kPriorities> kPriorityWords = {"critical", "high",
                                                                              "normal", "low"};

std::unexpected<frontend::Refusal> refuse(int status, int code, std::string_view text,
                                          std::string_view reason, std::string_view headers = {}) {
  return std::unexpected(frontend::Refusal{status, code, text, reason, headers});
}

std::string_view query_value(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const auto end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    if (pair.size() > name.size() && pair.starts_with(name) && pair[name.size()] == '=') {
      return pair.substr(name.size() + 1);
    }
    query = end == std::string_view::npos ? std::string_view() : query.substr(end + 1);
  }
  return {};
}

std::string_view bearer(std::string_view authorization) {
  constexpr std::string_view kScheme = "bearer ";
  if (authorization.size() <= kScheme.size()) return {};
  const bool matches = std::ranges::equal(
      authorization.substr(0, kScheme.size()), kScheme,
      [](char a, char b) { return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + 32) : a) == b; });
  return matches ? authorization.substr(kScheme.size()) : std::string_view();
}

struct Located {
  std::size_t chain = 0;
  std::string_view key;
};

std::optional<std::size_t> chain_at(const Snapshot& snapshot, std::string_view path) {
  if (const auto found = snapshot.paths.find(path); found != snapshot.paths.end())
    return found->second;
  // A chain whose id is not configured answers at the id that its nodes told, once they have.
  if (path.size() < 2 || path[1] < '1' || path[1] > '9') return std::nullopt;
  std::uint64_t id = 0;
  const auto end = std::from_chars(path.data() + 1, path.data() + path.size(), id);
  if (end.ec != std::errc{} || end.ptr != path.data() + path.size()) return std::nullopt;
  const auto found = std::ranges::find_if(snapshot.chains, [id](const auto& chain) {
    return chain.shared->chain_id.load(std::memory_order_relaxed) == id;
  });
  if (found == snapshot.chains.end()) return std::nullopt;
  return static_cast<std::size_t>(found - snapshot.chains.begin());
}

std::optional<Located> locate(const Snapshot& snapshot, std::string_view path) {
  if (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  if (const auto found = chain_at(snapshot, path)) return Located{*found, {}};
  const auto slash = path.rfind('/');
  if (slash == std::string_view::npos || slash == 0) return std::nullopt;
  const auto found = chain_at(snapshot, path.substr(0, slash));
  if (!found) return std::nullopt;
  return Located{*found, path.substr(slash + 1)};
}

std::expected<std::size_t, frontend::Refusal> find_client(const Snapshot& snapshot,
                                                          std::string_view key) {
  constexpr std::string_view kChallenge = "WWW-Authenticate: Bearer realm=\"sluice\"\r\n";
  if (key.empty()) {
    if (snapshot.anonymous_allowed) return 0;
    return refuse(401, -32000, "an API key is required", "unauthorized", kChallenge);
  }
  // The table is searched by digest: how long that takes says nothing about how much of a key was
  // right.
  const auto found = snapshot.clients_by_key.find(net::sha256(key));
  if (found == snapshot.clients_by_key.end()) {
    return refuse(401, -32000, "the API key is not valid", "unauthorized", kChallenge);
  }
  return found->second;
}

}  // namespace

std::optional<Duration> parse_duration(std::string_view text) noexcept {
  std::uint64_t value = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end.ec != std::errc{} || value > 1'000'000'000) return std::nullopt;
  const std::string_view unit(end.ptr,
                              static_cast<std::size_t>(text.data() + text.size() - end.ptr));
  if (unit == "ms") return std::chrono::milliseconds(value);
  if (unit == "s") return std::chrono::seconds(value);
  if (unit == "m" && value < 1'000'000) return std::chrono::minutes(value);
  return std::nullopt;
}

std::optional<std::uint32_t> upstream_named(const ChainSpec& chain, std::string_view name) {
  for (std::size_t i = 0; i < chain.upstreams.size(); ++i) {
    if (chain.upstreams[i].name == name) return static_cast<std::uint32_t>(i);
  }
  return std::nullopt;
}

void settle(Caller& caller, const Snapshot& snapshot, std::string_view peer) {
  const ClientSpec& client = snapshot.clients[caller.client];
  caller.priority = std::max(client.priority, caller.priority_wish);
  caller.timeout = std::min(snapshot.limits.call_timeout, caller.timeout_wish);
  if (caller.affinity == 0 && snapshot.chains[caller.chain].strategy == "affinity") {
    const std::string_view own = caller.client == 0 ? peer : std::string_view(client.name);
    caller.affinity = std::hash<std::string_view>{}(own);
  }
}

bool serves_path(const Snapshot& snapshot, std::string_view path) {
  return locate(snapshot, path).has_value();
}

std::expected<Caller, frontend::Refusal> find_caller(const Snapshot& snapshot,
                                                     const frontend::Request& request) {
  const http::RequestHead& head = request.head;
  const auto located = locate(snapshot, head.path);
  if (!located) return refuse(404, -32600, "no chain is served at this path", "unknown_path");
  std::string_view key = located->key;
  if (key.empty()) key = head.api_key;
  if (key.empty() && !head.authorization.empty()) key = bearer(head.authorization);
  const auto client = find_client(snapshot, key);
  if (!client) return std::unexpected(client.error());

  const ClientSpec& spec = snapshot.clients[*client];
  Caller caller{.chain = located->chain, .client = *client};
  const auto wish = [&](std::string_view field, std::string_view name) {
    return !field.empty() || head.query.empty() ? field : query_value(head.query, name);
  };
  if (const auto word = wish(head.priority, "priority"); !word.empty()) {
    const auto found = std::ranges::find(kPriorityWords, word);
    if (found == kPriorityWords.end()) {
      return refuse(400, -32600, "X-Sluice-Priority must be critical, high, normal or low",
                    "bad_priority");
    }
    caller.priority_wish = static_cast<policy::Priority>(found - kPriorityWords.begin());
  }
  if (const auto text = wish(head.timeout, "timeout"); !text.empty()) {
    const auto timeout = parse_duration(text);
    if (!timeout || *timeout <= Duration::zero()) {
      return refuse(400, -32600, "X-Sluice-Timeout must be a duration such as 800ms",
                    "bad_timeout");
    }
    caller.timeout_wish = *timeout;
  }
  if (const auto text = wish(head.affinity, "affinity"); !text.empty()) {
    caller.affinity = std::hash<std::string_view>{}(text) | 1;
    caller.affinity_named = true;
  }
  settle(caller, snapshot, request.peer);
  if (!head.use_upstream.empty() && spec.steer) {
    caller.upstream = upstream_named(snapshot.chains[located->chain], head.use_upstream);
    if (!caller.upstream)
      return refuse(400, -32600, "X-Sluice-Use-Upstream names no upstream of this chain",
                    "bad_upstream");
  }
  if (!head.debug.empty() && spec.debug) {
    if (head.debug != "1" && head.debug != "0")
      return refuse(400, -32600, "X-Sluice-Debug must be 1 or 0", "bad_debug");
    caller.debug = head.debug == "1";
  }
  return caller;
}

}  // namespace sluice::proxy

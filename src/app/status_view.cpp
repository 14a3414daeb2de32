// SPDX-License-Identifier: Apache-2.0
#include "app/status_view.hpp"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>
#include <simdjson.h>

#include "base/log_format.hpp"

namespace sluice::app {
namespace {

using simdjson::dom::element;

/// Missing and mistyped members leave the default.
void take(const element& from, const char* pointer, std::string& to) {
  std::string_view text;
  if (from.at_pointer(pointer).get(text) == simdjson::SUCCESS) {
    to.clear();
    log::append_escaped(to, text);
  }
}
void take(const element& from, const char* pointer, double& to) {
  double value = 0;
  if (from.at_pointer(pointer).get(value) == simdjson::SUCCESS) to = value;
}
void take(const element& from, const char* pointer, std::uint64_t& to) {
  std::uint64_t value = 0;
  if (from.at_pointer(pointer).get(value) == simdjson::SUCCESS) to = value;
}
void take(const element& from, const char* pointer, bool& to) {
  bool value = false;
  if (from.at_pointer(pointer).get(value) == simdjson::SUCCESS) to = value;
}

void take_overrides(const element& from, StatusView::Upstream& to) {
  take(from, "/override/drained", to.drained);
  std::uint64_t number = 0;
  if (from.at_pointer("/override/weight").get(number) == simdjson::SUCCESS)
    to.by_hand.push_back(fmt::format("weight {}", number));
  if (from.at_pointer("/override/connections").get(number) == simdjson::SUCCESS)
    to.by_hand.push_back(fmt::format("scale {}", number));
  simdjson::dom::object breakers;
  if (from.at_pointer("/override/breakers").get(breakers) != simdjson::SUCCESS) return;
  for (const auto field : breakers) {
    std::string_view state;
    if (field.value.get(state) == simdjson::SUCCESS)
      to.by_hand.push_back(fmt::format("breaker {} {}", field.key, state));
  }
}

StatusView::Upstream upstream_of(const element& from) {
  StatusView::Upstream to;
  take(from, "/name", to.name);
  take(from, "/state", to.state);
  take(from, "/reason", to.reason);
  take(from, "/score", to.score);
  take(from, "/weight", to.weight);
  take(from, "/throttled_ms", to.throttled_ms);
  take(from, "/rate/attempts_per_s", to.attempts_per_s);
  take(from, "/rate/failures_per_s", to.failures_per_s);
  take(from, "/rate/p50_ms", to.p50_ms);
  take(from, "/rate/p99_ms", to.p99_ms);
  take(from, "/tier", to.tier);
  take(from, "/in_flight", to.in_flight);
  take(from, "/head", to.head);
  take(from, "/lag_blocks", to.lag);
  take(from, "/connections/idle", to.idle);
  take(from, "/connections/busy", to.busy);
  take(from, "/connections/connecting", to.connecting);
  take(from, "/connections/max", to.connections_max);
  std::string mode;
  take(from, "/concurrency_limit/mode", mode);
  take(from, "/concurrency_limit/limiting", to.limiting);
  to.limiting = to.limiting && mode == "act";
  take(from, "/concurrency_limit/limit", to.limit);
  take_overrides(from, to);
  return to;
}

StatusView::Chain chain_of(const element& from) {
  StatusView::Chain to;
  take(from, "/name", to.name);
  take(from, "/strategy", to.strategy);
  take(from, "/chain_id", to.chain_id);
  take(from, "/head", to.head);
  take(from, "/in_flight", to.in_flight);
  take(from, "/queue/critical", to.queue[0]);
  take(from, "/queue/high", to.queue[1]);
  take(from, "/queue/normal", to.queue[2]);
  take(from, "/queue/low", to.queue[3]);
  simdjson::dom::array upstreams;
  if (from.at_pointer("/upstreams").get(upstreams) == simdjson::SUCCESS) {
    for (const element one : upstreams) to.upstreams.push_back(upstream_of(one));
  }
  return to;
}

std::string_view colour_of(const StatusView::Upstream& upstream) {
  if (upstream.drained || upstream.state == "degraded") return "\x1b[33m";
  return upstream.state == "in" ? "\x1b[32m" : "\x1b[31m";
}

std::string milliseconds(double value, double attempts_per_s) {
  if (attempts_per_s <= 0) return "-";
  return value < 10 ? fmt::format("{:.2f}", value) : fmt::format("{:.0f}", value);
}

std::string notes(const StatusView::Upstream& upstream) {
  std::string out;
  const auto add = [&out](const std::string& note) { out += (out.empty() ? "" : ", ") + note; };
  if (upstream.drained) add("drained by hand");
  if (upstream.state != "in" && upstream.reason != "none") add(upstream.reason);
  if (upstream.limiting) add(fmt::format("limited to {}", upstream.limit));
  for (const auto& set : upstream.by_hand) add(set + " by hand");
  if (upstream.throttled_ms > 0)
    add(fmt::format("throttled {:.0f} s", upstream.throttled_ms / 1e3));
  return out;
}

std::string cut(std::string line, std::size_t width) {
  if (line.size() > width) line.resize(width);
  return line;
}

std::string upstream_line(const StatusView::Upstream& upstream, std::size_t name_width,
                          const Style& style) {
  const std::string state = upstream.drained ? "drained" : upstream.state;
  const std::string before = fmt::format("  {:<{}}  ", upstream.name, name_width);
  std::string after = fmt::format(
      "  {:>5.2f}  {:>4}  {:>6}  {:>9}  {:>8.1f}  {:>7}  {:>7}  {:>6.1f}  {:>11}  {:>10}  {:>3}  "
      "{}",
      upstream.score, upstream.tier, upstream.weight, upstream.in_flight, upstream.attempts_per_s,
      milliseconds(upstream.p50_ms, upstream.attempts_per_s),
      milliseconds(upstream.p99_ms, upstream.attempts_per_s), upstream.failures_per_s,
      fmt::format("{}/{}/{}", upstream.busy, upstream.idle, upstream.connections_max),
      upstream.head, upstream.lag, notes(upstream));
  const std::string word = fmt::format("{:<8}", state);
  if (!style.colour) return cut(before + word + after, style.width);
  const std::size_t taken = before.size() + word.size();
  if (taken > style.width) return cut(before + word, style.width);
  return before + std::string(colour_of(upstream)) + word + "\x1b[0m" +
         cut(std::move(after), style.width - taken);
}

}  // namespace

std::optional<StatusView> parse_status(std::string_view answer) {
  simdjson::dom::parser parser;
  element status;
  if (parser.parse(simdjson::padded_string(answer)).at_pointer("/status").get(status) !=
      simdjson::SUCCESS) {
    return std::nullopt;
  }
  StatusView view;
  take(status, "/version", view.version);
  take(status, "/phase", view.phase);
  take(status, "/uptime_s", view.uptime_s);
  take(status, "/workers", view.workers);
  take(status, "/client_connections", view.client_connections);
  take(status, "/reloads/failed", view.reloads_failed);
  take(status, "/reloads/last_succeeded", view.last_reload_ok);
  simdjson::dom::array chains;
  if (status.at_pointer("/chains").get(chains) == simdjson::SUCCESS) {
    for (const element one : chains) view.chains.push_back(chain_of(one));
  }
  return view;
}

std::vector<std::string> status_lines(const StatusView& view, const Style& style) {
  std::vector<std::string> lines;
  const auto uptime = static_cast<std::uint64_t>(view.uptime_s);
  lines.push_back(
      cut(fmt::format(
              "sluice {}  {}  up {}d {:02}:{:02}:{:02}  {} worker(s)  {} client connection(s){}",
              view.version, view.phase, uptime / 86400, uptime / 3600 % 24, uptime / 60 % 60,
              uptime % 60, view.workers, view.client_connections,
              view.last_reload_ok ? "" : "  THE LAST RELOAD FAILED"),
          style.width));
  for (const auto& chain : view.chains) {
    lines.emplace_back();
    lines.push_back(cut(
        fmt::format(
            "{}  id {}  head {}  {}  in flight {}  waiting {} critical, {} high, {} normal, {} low",
            chain.name, chain.chain_id, chain.head, chain.strategy, chain.in_flight, chain.queue[0],
            chain.queue[1], chain.queue[2], chain.queue[3]),
        style.width));
    std::size_t name_width = 8;
    for (const auto& upstream : chain.upstreams)
      name_width = std::max(name_width, upstream.name.size());
    lines.push_back(cut(fmt::format("  {:<{}}  {:<8}  {:>5}  {:>4}  {:>6}  {:>9}  {:>8}  {:>7}  "
                                    "{:>7}  {:>6}  {:>13}  {:>10}  {:>3}  {}",
                                    "UPSTREAM", name_width, "STATE", "SCORE", "TIER", "WEIGHT",
                                    "IN-FLIGHT", "CALLS/S", "P50 MS", "P99 MS", "ERR/S",
                                    "BUSY/IDLE/MAX", "HEAD", "LAG", "NOTES"),
                        style.width));
    for (const auto& upstream : chain.upstreams)
      lines.push_back(upstream_line(upstream, name_width, style));
  }
  return lines;
}

std::optional<std::string> event_line(std::string_view json) {
  simdjson::dom::parser parser;
  simdjson::dom::object event;
  if (parser.parse(simdjson::padded_string(json)).get(event) != simdjson::SUCCESS)
    return std::nullopt;
  std::string ts, level, name, fields;
  for (const auto field : event) {
    std::string value;
    std::string_view text;
    if (field.value.get(text) == simdjson::SUCCESS) {
      log::append_escaped(value, text);
    } else {
      value = simdjson::to_string(field.value);
    }
    if (field.key == "ts") {
      ts = value.substr(0, 19);
    } else if (field.key == "level") {
      level = value;
    } else if (field.key == "event") {
      name = value;
    } else if (field.key != "id" && field.key != "msg" && !value.empty()) {
      fields += fmt::format(" {}={}", field.key, value);
    }
  }
  if (name.empty()) return std::nullopt;
  return fmt::format("{}Z {:<5} {}{}", ts, level, name, fields);
}

std::string event_id(std::string_view json) {
  simdjson::dom::parser parser;
  std::string_view id;
  if (parser.parse(simdjson::padded_string(json))["id"].get(id) != simdjson::SUCCESS) return {};
  return std::string(id);
}

}  // namespace sluice::app

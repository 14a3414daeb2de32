// SPDX-License-Identifier: Apache-2.0
#include "events/hub.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include "base/log_format.hpp"

namespace sluice::events {
namespace {

std::string json_of(const KindRow& kind, std::span<const log::Field> fields) {
  std::string json;
  log::append_json(json, unix_time(), kind.level, kind.name, kind.message, fields.data(),
                   fields.size());
  json.pop_back();  // the log's line feed
  return json;
}

void put_id(std::string& json, const std::string& id) {
  json.insert(1, R"("id":")" + id + R"(",)");
}

}  // namespace

Hub::Hub(net::asio::io_context& io, const Options& options, std::uint64_t boot)
    : io_(io),
      options_(options),
      boot_(boot),
      kept_(options.kept),
      kept_debug_(options.kept_debug),
      handover_(options.handover) {}

Hub::Rendered Hub::render(Kind kind, std::span<const log::Field> fields) {
  const KindRow& of = row(kind);
  if (of.level < log::Level::kInfo && !allowed(kind)) return {kind, {}};
  if (log::enabled(of.level)) {
    log::write(of.level, of.name, of.message, fields);
    count(Sink::kLog, Outcome::kDelivered);
  }
  return {kind, json_of(of, fields)};
}

bool Hub::allowed(Kind kind) noexcept {
  Allowance& allowance = allowances_[static_cast<std::size_t>(kind)];
  const std::int64_t second = now().time_since_epoch() / std::chrono::seconds(1);
  // Two threads at a second's turn may allow a few more.
  if (allowance.second.exchange(second, std::memory_order_relaxed) != second)
    allowance.used.store(0, std::memory_order_relaxed);
  return allowance.used.fetch_add(1, std::memory_order_relaxed) < options_.debug_per_s;
}

void Hub::accept(Rendered&& rendered) {
  if (rendered.json.empty()) return;
  auto event = std::make_shared<Told>();
  event->kind = rendered.kind;
  event->order = ++order_;
  event->json = std::move(rendered.json);
  const bool debug = row(event->kind).level < log::Level::kInfo;
  if (!debug) {
    event->id = kept_.next();
    event->id_text = fmt::format("{:x}-{}", boot_, event->id);
    put_id(event->json, event->id_text);
  }
  const ToldPtr told = std::move(event);
  (debug ? kept_debug_ : kept_).push(told);
  for (const Registered& registered : listeners_) {
    if (!debug || registered.debug) registered.listener->told(told);
  }
}

void Hub::hand_over(Rendered&& rendered) {
  if (rendered.json.empty()) return;
  if (!handover_.push(rendered)) {
    count(Sink::kHandover, Outcome::kDropped);
    return;
  }
  if (!draining_.exchange(true)) net::asio::post(io_, [this] { drain(); });
}

void Hub::drain() {
  // Before the look: what comes after it asks for another.
  draining_.store(false);
  Rendered next;
  for (std::size_t i = 0; i < options_.handover && handover_.pop(next); ++i) {
    count(Sink::kHandover, Outcome::kDelivered);
    accept(std::move(next));
  }
}

void Hub::add(Listener& listener, bool debug) {
  listeners_.push_back({&listener, debug});
  if (debug) debug_listeners_.fetch_add(1, std::memory_order_relaxed);
}

void Hub::remove(Listener& listener) {
  const auto found = std::ranges::find(listeners_, &listener, &Registered::listener);
  if (found == listeners_.end()) return;
  if (found->debug) debug_listeners_.fetch_sub(1, std::memory_order_relaxed);
  listeners_.erase(found);
}

void Hub::count(Sink sink, Outcome outcome, std::uint64_t by) noexcept {
  counts_[static_cast<std::size_t>(sink)][static_cast<std::size_t>(outcome)].fetch_add(
      by, std::memory_order_relaxed);
}

std::uint64_t Hub::counted(Sink sink, Outcome outcome) const noexcept {
  return counts_[static_cast<std::size_t>(sink)][static_cast<std::size_t>(outcome)].load(
      std::memory_order_relaxed);
}

ToldPtr Hub::make_gap(std::string_view reason, std::uint64_t missed, std::string id_text) {
  auto event = std::make_shared<Told>();
  event->kind = Kind::kGap;
  event->json = json_of(row(Kind::kGap), Gap{.reason = reason, .missed = missed}.fields());
  if (!id_text.empty()) put_id(event->json, id_text);
  event->id_text = std::move(id_text);
  return event;
}

}  // namespace sluice::events

// SPDX-License-Identifier: Apache-2.0
#include "events/reader.hpp"

#include <charconv>
#include <utility>

#include <fmt/format.h>

namespace sluice::events {
namespace {

template <class Number>
std::optional<Number> number(std::string_view text, int base) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

}  // namespace

Reader::Reader(std::shared_ptr<Hub> hub, const Options& options, std::function<void()> on_news)
    : hub_(std::move(hub)),
      least_(options.least),
      on_news_(std::move(on_news)),
      next_(hub_->kept().next()),
      next_debug_(hub_->kept_debug().next()) {
  if (options.after) resume(*options.after);
  hub_->add(*this, least_ < log::Level::kInfo);
}

Reader::~Reader() {
  hub_->remove(*this);
}

void Reader::resume(std::string_view after) {
  next_ = hub_->kept().first();
  if (after == "0") return;
  const auto dash = after.find('-');
  const auto boot = number<std::uint64_t>(after.substr(0, dash), 16);
  const auto last = dash == std::string_view::npos
                        ? std::nullopt
                        : number<std::uint64_t>(after.substr(dash + 1), 10);
  if (!boot || !last) {
    gap_ = Hub::make_gap("unknown_id", 0, {});
  } else if (*boot != hub_->boot()) {
    gap_ = Hub::make_gap("restarted", 0, {});
  } else if (*last >= hub_->kept().next()) {
    gap_ = Hub::make_gap("unknown_id", 0, {});
  } else {
    // May lie before what is kept: take() tells so.
    next_ = *last + 1;
  }
}

ToldPtr Reader::step() {
  const Ring& kept = hub_->kept();
  const Ring& debug = hub_->kept_debug();
  if (least_ >= log::Level::kInfo) next_debug_ = debug.next();
  next_debug_ = std::max(next_debug_, debug.first());
  for (;;) {
    const Told* const one = kept.at(next_);
    const Told* const other = debug.at(next_debug_);
    if (one == nullptr && other == nullptr) return nullptr;
    if (one == nullptr || (other != nullptr && other->order < one->order))
      return debug.held(next_debug_++);
    const ToldPtr& event = kept.held(next_++);
    if (row(event->kind).level >= least_) return event;
  }
}

std::vector<ToldPtr> Reader::take(std::size_t bytes_max) {
  std::vector<ToldPtr> out;
  const std::uint64_t first = hub_->kept().first();
  if (next_ < first) {
    gap_ = Hub::make_gap("overrun", first - next_, fmt::format("{:x}-{}", hub_->boot(), first - 1));
    next_ = first;
  }
  if (gap_ != nullptr) out.push_back(std::exchange(gap_, nullptr));
  std::size_t bytes = 0;
  while (bytes < bytes_max) {
    ToldPtr event = step();
    if (event == nullptr) break;
    bytes += event->json.size();
    out.push_back(std::move(event));
  }
  return out;
}

bool Reader::has_news() const {
  return gap_ != nullptr || next_ < hub_->kept().next() ||
         (least_ < log::Level::kInfo && next_debug_ < hub_->kept_debug().next());
}

void Reader::told(const ToldPtr& /*event*/) {
  on_news_();
}

}  // namespace sluice::events

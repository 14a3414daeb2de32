// SPDX-License-Identifier: Apache-2.0
// What an operator does by hand through the control socket. Overrides are kept in the upstream's
// Shared, where whoever decides reads them first.
#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <optional>

#include <fmt/format.h>
#include <sys/stat.h>

#include "admin/socket_place.hpp"
#include "app/control_place.hpp"
#include "app/daemon.hpp"
#include "app/json.hpp"
#include "base/log.hpp"
#include "config/suggest.hpp"
#include "ethereum/method.hpp"

namespace sluice::app {

namespace {

using admin::ControlAnswer;
using admin::ControlReply;
using admin::ControlRequest;
using upstream::Hand;

constexpr std::uint32_t kWeightMax = 1000;

ControlReply refusal(std::string why) {
  return {.ok = false, .text = std::move(why), .members = {}};
}

ControlReply done(std::string text) {
  return {.ok = true, .text = std::move(text), .members = {}};
}

std::optional<std::uint32_t> whole_number(const std::string& text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string shown(std::uint32_t value) {
  return value == Hand::kAuto ? "auto" : std::to_string(value);
}

std::string_view shown(Hand::Breaker breaker) {
  return breaker == Hand::Breaker::kAuto   ? "auto"
         : breaker == Hand::Breaker::kOpen ? "open"
                                           : "closed";
}

std::optional<Hand::Breaker> breaker_of(const std::string& word) {
  if (word == "auto") return Hand::Breaker::kAuto;
  if (word == "open") return Hand::Breaker::kOpen;
  if (word == "close" || word == "closed") return Hand::Breaker::kClosed;
  return std::nullopt;
}

std::string full_name(const proxy::ChainSpec& chain, const proxy::UpstreamSpec& upstream) {
  return chain.name + "/" + upstream.name;
}

}  // namespace

bool Daemon::open_control(const config::Config& config) {
  auto found = take_control_place(config.admin.socket);
  if (!found.place) {
    if (!found.fatal) {
      log::warn("control_unavailable",
                "there is no control socket: sluice ctl cannot reach this process",
                {{"reason", found.why}});
      return true;
    }
    std::fprintf(stderr, "error: %s\n", found.why.c_str());
    return false;
  }
  control_ = std::make_unique<admin::ControlServer>(
      loop_.io, admin::ControlOptions{},
      admin::ControlHandlers{
          .run = [this](const ControlRequest& request,
                        const ControlAnswer& answer) { control(request, answer); },
          .events = events_},
      std::move(*found.place));
  return true;
}

void Daemon::control(const ControlRequest& request, const ControlAnswer& answer) {
  if (request.command == "status") {
    answer({.ok = true, .text = {}, .members = ",\"status\":" + status()});
  } else if (request.command == "reload") {
    control_reload(answer);
  } else {
    answer(set_by_hand(request));
  }
}

void Daemon::control_reload(const ControlAnswer& answer) {
  if (phase_ != Phase::kServing && phase_ != Phase::kStarting) {
    answer(refusal("the daemon is shutting down: nothing was reloaded"));
    return;
  }
  if (options_.files.empty()) {
    answer(refusal("the daemon runs without a configuration file: there is nothing to reload"));
    return;
  }
  // A reload under way may have read the file before its latest change: the next one counts.
  const bool waits = reloading_ || phase_ == Phase::kStarting;
  (waits ? next_reload_waiters_ : reload_waiters_).push_back(answer);
  begin_reload();
}

void Daemon::reload_over(bool ok, const std::string& why) {
  for (const auto& answer : std::exchange(reload_waiters_, {})) {
    answer(ok ? done(fmt::format("reloaded: {} chain(s)", config_->chains.size())) : refusal(why));
  }
}

Result<Daemon::Place> Daemon::find_upstream(const std::string& target) const {
  const auto invalid = [](std::string why) {
    return fail(ErrorKind::kInvalid, Origin::kClient, Retry::kNever, std::move(why));
  };
  if (snapshot_ == nullptr) return invalid("the daemon is starting");
  std::vector<Place> by_name;
  std::vector<std::string> names;
  for (const auto& chain : snapshot_->chains) {
    for (const auto& upstream : chain.upstreams) {
      names.push_back(full_name(chain, upstream));
      if (names.back() == target) return Place{&chain, &upstream};
      if (upstream.name == target) by_name.push_back({&chain, &upstream});
    }
  }
  if (by_name.size() == 1) return by_name.front();
  if (by_name.size() > 1) {
    return invalid(fmt::format("several chains have an upstream {}: name it as {}", target,
                               full_name(*by_name[0].chain, *by_name[0].upstream)));
  }
  const std::vector<std::string_view> candidates(names.begin(), names.end());
  std::string meant = config::nearest(target, candidates);
  for (const auto& name : names) {
    if (meant.empty() && name.ends_with("/" + target)) meant = name;
  }
  return invalid("there is no upstream '" + target + "'" +
                 (meant.empty() ? "" : "; did you mean " + meant + "?"));
}

ControlReply Daemon::set_by_hand(const ControlRequest& request) {
  constexpr std::array<std::string_view, 5> kCommands = {"drain", "undrain", "weight", "breaker",
                                                         "scale"};
  if (std::ranges::find(kCommands, request.command) == kCommands.end())
    return refusal("there is no command '" + request.command + "'");
  const auto place = find_upstream(request.target);
  if (!place) return refusal(place.error().detail);
  if (request.command == "weight") return set_weight(*place, request.value);
  if (request.command == "scale") return set_scale(*place, request.value);
  if (request.command == "breaker") return set_breaker(*place, request.item, request.value);
  return drain(*place, request.command == "drain");
}

void Daemon::tell_override(const Place& place, std::string_view setting, const std::string& before,
                           const std::string& value) {
  if (value == before) return;
  tell_workers(place.upstream->shared, false);
  if (value == "auto") {
    events_->emit(events::OverrideCleared{.chain = place.chain->name,
                                          .upstream = place.upstream->name,
                                          .setting = setting,
                                          .before = before});
    return;
  }
  events_->emit(events::OverrideSet{.chain = place.chain->name,
                                    .upstream = place.upstream->name,
                                    .setting = setting,
                                    .value = value,
                                    .before = before});
}

ControlReply Daemon::drain(const Place& place, bool drained) {
  const std::string name = full_name(*place.chain, *place.upstream);
  const bool before = place.upstream->shared->hand.drained.exchange(drained);
  tell_override(place, "drain", before ? "on" : "auto", drained ? "on" : "auto");
  if (!drained) return done(name + (before ? " gets calls again" : " was not drained"));
  const bool left = std::ranges::any_of(place.chain->upstreams, [](const auto& upstream) {
    return upstream.shared->hand.takes_calls() && upstream.shared->in_rotation.load();
  });
  std::string text = fmt::format("{} is drained; {} call(s) still under way", name,
                                 place.upstream->shared->in_flight.load());
  if (!left) text += "; no upstream of " + place.chain->name + " gets calls now";
  ControlReply reply = done(std::move(text));
  reply.members = fmt::format(R"(,"in_flight":{})", place.upstream->shared->in_flight.load());
  return reply;
}

ControlReply Daemon::set_weight(const Place& place, const std::string& value) {
  const auto number = value == "auto" ? Hand::kAuto : whole_number(value);
  if (!number || (*number > kWeightMax && *number != Hand::kAuto))
    return refusal(fmt::format("a weight is a whole number from 0 to {}, or auto", kWeightMax));
  const std::uint32_t before = place.upstream->shared->hand.weight.exchange(*number);
  tell_override(place, "weight", shown(before), shown(*number));
  std::string text = fmt::format("{} has weight {}", full_name(*place.chain, *place.upstream),
                                 place.upstream->shared->hand.weight_or(place.upstream->weight));
  if (!policy::uses_weights(place.chain->strategy))
    text += "; the strategy " + place.chain->strategy + " does not look at weights";
  return done(std::move(text));
}

ControlReply Daemon::set_scale(const Place& place, const std::string& value) {
  const auto number = value == "auto" ? Hand::kAuto : whole_number(value);
  const std::uint32_t max = place.upstream->shared->options().connections_max;
  if (!number || (*number > max && *number != Hand::kAuto))
    return refusal(fmt::format("a number of connections from 0 to {} (pool.max), or auto", max));
  const std::uint32_t before = place.upstream->shared->hand.connections.exchange(*number);
  tell_override(place, "scale", shown(before), shown(*number));
  return done(fmt::format("{} aims to have {} connections",
                          full_name(*place.chain, *place.upstream), shown(*number)));
}

ControlReply Daemon::set_breaker(const Place& place, const std::string& klass,
                                 const std::string& value) {
  const auto state = breaker_of(value);
  if (!state) return refusal("a breaker is set to open, close or auto");
  for (std::size_t i = 0; i < ethereum::kMethodClasses; ++i) {
    const std::string_view word = ethereum::word(static_cast<ethereum::MethodClass>(i));
    if (word != klass) continue;
    const Hand::Breaker before = place.upstream->shared->hand.breakers[i].exchange(*state);
    place.upstream->shared->obey_hand();
    tell_override(place, "breaker_" + klass, std::string(shown(before)),
                  std::string(shown(*state)));
    return done(fmt::format("the breaker of {} for {} is {}",
                            full_name(*place.chain, *place.upstream), klass, shown(*state)));
  }
  std::string words;
  for (std::size_t i = 0; i < ethereum::kMethodClasses; ++i)
    words +=
        (i == 0 ? "" : ", ") + std::string(ethereum::word(static_cast<ethereum::MethodClass>(i)));
  return refusal("there is no method class '" + klass + "': " + words);
}

void Daemon::take_rates() {
  const TimePoint time = now();
  rates_.forget_before(time - std::chrono::minutes(1));
  std::erase_if(overloads_, [&](const auto& each) {
    return std::ranges::none_of(snapshot_->chains,
                                [&](const auto& chain) { return chain.name == each.first; });
  });
  for (const auto& chain : snapshot_->chains) {
    for (const auto& upstream : chain.upstreams)
      rates_.take(upstream.slot, registry_->totals(upstream.slot), time);
    const auto change =
        overloads_[chain.name].tick(registry_->totals(chain.slot).queue_rejected, time);
    if (!change) continue;
    if (change->begun) {
      std::size_t waiting = 0;
      for (std::size_t i = 0; i < policy::kPriorities; ++i)
        waiting += chain.shared->queue.depth(static_cast<policy::Priority>(i));
      events_->emit(events::QueueOverloaded{
          .chain = chain.name, .waiting = waiting, .rejected = change->rejected});
    } else {
      events_->emit(events::QueueRelieved{
          .chain = chain.name, .rejected = change->rejected, .lasted_s = seconds(change->lasted)});
    }
  }
}

}  // namespace sluice::app

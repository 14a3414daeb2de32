// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <utility>

#include <simdjson.h>

#include "devnode/faults.hpp"

namespace sluice::devnode {
namespace {

namespace dom = simdjson::dom;

/// Reading one value; false: the value is wrong.
struct Input {
  dom::element value;
  std::uint64_t head;
};

template <class Word, std::size_t N>
using Words = std::array<std::pair<std::string_view, Word>, N>;

constexpr Words<Latency::Shape, 5> kShapes{{{"fixed", Latency::Shape::kFixed},
                                            {"uniform", Latency::Shape::kUniform},
                                            {"exponential", Latency::Shape::kExponential},
                                            {"lognormal", Latency::Shape::kLognormal},
                                            {"asked", Latency::Shape::kAsked}}};
constexpr double kFactorMax = 1000;
constexpr Words<DisconnectStage, 3> kStages{{{"before", DisconnectStage::kBefore},
                                             {"mid_head", DisconnectStage::kMidHead},
                                             {"mid_body", DisconnectStage::kMidBody}}};
constexpr Words<Garbage, 6> kGarbage{{{"html", Garbage::kHtml},
                                      {"empty", Garbage::kEmpty},
                                      {"bad_json", Garbage::kBadJson},
                                      {"wrong_id", Garbage::kWrongId},
                                      {"no_id", Garbage::kNoId},
                                      {"extra_bytes", Garbage::kExtraBytes}}};
constexpr Words<Framing, 4> kFramings{{{"cl_te", Framing::kClTe},
                                       {"two_cl", Framing::kTwoCl},
                                       {"bad_chunk", Framing::kBadChunk},
                                       {"http09", Framing::kHttp09}}};

template <class Word, std::size_t N>
bool read_word(dom::element value, const Words<Word, N>& words, Word& out) {
  std::string_view text;
  if (value.get(text) != simdjson::SUCCESS) return false;
  for (const auto& [name, word] : words) {
    if (name != text) continue;
    out = word;
    return true;
  }
  return false;
}

bool read_ratio(dom::element value, double& out) {
  bool flag = false;
  if (value.get(flag) == simdjson::SUCCESS) {
    out = flag ? 1 : 0;
    return true;
  }
  return value.get(out) == simdjson::SUCCESS && out >= 0 && out <= 1;
}

bool read_milliseconds(dom::element value, double& out) {
  return value.get(out) == simdjson::SUCCESS && out >= 0;
}

bool read_factor(dom::element value, double& out) {
  return value.get(out) == simdjson::SUCCESS && out >= 0 && out <= kFactorMax;
}

bool read_count(dom::element value, std::uint64_t& out) {
  return value.get(out) == simdjson::SUCCESS;
}

bool read_count(dom::element value, std::optional<std::uint64_t>& out) {
  std::uint64_t count = 0;
  if (!read_count(value, count)) return false;
  out = count;
  return true;
}

/// A bare ratio, a bare word (ratio 1), or {"ratio": …, `key`: word}.
template <class Word, std::size_t N>
bool read_choice(dom::element value, std::string_view key, const Words<Word, N>& words, Word& word,
                 double& ratio) {
  ratio = 1;
  if (value.is_string()) return read_word(value, words, word);
  dom::object object;
  if (value.get(object) != simdjson::SUCCESS) return read_ratio(value, ratio);
  for (const auto [name, member] : object) {
    const bool good =
        name == "ratio" ? read_ratio(member, ratio) : name == key && read_word(member, words, word);
    if (!good) return false;
  }
  return true;
}

bool read_latency_member(std::string_view name, dom::element value, Latency& latency) {
  if (name == "min_ms") return read_milliseconds(value, latency.min_ms);
  if (name == "mean_ms") return read_milliseconds(value, latency.mean_ms);
  if (name == "p99_ms") return read_milliseconds(value, latency.p99_ms);
  if (name == "tail_ms") return read_milliseconds(value, latency.tail_ms);
  if (name == "tail_ratio") return read_ratio(value, latency.tail_ratio);
  if (name == "factor") return read_factor(value, latency.factor);
  return name == "distribution" && read_word(value, kShapes, latency.shape);
}

bool read_latency(dom::element from, Latency& to) {
  dom::object object;
  if (from.get(object) != simdjson::SUCCESS) return read_milliseconds(from, to.mean_ms);
  for (const auto [name, value] : object) {
    if (!read_latency_member(name, value, to)) return false;
  }
  return true;
}

bool read_latency_by_method(Input in, Faults& to) {
  dom::object object;
  if (in.value.get(object) != simdjson::SUCCESS) return false;
  for (const auto [method, value] : object) {
    if (!read_latency(value, to.latency_by_method[std::string(method)])) return false;
  }
  return true;
}

bool read_error_member(std::string_view name, dom::element value, Faults& to) {
  if (name == "code") return value.get(to.error_code) == simdjson::SUCCESS;
  if (name == "data") {
    to.error_data = simdjson::minify(value);
    return true;
  }
  if (name == "message") {
    std::string_view text;
    if (value.get(text) != simdjson::SUCCESS) return false;
    to.error_message = text;
    return true;
  }
  std::int64_t status = 0;
  if (name != "http_status" || value.get(status) != simdjson::SUCCESS) return false;
  to.error_status = static_cast<int>(status);
  return status >= 400 && status <= 599;
}

bool read_error(Input in, Faults& to) {
  dom::object object;
  if (in.value.get(object) != simdjson::SUCCESS) return false;
  for (const auto [name, value] : object) {
    if (!read_error_member(name, value, to)) return false;
  }
  return true;
}

bool read_frozen_head(Input in, Faults& to) {
  bool freeze = false;
  if (in.value.get(freeze) != simdjson::SUCCESS) return read_count(in.value, to.frozen_head);
  if (freeze) to.frozen_head = in.head;
  return true;
}

bool read_methods(Input in, Faults& to) {
  dom::array array;
  if (in.value.get(array) != simdjson::SUCCESS) return false;
  for (const auto item : array) {
    std::string_view name;
    if (item.get(name) != simdjson::SUCCESS) return false;
    to.methods.emplace_back(name);
  }
  return true;
}

bool read_close_idle(Input in, Faults& to) {
  std::uint64_t ms = 0;
  if (!read_count(in.value, ms) || ms > 86'400'000) return false;
  to.close_idle = std::chrono::milliseconds(ms);
  return true;
}

struct Key {
  std::string_view name;
  bool (*read)(Input, Faults&);
};

constexpr std::array kKeys{
    Key{"latency", [](Input in, Faults& to) { return read_latency(in.value, to.latency); }},
    Key{"latency_by_method", read_latency_by_method},
    Key{"workers", [](Input in, Faults& to) { return read_count(in.value, to.workers); }},
    Key{"error_ratio", [](Input in, Faults& to) { return read_ratio(in.value, to.error_ratio); }},
    Key{"error", read_error},
    Key{"rate_limit_429",
        [](Input in, Faults& to) { return read_ratio(in.value, to.rate_limit_429); }},
    Key{"retry_after", [](Input in, Faults& to) { return read_count(in.value, to.retry_after); }},
    Key{"hang", [](Input in, Faults& to) { return read_ratio(in.value, to.hang); }},
    Key{"disconnect",
        [](Input in, Faults& to) {
          return read_choice(in.value, "stage", kStages, to.disconnect_stage, to.disconnect);
        }},
    Key{"truncate", [](Input in, Faults& to) { return read_ratio(in.value, to.truncate); }},
    Key{"garbage",
        [](Input in, Faults& to) {
          return read_choice(in.value, "kind", kGarbage, to.garbage, to.garbage_ratio);
        }},
    Key{"bad_framing",
        [](Input in, Faults& to) {
          return read_choice(in.value, "kind", kFramings, to.framing, to.framing_ratio);
        }},
    Key{"slow_body", [](Input in, Faults& to) { return read_count(in.value, to.slow_body); }},
    Key{"close_idle", read_close_idle},
    Key{"close_after_reply",
        [](Input in, Faults& to) { return read_count(in.value, to.close_after_reply); }},
    Key{"frozen_head", read_frozen_head},
    Key{"lag_blocks", [](Input in, Faults& to) { return read_count(in.value, to.lag_blocks); }},
    Key{"chain_id", [](Input in, Faults& to) { return read_count(in.value, to.chain_id); }},
    Key{"syncing",
        [](Input in, Faults& to) {
          to.syncing = simdjson::minify(in.value);
          return true;
        }},
    Key{"state_history",
        [](Input in, Faults& to) { return read_count(in.value, to.state_history); }},
    Key{"null_results", [](Input in, Faults& to) { return read_ratio(in.value, to.null_results); }},
    Key{"methods", read_methods},
};

std::unexpected<Error> refuse(std::string what) {
  return fail(ErrorKind::kInvalid, Origin::kClient, Retry::kNever, std::move(what));
}

}  // namespace

Result<Faults> Faults::parse(std::string_view json, std::uint64_t head) {
  dom::parser parser;
  const simdjson::padded_string padded(json);
  dom::object object;
  if (parser.parse(padded).get(object) != simdjson::SUCCESS) return refuse("not a JSON object");
  Faults faults;
  faults.source = simdjson::minify(object);
  bool error_given = false;
  bool ratio_given = false;
  for (const auto [name, value] : object) {
    const auto* key = std::find_if(kKeys.begin(), kKeys.end(),
                                   [&](const Key& candidate) { return candidate.name == name; });
    if (key == kKeys.end()) return refuse("unknown key: " + std::string(name));
    if (!key->read({value, head}, faults)) return refuse("bad value of " + std::string(name));
    error_given |= name == "error";
    ratio_given |= name == "error_ratio";
  }
  if (error_given && !ratio_given) faults.error_ratio = 1;
  return faults;
}

}  // namespace sluice::devnode

// SPDX-License-Identifier: Apache-2.0
#include "events/kinds.hpp"

#include <iterator>
#include <utility>

#include <fmt/format.h>

namespace sluice::events {
namespace {

using Doc = std::pair<std::string_view, std::string_view>;

constexpr Doc kFieldDocs[] = {
    {"actual", "What it is instead."},
    {"attempts", "Deliveries tried in a row without success."},
    {"before", "What was set before; `auto` when nothing was."},
    {"calls", "How many calls it is about."},
    {"chain", "The chain's name."},
    {"chains", "How many chains are served."},
    {"class",
     "The method class: cheap_read, state_read, call, logs, block, trace, write, filter, "
     "subscription, other."},
    {"connections", "Connections that were ready then."},
    {"delay_s", "Seconds until listeners close (`shutdown.delay`)."},
    {"direction", "`up` or `down`."},
    {"dropped", "Events that were dropped meanwhile because the queue was full."},
    {"exit_code", "The exit code of the process."},
    {"expected",
     "What it should be: the chain id, or what the series would have been by its past."},
    {"failed_s", "Seconds since the first delivery that failed."},
    {"failure_ratio", "Failed calls as a part of all, 0 to 1."},
    {"from", "What it was before."},
    {"inflation", "Response times to what they are when nothing queues at the upstream."},
    {"in_s", "Seconds until then."},
    {"lasted_s", "Seconds from the episode's beginning to its end."},
    {"limit", "The value of the limit: connections, calls a second, or seconds."},
    {"missed", "How many events are missing; 0 when it is not known."},
    {"open_s", "Seconds that the breaker stays, or was, open."},
    {"out_s", "Seconds that it was away; 0 when it never served."},
    {"outcome", "`ok` or `failed`."},
    {"pattern", "`spike`, `shift`, `spread` or `tail`."},
    {"probability", "Of the crossing, 0 to 1."},
    {"reason", "Why, as a closed word; for `reload_failed` as text."},
    {"rejected", "Calls that the queue has refused or given up in this episode."},
    {"series",
     "The series: latency_p50, latency_p99, error_ratio, rate, head_lag; of a forecast pool, "
     "rate_limit or latency_objective."},
    {"setting", "`drain`, `weight`, `breaker_<class>` or `scale`."},
    {"to", "What it is now."},
    {"took_s", "Seconds that it waited for them."},
    {"undelivered", "Events that the webhook did not get before the end."},
    {"upstream", "The upstream's name; `*` for most of the chain's at once."},
    {"utilization", "Busy connections as a part of all, 0 to 1, when it was decided."},
    {"value", "The value that was set, or that was seen."},
    {"waiting", "How many wait in the queue."},
    {"worker", "Index of the worker."},
    {"workers", "How many workers there are."},
    {"z", "Distance from what was expected, in robust standard deviations."},
};

}  // namespace

std::string_view field_doc(std::string_view field) noexcept {
  for (const auto& [name, doc] : kFieldDocs) {
    if (name == field) return doc;
  }
  return {};
}

std::string reference_markdown() {
  std::string out =
      "# Events\n\n"
      "Made from the table of events in the source; do not edit. What events are for and how to "
      "get "
      "them is in [events.md](events.md).\n\n"
      "Every event has `id` (none where its level is debug), `ts`, `level`, `event` (the name "
      "below), `msg` and the fields "
      "of its row, always all of them. Names and fields stay; new ones may be added.\n\n"
      "| Event | Level | Fields | Meaning |\n|---|---|---|---|\n";
  for (const KindRow& kind : kTable) {
    std::string fields;
    for (const std::string_view field : kind.fields()) {
      fmt::format_to(std::back_inserter(fields), "{}`{}`", fields.empty() ? "" : ", ", field);
    }
    fmt::format_to(std::back_inserter(out), "| `{}` | {} | {} | {} |\n", kind.name,
                   log::level_word(kind.level), fields, kind.doc);
  }
  out += "\n## Fields\n\n| Field | Meaning |\n|---|---|\n";
  for (const auto& [name, doc] : kFieldDocs) {
    fmt::format_to(std::back_inserter(out), "| `{}` | {} |\n", name, doc);
  }
  return out;
}

}  // namespace sluice::events

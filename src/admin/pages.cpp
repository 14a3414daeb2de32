// SPDX-License-Identifier: Apache-2.0
#include "admin/pages.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <iterator>

#include <fmt/format.h>

namespace sluice::admin {
namespace {

/// What a page may look at beyond its path.
struct Question {
  std::string_view query;
  std::optional<std::string_view> last_event_id;
};

/// The value of `name` in the query: empty where it stands without one, nothing where it is
/// missing.
std::optional<std::string_view> parameter(std::string_view query, std::string_view name) noexcept {
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view item = query.substr(0, end);
    const std::size_t equals = std::min(item.find('='), item.size());
    if (item.substr(0, equals) == name) return item.substr(std::min(equals + 1, item.size()));
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  return std::nullopt;
}

struct Page {
  std::string_view path;
  Response (*render)(const Handlers&, const Question&);
  std::string_view
      link;  ///< the text of its link on the first page; none for the first page itself
};

Response livez(const Handlers&, const Question&) {
  return {.body = "ok\n"};
}

Response readyz(const Handlers& handlers, const Question& question) {
  const bool verbose = parameter(question.query, "verbose").has_value();
  const Readiness now = handlers.readiness();
  Response out;
  out.status = now.ready ? 200 : 503;
  for (const Check& check : now.checks) {
    if (check.ok && !verbose) continue;
    fmt::format_to(std::back_inserter(out.body), "[{}] {}{}{}\n", check.ok ? '+' : '-', check.name,
                   check.detail.empty() ? "" : ": ", check.detail);
  }
  out.body += now.ready ? "ok\n" : "not ready\n";
  return out;
}

Response metrics(const Handlers& handlers, const Question&) {
  return {.content_type = "text/plain; version=0.0.4; charset=utf-8", .body = handlers.metrics()};
}

Response status(const Handlers& handlers, const Question&) {
  return {.content_type = "application/json", .body = handlers.status()};
}

Response events(const Handlers& handlers, const Question& question) {
  if (handlers.events == nullptr) return {.status = 404, .body = "no such page\n"};
  events::Reader::Options options;
  if (const auto level = parameter(question.query, "level")) {
    const auto known = log::parse_level(*level);
    if (!known) return {.status = 400, .body = "level: trace, debug, info, warn or error\n"};
    options.least = *known;
  }
  // The field is what a browser adds when it comes again to the same address.
  auto after = question.last_event_id;
  if (!after) after = parameter(question.query, "last_event_id");
  if (after) options.after = std::string(*after);
  return {.content_type = "text/event-stream", .body = {}, .follow = std::move(options)};
}

Response links(const Handlers&, const Question&);

constexpr std::array<Page, 7> kPages = {{
    {"/", links, ""},
    {"/metrics", metrics, "metrics for Prometheus"},
    {"/status", status, "chains, upstreams, pools and queues as JSON"},
    {"/events", events, "server-sent events; ?level= and ?last_event_id= as events.md says"},
    {"/readyz", readyz,
     "200 while calls can be served, else 503 and why; ?verbose lists every check"},
    {"/healthz", readyz, "the same as /readyz"},
    {"/livez", livez, "200 while the process runs"},
}};

Response links(const Handlers&, const Question&) {
  Response out;
  out.content_type = "text/html; charset=utf-8";
  out.body =
      "<!doctype html>\n<html lang=\"en\"><head><meta "
      "charset=\"utf-8\"><title>Sluice</title></head>\n"
      "<body><h1>Sluice</h1>\n<ul>\n";
  for (const Page& page : kPages) {
    if (page.link.empty()) continue;
    fmt::format_to(std::back_inserter(out.body), "<li><a href=\"{0}\">{0}</a> {1}</li>\n",
                   page.path, page.link);
  }
  out.body += "</ul></body></html>\n";
  return out;
}

}  // namespace

Response refuse(unsigned status_code, std::string_view text) {
  return {.status = status_code, .body = std::string(text) + "\n", .close = true};
}

Response respond(const Request& request, const HostRule& hosts, const Handlers& handlers) {
  if (request.hosts > 1 || (request.hosts == 0 && request.needs_host)) {
    return refuse(400, "exactly one Host is needed");
  }
  if (request.hosts == 1 && !hosts.allows(request.host, request.has_origin)) {
    return refuse(403, "this Host is not served here");
  }
  if (request.has_body) return refuse(413, "no page takes a body");
  if (request.method != "GET" && request.method != "HEAD") {
    return {.status = 405, .body = "only GET and HEAD\n"};
  }
  const std::size_t path_end = std::min(request.target.find('?'), request.target.size());
  const std::string_view path = request.target.substr(0, path_end);
  const auto* const page =
      std::find_if(kPages.begin(), kPages.end(), [&](const Page& p) { return p.path == path; });
  if (page == kPages.end()) return {.status = 404, .body = "no such page\n"};
  const std::string_view query =
      request.target.substr(std::min(path_end + 1, request.target.size()));
  return page->render(handlers, {query, request.last_event_id});
}

std::string http_date(double unix_seconds) {
  static constexpr std::array<const char*, 7> kDays = {"Sun", "Mon", "Tue", "Wed",
                                                       "Thu", "Fri", "Sat"};
  static constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto whole = static_cast<std::time_t>(std::floor(unix_seconds));
  std::tm utc{};
  gmtime_r(&whole, &utc);
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
                     kDays.at(static_cast<std::size_t>(utc.tm_wday)), utc.tm_mday,
                     kMonths.at(static_cast<std::size_t>(utc.tm_mon)), utc.tm_year + 1900,
                     utc.tm_hour, utc.tm_min, utc.tm_sec);
}

}  // namespace sluice::admin

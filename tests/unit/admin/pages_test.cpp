// SPDX-License-Identifier: Apache-2.0
#include "admin/pages.hpp"

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "events/hub.hpp"
#include "support/catch.hpp"

using namespace sluice::admin;

namespace {

Handlers handlers(bool ready = true) {
  return {.metrics = [] { return std::string("sluice_up 1\n"); },
          .status = [] { return std::string("{\"chains\":[]}"); },
          .readiness =
              [ready] {
                return Readiness{ready,
                                 {{"config", true, "loaded"},
                                  {"chain mainnet", ready, ready ? "" : "no upstream is up"},
                                  {"workers", true, ""}}};
              }};
}

Request get(std::string_view target) {
  Request request;
  request.method = "GET";
  request.target = target;
  request.host = "127.0.0.1:9464";
  request.hosts = 1;
  return request;
}

bool has(std::string_view all, std::string_view part) {
  return all.find(part) != std::string_view::npos;
}

}  // namespace

TEST_CASE("each path has its page") {
  struct Row {
    std::string_view target;
    unsigned status;
    std::string_view type, body;
  };
  const std::vector<Row> rows = {
      {"/metrics", 200, "text/plain; version=0.0.4; charset=utf-8", "sluice_up 1\n"},
      {"/metrics?x=y", 200, "text/plain; version=0.0.4; charset=utf-8", "sluice_up 1\n"},
      {"/status", 200, "application/json", "{\"chains\":[]}"},
      {"/livez", 200, "text/plain; charset=utf-8", "ok\n"},
      {"/readyz", 200, "text/plain; charset=utf-8", "ok\n"},
      {"/healthz", 200, "text/plain; charset=utf-8", "ok\n"},
      {"/readyz?verbose", 200, "text/plain; charset=utf-8",
       "[+] config: loaded\n[+] chain mainnet\n[+] workers\nok\n"},
      {"/readyz?a=b&verbose=1", 200, "text/plain; charset=utf-8",
       "[+] config: loaded\n[+] chain mainnet\n[+] workers\nok\n"},
      {"/readyz?verbosely", 200, "text/plain; charset=utf-8", "ok\n"},
      {"/readyz?", 200, "text/plain; charset=utf-8", "ok\n"},
      {"/metrics/", 404, "text/plain; charset=utf-8", "no such page\n"},
      {"/Metrics", 404, "text/plain; charset=utf-8", "no such page\n"},
      {"/events", 404, "text/plain; charset=utf-8", "no such page\n"},
      {"", 404, "text/plain; charset=utf-8", "no such page\n"},
      {"?", 404, "text/plain; charset=utf-8", "no such page\n"},
      {"*", 404, "text/plain; charset=utf-8", "no such page\n"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.target);
    const Response got = respond(get(row.target), {}, handlers());
    CHECK(got.status == row.status);
    CHECK(got.content_type == row.type);
    CHECK(got.body == row.body);
    CHECK(!got.close);
  }
}

TEST_CASE("the first page links to every other") {
  const Response got = respond(get("/"), {}, handlers());
  CHECK(got.content_type == "text/html; charset=utf-8");
  for (const char* path : {"/metrics", "/status", "/readyz", "/healthz", "/livez"}) {
    CHECK(has(got.body, "<a href=\"" + std::string(path) + "\">"));
    CHECK(respond(get(path), {}, handlers()).status == 200);
  }
}

TEST_CASE("not ready says why without being asked for more") {
  for (const char* target : {"/readyz", "/healthz"}) {
    const Response got = respond(get(target), {}, handlers(false));
    CHECK(got.status == 503);
    CHECK(got.body == "[-] chain mainnet: no upstream is up\nnot ready\n");
  }
  CHECK(respond(get("/readyz?verbose"), {}, handlers(false)).body ==
        "[+] config: loaded\n[-] chain mainnet: no upstream is up\n[+] workers\nnot ready\n");
  CHECK(respond(get("/livez"), {}, handlers(false)).status == 200);
}

TEST_CASE("only GET and HEAD, no body, exactly one Host") {
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get", ""}) {
    CAPTURE(method);
    Request request = get("/metrics");
    request.method = method;
    CHECK(respond(request, {}, handlers()).status == 405);
  }
  Request request = get("/metrics");
  request.method = "HEAD";
  CHECK(respond(request, {}, handlers()).status == 200);

  request = get("/metrics");
  request.has_body = true;
  CHECK(respond(request, {}, handlers()).status == 413);
  CHECK(respond(request, {}, handlers()).close);

  request = get("/metrics");
  request.hosts = 2;
  CHECK(respond(request, {}, handlers()).status == 400);
  request.hosts = 0;
  CHECK(respond(request, {}, handlers()).status == 400);
  request.needs_host = false;
  CHECK(respond(request, {}, handlers()).status == 200);
}

TEST_CASE("a Host that somebody else can own is refused") {
  const HostRule listed{{"Metrics.internal", "sluice"}, false};
  const HostRule open{{}, true};
  struct Row {
    std::string_view host;
    bool strict, listed, open;  // `open` without an Origin
  };
  const std::vector<Row> rows = {
      {"127.0.0.1", true, true, true},
      {"127.0.0.1:9464", true, true, true},
      {"10.1.2.3:1", true, true, true},
      {"[::1]:9464", true, true, true},
      {"[2001:db8::1]", true, true, true},
      {"localhost", true, true, true},
      {"LOCALHOST:9464", true, true, true},
      {"metrics.INTERNAL:9464", false, true, true},
      {"sluice", false, true, true},
      {"evil.example", false, false, true},
      {"localhost.evil.example", false, false, true},
      {"127.0.0.1.evil.example", false, false, true},
      {"127.0.0.1@evil.example", false, false, true},
      {"0x7f000001", false, false, true},
      {"1", false, false, true},
      {"", false, false, false},
      {":80", false, false, false},
      {"[::1", false, false, false},
      {"[::1]x", false, false, false},
      {"[127.0.0.1]", false, false, true},
      {"::1", false, false, false},
      {"localhost:port", false, false, false},
      {"localhost:123456", false, false, false},
      {"localhost:80:80", false, false, false},
      {"[", false, false, false},
      {"[]", false, false, true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.host);
    CHECK(HostRule{}.allows(row.host, false) == row.strict);
    CHECK(HostRule{}.allows(row.host, true) == row.strict);
    CHECK(listed.allows(row.host, false) == row.listed);
    CHECK(open.allows(row.host, false) == row.open);
    CHECK(open.allows(row.host, true) == row.strict);
  }
  Request request = get("/metrics");
  request.host = "evil.example";
  CHECK(respond(request, {}, handlers()).status == 403);
}

TEST_CASE("a date is that of HTTP") {
  CHECK(http_date(784111777.9) == "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(http_date(0) == "Thu, 01 Jan 1970 00:00:00 GMT");
}

TEST_CASE("the events page says from where and how grave") {
  struct Row {
    std::string_view target;
    const char* field;
    unsigned status;
    sluice::log::Level least;
    const char* after;
  };
  using enum sluice::log::Level;
  boost::asio::io_context io;
  Handlers with = handlers();
  with.events = std::make_shared<sluice::events::Hub>(io, sluice::events::Hub::Options{}, 1);
  for (const Row& row : {
           Row{"/events", nullptr, 200, kInfo, nullptr},
           Row{"/events?level=debug", nullptr, 200, kDebug, nullptr},
           Row{"/events?last_event_id=1-5&level=warn", nullptr, 200, kWarn, "1-5"},
           Row{"/events?last_event_id=", nullptr, 200, kInfo, ""},
           Row{"/events", "1-7", 200, kInfo, "1-7"},
           Row{"/events?last_event_id=1-5", "1-7", 200, kInfo, "1-7"},
           Row{"/events?level=loud", nullptr, 400, kInfo, nullptr},
           Row{"/events?level=", nullptr, 400, kInfo, nullptr},
       }) {
    CAPTURE(row.target);
    Request request = get(row.target);
    if (row.field != nullptr) request.last_event_id = row.field;
    const Response got = respond(request, {}, with);
    CHECK(got.status == row.status);
    REQUIRE(got.follow.has_value() == (row.status == 200));
    if (!got.follow) continue;
    CHECK(got.content_type == "text/event-stream");
    CHECK(got.follow->least == row.least);
    CHECK(got.follow->after.has_value() == (row.after != nullptr));
    if (row.after != nullptr) CHECK(*got.follow->after == row.after);
  }
}

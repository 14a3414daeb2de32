// SPDX-License-Identifier: Apache-2.0
#include "app/status_view.hpp"

#include <string>

#include "support/catch.hpp"

using namespace sluice::app;

namespace {

constexpr const char* kAnswer = R"({"ok":true,"text":"","status":{"version":"1.2","phase":"serving",
"uptime_s":93784.5,"workers":2,"client_connections":3,"chains":[{"name":"main","chain_id":1,"head":100,
"strategy":"weighted","in_flight":4,"queue":{"critical":1,"high":2,"normal":3,"low":4},"upstreams":[
{"name":"a","state":"in","reason":"none","score":0.5,"tier":1,"weight":3,"in_flight":2,"head":100,
"lag_blocks":0,"throttled_ms":1500,"connections":{"idle":1,"busy":2,"connecting":0,"max":8},
"override":{"drained":true,"weight":3,"connections":5,"breakers":{"logs":"open"}},
"rate":{"attempts_per_s":12.34,"failures_per_s":0.5,"p50_ms":1.234,"p99_ms":123.4}},
{"name":"b-with-a-long-name","state":"out","reason":"failures","override":{}},
{"name":"c","state":"in","concurrency_limit":{"mode":"act","limit":12,"inflation":1.2,"limiting":true}},
{"name":"d","state":"in","concurrency_limit":{"mode":"observe","limit":12,"inflation":1.2,"limiting":true}}]}],
"reloads":{"succeeded":1,"failed":2,"last_succeeded":false}}})";

bool has(const std::string& all, const std::string& part) {
  return all.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a status becomes a table") {
  const auto view = parse_status(kAnswer);
  REQUIRE(view);
  const auto lines = status_lines(*view, {.colour = false, .width = 300});
  REQUIRE(lines.size() == 8);
  CHECK(lines[0] ==
        "sluice 1.2  serving  up 1d 02:03:04  2 worker(s)  3 client connection(s)  THE LAST RELOAD "
        "FAILED");
  CHECK(lines[2] ==
        "main  id 1  head 100  weighted  in flight 4  waiting 1 critical, 2 high, 3 normal, 4 low");
  CHECK(has(lines[4], "  a                   drained "));
  CHECK(has(lines[4], "   12.3     1.23      123     0.5"));
  CHECK(has(lines[4], "2/1/8"));
  CHECK(has(lines[4],
            "drained by hand, weight 3 by hand, scale 5 by hand, breaker logs open by hand, "
            "throttled 2 s"));
  CHECK(has(lines[5], "  b-with-a-long-name  out "));
  CHECK(has(lines[5], "failures"));
  CHECK(has(lines[5], "       -        -"));
  CHECK(has(lines[6], "limited to 12"));
  CHECK_FALSE(has(lines[7], "limited"));
}

TEST_CASE("lines are cut to the terminal's width, and colours take none of it") {
  const auto view = parse_status(kAnswer);
  REQUIRE(view);
  for (const std::size_t width : {1U, 10U, 25U, 40U, 80U}) {
    CAPTURE(width);
    for (const bool colour : {false, true}) {
      for (std::string line : status_lines(*view, {.colour = colour, .width = width})) {
        for (const char* code : {"\x1b[0m", "\x1b[31m", "\x1b[32m", "\x1b[33m"}) {
          for (auto at = line.find(code); at != std::string::npos; at = line.find(code))
            line.erase(at, std::string(code).size());
        }
        CHECK(line.find('\x1b') == std::string::npos);
        CHECK(line.size() <= width);
      }
    }
  }
}

TEST_CASE("what is no status is none, and what is missing has its default") {
  for (const char* text :
       {"", "{}", "[]", "null", "{\"status\"", "{\"ok\":false,\"text\":\"no\"}"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_status(text));
  }
  const auto view = parse_status(R"({"status":{"chains":[{"upstreams":[{}]},7]}})");
  REQUIRE(view);
  CHECK(view->chains.size() == 2);
  CHECK(view->chains[0].upstreams[0].name.empty());
  CHECK(status_lines(*view, {}).size() == 8);
}

TEST_CASE("an event becomes a line without control characters") {
  const std::string json =
      R"({"id":"1-2","ts":"2026-11-24T13:30:15.064680Z","level":"warn","event":"upstream_out",)"
      R"("msg":"gone","chain":"main","upstream":"a\u001b[2J\n","calls":3,"ok":true,"empty":""})";
  const auto line = event_line(json);
  REQUIRE(line);
  CHECK(
      *line ==
      "2026-11-24T13:30:15Z warn  upstream_out chain=main upstream=a\\u001b[2J\\n calls=3 ok=true");
  CHECK(event_id(json) == "1-2");
  for (const char* text : {"", "{}", "[]", R"({"ok":true,"text":""})", "{"}) {
    CAPTURE(text);
    CHECK_FALSE(event_line(text));
    CHECK(event_id(text).empty());
  }
}

// SPDX-License-Identifier: Apache-2.0
#include "admin/control.hpp"

#include <cstdio>
#include <fstream>
#include <string>

#include <sys/stat.h>
#include <unistd.h>

#include "admin/socket_place.hpp"
#include "support/catch.hpp"

using namespace sluice;
using namespace sluice::admin;

TEST_CASE("a line is a command with texts for members, or it is refused with the reason") {
  const auto request = parse_control(
      R"({"command":"breaker","target":"main/a","item":"logs","value":"open","level":"warn","last_event_id":"1-2"})"
      "\n");
  REQUIRE(request);
  CHECK(request->command == "breaker");
  CHECK(request->target == "main/a");
  CHECK(request->item == "logs");
  CHECK(request->value == "open");
  CHECK(request->level == "warn");
  CHECK(request->last_event_id == "1-2");
  struct Row {
    const char* line;
    const char* why;
  };
  for (const Row& row :
       {Row{"", "not one JSON object in a line"}, Row{"{", "not one JSON object in a line"},
        Row{"[]", "not one JSON object in a line"}, Row{"{} {}", "not one JSON object in a line"},
        Row{"{}", "no command"}, Row{R"({"command":""})", "no command"},
        Row{R"({"command":null})", "command must be a text"},
        Row{R"({"command":"x","target":1})", "target must be a text"},
        Row{R"({"command":"x","targets":"a"})", "unknown member targets"}}) {
    CAPTURE(row.line);
    const auto refused = parse_control(row.line);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().detail == row.why);
  }
}

TEST_CASE("an answer is one line") {
  CHECK(control_line({.ok = true, .text = "a \"b\"\nc", .members = R"(,"n":1)"}) ==
        "{\"ok\":true,\"text\":\"a \\\"b\\\"\\nc\",\"n\":1}\n");
  CHECK(control_line({.ok = false, .text = "no", .members = {}}) ==
        "{\"ok\":false,\"text\":\"no\"}\n");
}

namespace {

struct Folder {
  std::string path = "/tmp/sluice-test-XXXXXX";
  Folder() { REQUIRE(::mkdtemp(path.data()) != nullptr); }
  ~Folder() {
    for (const char* name : {"/s", "/s.lock", "/other"}) ::unlink((path + name).c_str());
    ::rmdir(path.c_str());
  }
  [[nodiscard]] std::string socket() const { return path + "/s"; }
};

bool there(const std::string& path) {
  struct stat info{};
  return ::lstat(path.c_str(), &info) == 0;
}

}  // namespace

TEST_CASE("a place belongs to one, and goes with it") {
  const Folder folder;
  {
    auto first = SocketPlace::take(folder.socket());
    REQUIRE(first);
    struct stat info{};
    REQUIRE(::lstat(folder.socket().c_str(), &info) == 0);
    CHECK((info.st_mode & 07777U) == 0600U);
    const auto second = SocketPlace::take(folder.socket());
    REQUIRE_FALSE(second);
    CHECK(second.error().kind == ErrorKind::kRefused);
    SocketPlace moved = std::move(*first);
    first = std::unexpected(Error{});
    CHECK(there(folder.socket()));
  }
  CHECK_FALSE(there(folder.socket()));
  CHECK_FALSE(there(folder.socket() + ".lock"));
  CHECK(SocketPlace::take(folder.socket()).has_value());
}

TEST_CASE("what took its place meanwhile is left to its owner") {
  const Folder folder;
  {
    auto place = SocketPlace::take(folder.socket());
    REQUIRE(place);
    REQUIRE(::unlink(folder.socket().c_str()) == 0);
    std::ofstream(folder.socket()) << "mine";
  }
  CHECK(there(folder.socket()));
  const auto refused = SocketPlace::take(folder.socket());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == ErrorKind::kRefused);
  CHECK(there(folder.socket()));
}

TEST_CASE("a place that cannot be had is another thing than one that is taken") {
  const Folder folder;
  for (const std::string& path :
       {folder.path + "/none/s", std::string(), folder.path + "/" + std::string(200, 'x')}) {
    CAPTURE(path);
    const auto place = SocketPlace::take(path);
    REQUIRE_FALSE(place);
    CHECK(place.error().kind == ErrorKind::kUnavailable);
  }
}

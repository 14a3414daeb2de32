// SPDX-License-Identifier: Apache-2.0
#include "events/hub.hpp"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "events/reader.hpp"
#include "support/catch.hpp"

using namespace sluice;
using namespace sluice::events;

namespace {

struct Fixture {
  net::asio::io_context io;
  std::shared_ptr<Hub> shared;
  Hub& hub;
  explicit Fixture(const Hub::Options& options = {})
      : shared(std::make_shared<Hub>(io, options, 0xabc)), hub(*shared) {}
  void reloaded(std::uint64_t chains) { hub.emit(Reloaded{.chains = chains}); }
};

std::string names(const std::vector<ToldPtr>& events) {
  std::string out;
  for (const auto& event : events) {
    if (!out.empty()) out += ' ';
    out += std::string(row(event->kind).name) +
           (event->id == 0 ? "" : ":" + std::to_string(event->id));
  }
  return out;
}

struct Count final : Listener {
  std::vector<ToldPtr> events;
  void told(const ToldPtr& event) override { events.push_back(event); }
};

}  // namespace

TEST_CASE("each row has a name of its own and fields that are explained") {
  std::set<std::string_view> seen;
  std::set<std::string_view> fields;
  for (const KindRow& kind : kTable) {
    CAPTURE(kind.name);
    CHECK(seen.insert(kind.name).second);
    CHECK(kind.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == std::string_view::npos);
    CHECK(kind.doc.find('|') == std::string_view::npos);
    CHECK(kind.doc.back() == '.');
    for (const auto field : kind.fields()) {
      CAPTURE(field);
      fields.insert(field);
      CHECK(!field_doc(field).empty());
      for (const auto* reserved : {"id", "ts", "level", "event", "msg"}) CHECK(field != reserved);
    }
  }
  // A field that no event has is documented no more.
  const std::string page = reference_markdown();
  std::size_t documented = 0;
  for (auto at = page.find("## Fields"); (at = page.find("\n| `", at)) != std::string::npos; ++at)
    ++documented;
  CHECK(documented == fields.size());
}

TEST_CASE("the reference of events is the one made from the table") {
  const std::string path = std::string(SLUICE_SOURCE_DIR) + "/deploy/docs/events-reference.md";
  if (std::getenv("SLUICE_REGENERATE") != nullptr) std::ofstream(path) << reference_markdown();
  std::ifstream in(path);
  const std::string committed{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  INFO("to regenerate " << path << ": SLUICE_REGENERATE=1 unit_events");
  CHECK((committed == reference_markdown()));
}

TEST_CASE("an event is one JSON object with its id first") {
  Fixture f;
  Count count;
  f.hub.add(count, false);
  f.hub.emit(UpstreamOut{
      .chain = "main", .upstream = "a\"\n", .from = "in", .to = "out", .reason = "failures"});
  f.hub.remove(count);
  f.reloaded(1);
  REQUIRE(count.events.size() == 1);
  const Told& event = *count.events[0];
  CHECK(event.id_text == "abc-1");
  CHECK(event.json.starts_with(R"({"id":"abc-1","ts":"2)"));
  CHECK(event.json.ends_with(
      R"(Z","level":"warn","event":"upstream_out","msg":"the upstream has left the rotation, or stays only for want of others",)"
      R"("chain":"main","upstream":"a\"\n","from":"in","to":"out","reason":"failures"})"));
}

TEST_CASE("a reader gets what comes after it began, in order and in bounded pieces") {
  Fixture f;
  f.reloaded(1);
  int news = 0;
  Reader reader(f.shared, {}, [&] { ++news; });
  CHECK_FALSE(reader.has_news());
  CHECK(reader.take(1000).empty());
  for (std::uint64_t i = 0; i < 5; ++i) f.reloaded(i);
  CHECK(news == 5);
  CHECK(reader.has_news());
  CHECK(names(reader.take(1)) == "reloaded:2");
  CHECK(names(reader.take(100000)) == "reloaded:3 reloaded:4 reloaded:5 reloaded:6");
  CHECK(reader.take(1000).empty());
}

TEST_CASE("a reader resumes by id, and is told what is missing") {
  struct Row {
    const char* name;
    const char* after;
    const char* expected;
    const char* gap;
  };
  Fixture f(Hub::Options{.kept = 4});
  for (std::uint64_t i = 1; i <= 6; ++i) f.reloaded(i);
  const std::string all = "reloaded:3 reloaded:4 reloaded:5 reloaded:6";
  for (const Row& test : {
           Row{"the newest", "abc-6", "", ""},
           Row{"one before", "abc-5", "reloaded:6", ""},
           Row{"the last before what is kept", "abc-2", all.c_str(), ""},
           Row{"older", "abc-1", nullptr, R"("reason":"overrun","missed":1)"},
           Row{"before the first", "abc-0", nullptr, R"("reason":"overrun","missed":2)"},
           Row{"another process", "abd-6", nullptr, R"("reason":"restarted","missed":0)"},
           Row{"from the future", "abc-7", nullptr, R"("reason":"unknown_id")"},
           Row{"no id", "7", nullptr, R"("reason":"unknown_id")"},
           Row{"nonsense", "abc-5x", nullptr, R"("reason":"unknown_id")"},
           Row{"empty", "", nullptr, R"("reason":"unknown_id")"},
           Row{"signed", "abc--1", nullptr, R"("reason":"unknown_id")"},
       }) {
    CAPTURE(test.name);
    Reader reader(f.shared, {.after = test.after}, [] {});
    const auto events = reader.take(100000);
    if (test.expected != nullptr) {
      CHECK(names(events) == test.expected);
      continue;
    }
    CHECK(names(events) == "gap " + all);
    CHECK(events[0]->json.find(test.gap) != std::string::npos);
  }
  Reader everything(f.shared, {.after = "0"}, [] {});
  CHECK(names(everything.take(100000)) == all);
}

TEST_CASE("a reader that is overrun is told how many it has missed") {
  Fixture f(Hub::Options{.kept = 4});
  Reader reader(f.shared, {}, [] {});
  for (std::uint64_t i = 1; i <= 4; ++i) f.reloaded(i);
  CHECK_FALSE(reader.overrun());
  for (std::uint64_t i = 5; i <= 9; ++i) f.reloaded(i);
  CHECK(reader.overrun());
  const auto events = reader.take(100000);
  CHECK(names(events) == "gap reloaded:6 reloaded:7 reloaded:8 reloaded:9");
  CHECK(events[0]->json.find(R"("missed":5)") != std::string::npos);
  // With the id of the last that is missing, so that the reader resumes behind it.
  CHECK(events[0]->id_text == "abc-5");
  CHECK_FALSE(reader.overrun());
}

TEST_CASE("events of debug level are only for those who ask, have no id and displace nothing") {
  Fixture f(Hub::Options{.kept = 4, .kept_debug = 2});
  CHECK_FALSE(f.hub.wants(Kind::kConnectionCreated));
  CHECK(f.hub.wants(Kind::kReloaded));
  f.hub.emit(ConnectionCreated{.chain = "main"});
  CHECK(f.hub.newest_order() == 0);
  {
    Reader all(f.shared, {.least = log::Level::kDebug}, [] {});
    Reader plain(f.shared, {}, [] {});
    CHECK(f.hub.wants(Kind::kConnectionCreated));
    f.hub.emit(ConnectionCreated{.chain = "lost"});
    f.reloaded(1);
    f.hub.emit(ConnectionCreated{.chain = "main"});
    f.reloaded(2);
    f.hub.emit(ConnectionClosed{.chain = "main"});
    CHECK(names(all.take(100000)) == "reloaded:1 connection_created reloaded:2 connection_closed");
    CHECK(names(plain.take(100000)) == "reloaded:1 reloaded:2");
  }
  CHECK_FALSE(f.hub.wants(Kind::kConnectionCreated));
  CHECK(f.hub.kept().next() == 3);
}

TEST_CASE("a reader may ask for grave events only") {
  Fixture f;
  Reader reader(f.shared, {.least = log::Level::kWarn, .after = "0"}, [] {});
  f.reloaded(1);
  f.hub.emit(CallsCut{.reason = "x", .calls = 1});
  f.reloaded(2);
  CHECK(names(reader.take(100000)) == "calls_cut:2");
  CHECK_FALSE(reader.has_news());
}

TEST_CASE("a burst of debug events is sampled") {
  Fixture f(Hub::Options{.kept_debug = 100, .debug_per_s = 3});
  Reader reader(f.shared, {.least = log::Level::kDebug}, [] {});
  for (int i = 0; i < 50; ++i) f.hub.emit(ConnectionCreated{});
  const std::size_t got = reader.take(1000000).size();
  // The second may turn once in between.
  CHECK(got >= 3);
  CHECK(got <= 6);
}

TEST_CASE("other threads hand over without waiting, and what is too much is counted") {
  Fixture f(Hub::Options{.kept = 100000, .handover = 64});
  SECTION("bounded") {
    for (std::uint64_t i = 0; i < 100; ++i) f.hub.post(Reloaded{.chains = i});
    f.io.poll();
    CHECK(f.hub.kept().next() == 65);
    CHECK(f.hub.counted(Sink::kHandover, Outcome::kDropped) == 36);
    CHECK(f.hub.counted(Sink::kHandover, Outcome::kDelivered) == 64);
  }
  SECTION("nothing is lost or forgotten between threads") {
    constexpr std::uint64_t kEach = 2000;
    auto work = net::asio::make_work_guard(f.io);
    std::thread control([&] { f.io.run(); });
    std::vector<std::thread> workers;
    for (int w = 0; w < 3; ++w) {
      workers.emplace_back([&] {
        for (std::uint64_t i = 0; i < kEach; ++i) f.hub.post(Reloaded{.chains = i});
      });
    }
    for (auto& worker : workers) worker.join();
    work.reset();
    control.join();
    CHECK(f.hub.kept().next() - 1 + f.hub.counted(Sink::kHandover, Outcome::kDropped) == 3 * kEach);
  }
}

// SPDX-License-Identifier: Apache-2.0
#include "jsonrpc/reply_stream.hpp"

#include <string>
#include <string_view>
#include <vector>

#include "json_text.hpp"
#include "support/catch.hpp"

using namespace sluice::jsonrpc;
using State = ReplyStream::State;
using Member = ReplyStream::Member;

namespace {

constexpr std::uint64_t kId = 7;

/// What a reply comes to, by whichever reader.
struct Outcome {
  bool good = false;
  Member member = Member::kNone;
  std::string value = {};

  bool operator==(const Outcome&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Outcome& outcome) {
  return out << (outcome.good ? "good " : "bad ") << static_cast<int>(outcome.member) << ' '
             << outcome.value;
}

Outcome held(std::string_view body) {
  const ReplyView reply = parse_reply(body);
  const bool both = reply.is_error && !reply.result.empty() && reply.result != "null";
  if (!reply.valid || both || !id_equals(reply.id, kId)) return {};
  if (reply.is_error) return {true, Member::kError, std::string(reply.error)};
  return {true, Member::kResult, std::string(reply.result)};
}

/// Feeds a reply and checks on the way that steps follow each other as they may.
class Feeder {
 public:
  explicit Feeder(ReplyStream& stream) : stream_(stream) { stream_.reset(kId); }

  void feed(std::string_view chunk) {
    const ReplyStream::Step step = stream_.feed(chunk);
    if (step.state < state_) FAIL("a state came back");
    if (!step.relay.empty() && step.member == Member::kNone) FAIL("a value of no member");
    if (step.state == State::kBad && !step.relay.empty()) FAIL("relayed while bad");
    if ((step.state == State::kDone) != stream_.finish()) FAIL("done and finish() disagree");
    state_ = step.state;
    outcome_.member = step.member;
    outcome_.value += step.relay;
  }

  Outcome finish() {
    if (!stream_.finish()) return {};
    outcome_.good = true;
    return outcome_;
  }

 private:
  ReplyStream& stream_;
  State state_ = State::kEnvelope;
  Outcome outcome_;
};

const std::vector<std::string> kReplies = {
    R"({"jsonrpc":"2.0","id":7,"result":"0x1"})",
    R"({"jsonrpc":"2.0","result":{"a":[1,-2.5e+10,true,false,null,"é\u00e9\ud83d\ude00\n😀"],"b":{}},"id":7})",
    R"({"id":"7","result":[]})", R"({"id":7,"error":{"code":-32000,"message":"x"}})",
    R"({"error":{"code":3},"id":7,"result":null})", R"({"result":null,"id":7})",
    R"({"result":null,"id":7,"error":{"code":3}})", R"({"result":null,"error":null,"id":7})",
    R"({"error":null,"result":-0.5E-7,"id":7})", R"({"id":7,"result":0})",
    R"({"id":7,"result":10 })", R"({"id":7,"result":false})",
    R"({"\u0069\u0064":7,"\u0072\u0065\u0073\u0075\u006c\u0074":{"result":1,"id":8,"error":2}})",
    " \t\r\n{ \"id\" : 7 , \"result\" : [ 1 , { \"k\" : \"v\" } ] } \n\n",
    R"({"x":{"id":9,"result":[{"error":0}]},"id":7,"result":"r","averyveryveryveryveryveryverylongkeyofmorethan48bytes":0})",
    // not good
    R"({"id":8,"result":1})", R"({"result":"abc","id":70})", R"({"result":"abc"})", R"({"id":7})",
    R"({"id":7,"error":null})", R"({"id":7,"result":1,"error":{}})",
    R"({"id":7,"error":{},"result":1})", R"({"id":7,"id":7,"result":1})",
    R"({"id":7,"result":null,"result":1})", R"({"id":7,"result":1}})", R"({"id":7,"result":1} {})",
    R"({"id":7,"result":[1,]})", R"({"id":7,"result":01})", R"({"id":7,"result":"\u12"})",
    R"({"id":[7],"result":1})", R"({"id":null,"result":1})", R"({"id":7.0,"result":1})",
    R"({"id":"7","result":"\)", "{\"id\":7,\"result\":\"\xe2\x82\"}",
    "{\"id\":7,\"result\":\"\xed\xa0\x80\"}", "[{\"id\":7,\"result\":1}]",
    "\xef\xbb\xbf{\"id\":7,\"result\":1}",
    R"({"id":"77777777777777777777777777777777777777777777777777777777777777777","result":1})", ""};

}  // namespace

TEST_CASE("cut at every two places, a reply reads as it does whole") {
  ReplyStream stream(kId);
  std::size_t good = 0;
  for (const std::string& body : kReplies) {
    CAPTURE(body);
    const Outcome expected = held(body);
    good += expected.good ? 1U : 0U;
    for (std::size_t first = 0; first <= body.size(); ++first) {
      for (std::size_t second = first; second <= body.size(); ++second) {
        Feeder feeder(stream);
        feeder.feed(std::string_view(body).substr(0, first));
        feeder.feed(std::string_view(body).substr(first, second - first));
        feeder.feed(std::string_view(body).substr(second));
        if (feeder.finish() != expected) {
          CAPTURE(first, second);
          REQUIRE(feeder.finish() == expected);
        }
      }
    }
  }
  CHECK(good == 15);
}

TEST_CASE("byte by byte, a reply reads as it does whole") {
  ReplyStream stream(kId);
  for (const std::string& body : kReplies) {
    CAPTURE(body);
    Feeder feeder(stream);
    for (const char& byte : body) feeder.feed({&byte, 1});
    CHECK(feeder.finish() == held(body));
  }
}

TEST_CASE("random replies, whole and damaged, in random chunks read as they do whole") {
  ReplyStream stream(kId);
  std::size_t good = 0;
  for (std::uint64_t seed = 1; seed <= 30'000; ++seed) {
    json_text::Generator generator(seed);
    std::string body = generator.reply(seed % 5 == 0 ? "\"7\"" : "7");
    for (std::uint64_t i = generator.random().below(3); i > 0; --i) generator.damage(body);
    const Outcome expected = held(body);
    good += expected.good ? 1U : 0U;
    Feeder feeder(stream);
    for (std::string_view rest = body; !rest.empty();) {
      const std::size_t size =
          1 + generator.random().below(generator.random().below(3) == 0 ? 40 : 4);
      feeder.feed(rest.substr(0, size));
      rest.remove_prefix(std::min(size, rest.size()));
    }
    if (feeder.finish() != expected) {
      CAPTURE(seed, body);
      REQUIRE(feeder.finish() == expected);
    }
  }
  CHECK(good > 1000);
}

TEST_CASE("steps tell where the value is, and relay views of the chunk") {
  ReplyStream stream(kId);
  const std::string head = R"({"id":7,"result":"ab)";
  auto step = stream.feed(head);
  CHECK(step.state == State::kRelay);
  CHECK(step.member == Member::kResult);
  CHECK(step.relay == "\"ab");
  CHECK(step.relay.data() == head.data() + head.size() - 3);
  CHECK(stream.feed("cd").relay == "cd");
  CHECK(stream.feed("").state == State::kRelay);
  step = stream.feed("e\" ");
  CHECK(step.relay == "e\"");
  CHECK(step.state == State::kTail);
  CHECK_FALSE(stream.finish());
  step = stream.feed("}\n");
  CHECK(step.state == State::kDone);
  CHECK(step.relay.empty());
  CHECK(stream.finish());
  step = stream.feed(" ");
  CHECK(step.state == State::kDone);
  step = stream.feed("x");
  CHECK(step.state == State::kBad);
  CHECK(stream.reason() == "text after the reply");
  CHECK(stream.feed(" ").state == State::kBad);

  stream.reset(8);
  CHECK(stream.feed("{").state == State::kEnvelope);
  CHECK(stream.feed("\"result\":null").state == State::kEnvelope);
  step = stream.feed(",\"id\":8}");
  CHECK(step.state == State::kDone);
  CHECK(step.member == Member::kResult);
  CHECK(step.relay == "null");
  CHECK(stream.feed("\n").relay.empty());
}

TEST_CASE("what is wrong is bad at once, with its reason") {
  struct Case {
    std::string_view body;
    std::string_view reason;
  };
  for (const auto& [body, reason] : {Case{R"({"id":8,)", "another id than expected"},
                                     {R"({"id":n)", "another id than expected"},
                                     {R"({"result":1,"error":")", "both a result and an error"},
                                     {R"({"result":1,"result")", "a repeated member"},
                                     {R"({"result":1})", "no id"},
                                     {R"({"id":7})", "neither a result nor an error"},
                                     {R"({"id":7,"result":[})", "not valid JSON"},
                                     {"[", "not an object"},
                                     {R"({"id":7,"result":1}x)", "text after the reply"}}) {
    CAPTURE(body);
    ReplyStream stream(kId);
    CHECK(stream.feed(body.substr(0, body.size() - 1)).state != State::kBad);
    CHECK(stream.feed(body.substr(body.size() - 1)).state == State::kBad);
    CHECK(stream.reason() == reason);
    CHECK_FALSE(stream.finish());
  }
  ReplyStream stream(kId, 3);
  CHECK(stream.feed(R"({"id":7,"result":[[)").state == State::kRelay);
  CHECK(stream.feed("[").state == State::kBad);
  CHECK(stream.reason() == "nested too deeply");
  stream.reset(kId);
  stream.feed("{\"id\":7");
  CHECK_FALSE(stream.finish());
  CHECK(stream.reason() == "the reply is incomplete");
}

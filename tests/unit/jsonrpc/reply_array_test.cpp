// SPDX-License-Identifier: Apache-2.0
#include "jsonrpc/reply_array.hpp"

#include <string>
#include <vector>

#include "support/catch.hpp"

namespace sluice::jsonrpc {
namespace {

struct Read {
  bool is_array = false;
  bool complete = false;
  std::vector<std::string> ids;  ///< "-" for an element that is no reply
};

Read read(const std::string& text, std::size_t depth_max = kReplyDepthMax) {
  ReplyArray replies(text, depth_max);
  Read out{replies.is_array(), false, {}};
  while (const auto reply = replies.next()) {
    out.ids.emplace_back(reply->valid ? std::string(reply->id) : "-");
  }
  CHECK_FALSE(replies.next());
  out.complete = replies.complete();
  return out;
}

const std::string kOne = R"({"jsonrpc":"2.0","id":1,"result":"0x1"})";
const std::string kTwo = R"({"id":"2","error":{"code":3,"message":"execution reverted"}})";

}  // namespace

TEST_CASE("an array of replies is read element by element") {
  struct Row {
    std::string text;
    bool is_array, complete;
    std::vector<std::string> ids;
  };
  const Row rows[] = {
      {"[]", true, true, {}},
      {" [ ] ", true, true, {}},
      {"[" + kOne + "]", true, true, {"1"}},
      {"[" + kOne + "," + kTwo + "]", true, true, {"1", "\"2\""}},
      {"\r\n[ " + kOne + "\t,\n" + kTwo + " ] \n", true, true, {"1", "\"2\""}},
      {"[null,1,\"x\",[" + kOne + "],{}," + kOne + "]", true, true, {"-", "-", "-", "-", "-", "1"}},
      {R"([{"id":1,"id":2,"result":3}])", true, true, {"-"}},
      {R"([{"id":1}])", true, true, {"-"}},
      {R"([{"result":1}])", true, true, {""}},
      {kOne, false, false, {}},
      {"", false, false, {}},
      {"  ", false, false, {}},
      {"<html>", false, false, {}},
      {"[", true, false, {}},
      {"[" + kOne, true, false, {"1"}},
      {"[" + kOne + ",", true, false, {"1"}},
      {"[" + kOne + ",]", true, false, {"1"}},
      {"[," + kOne + "]", true, false, {}},
      {"[" + kOne + " " + kTwo + "]", true, false, {"1"}},
      {"[" + kOne + "]]", true, false, {"1"}},
      {"[" + kOne + "}", true, false, {"1"}},
      {"[" + kOne + ",nul]", true, false, {"1"}},
      {"[" + kOne + R"(,{"id":2,"result":"\ud800"}])", true, true, {"1", "2"}},
      {"[" + kOne + ",{\"id\":2,\"result\":\"\xff\"}]", true, false, {"1"}},
      {"[" + kOne + R"(,{"id":2,"result":01}])", true, false, {"1"}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const Read got = read(row.text);
    CHECK(got.is_array == row.is_array);
    CHECK(got.complete == row.complete);
    CHECK(got.ids == row.ids);
  }
}

TEST_CASE("each element is read as it would be alone") {
  const std::string text = "[" + kOne + "," + kTwo + "]";
  ReplyArray replies(text);
  for (const auto& alone : {parse_reply(kOne), parse_reply(kTwo)}) {
    const auto reply = replies.next();
    REQUIRE(reply);
    CHECK(reply->valid);
    CHECK(reply->is_error == alone.is_error);
    CHECK(reply->id == alone.id);
    CHECK(reply->result == alone.result);
    CHECK(reply->error == alone.error);
    CHECK(reply->code == alone.code);
    CHECK(reply->message == alone.message);
  }
}

TEST_CASE("an array that is cut anywhere is not complete") {
  const std::string text = "[" + kOne + "," + kTwo + "]";
  for (std::size_t size = 0; size < text.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(read(text.substr(0, size)).complete);
  }
  CHECK(read(text).complete);
}

TEST_CASE("the array counts as one level of nesting") {
  const std::string text = R"([{"id":1,"result":[[]]}])";
  CHECK(read(text, 4).complete);
  CHECK_FALSE(read(text, 3).complete);
}

}  // namespace sluice::jsonrpc

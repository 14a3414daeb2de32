// SPDX-License-Identifier: Apache-2.0
// Random JSON text, and random damage to text; equal seeds give equal texts.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/random.hpp"

namespace json_text {

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) {}

  std::string value(std::size_t depth_left) {
    std::string out;
    append_value(out, depth_left);
    return out;
  }

  /// A reply, mostly good, with members in any order and sometimes repeated, missing or of no
  /// meaning.
  std::string reply(std::string_view id) {
    std::string out = "{";
    const std::uint64_t members = 2 + random_.below(3);
    for (std::uint64_t i = 0; i < members; ++i) {
      if (i != 0) out += ',';
      static constexpr std::array<std::string_view, 10> kKeys = {
          "id",      "id", "result",   "result",       "error",
          "jsonrpc", "x",  "\\u0069d", "resul\\u0074", "Id"};
      space(out);
      const std::string_view key = kKeys[random_.below(kKeys.size())];
      out += '"';
      out += key;
      out += '"';
      space(out);
      out += ':';
      space(out);
      if (key == "id" && random_.below(4) != 0) {
        out += id;
      } else if (random_.below(4) == 0) {
        out += "null";
      } else {
        append_value(out, 3);
      }
      space(out);
    }
    out += '}';
    return out;
  }

  void damage(std::string& text) {
    static constexpr std::string_view kBytes =
        "{}[]\",:\\u0123456789eE+-. \n\ttrufalsn\x01\x7f\x80\xbf\xc2\xe0\xed\xf4";
    const auto some = [this] { return kBytes[random_.below(kBytes.size())]; };
    const std::size_t at = random_.below(text.size() + 1);
    switch (random_.below(6)) {
      case 0:
        text.insert(at, 1, some());
        break;
      case 1:
        if (at < text.size()) text[at] = some();
        break;
      case 2:
        if (at < text.size()) text.erase(at, 1 + random_.below(3));
        break;
      case 3:
        text.resize(at);
        break;
      case 4:
        text.insert(at, text.substr(random_.below(text.size() + 1), 1 + random_.below(8)));
        break;
      default:
        if (at < text.size()) text[at] = static_cast<char>(random_.below(256));
        break;
    }
  }

  sluice::Random& random() { return random_; }

 private:
  void space(std::string& out) {
    if (random_.below(5) != 0) return;
    const std::size_t count = random_.below(16) == 0 ? 40 : 1 + random_.below(3);
    for (std::size_t i = 0; i < count; ++i) out += " \t\n\r"[random_.below(4)];
  }

  void append_value(std::string& out, std::size_t depth_left) {
    switch (random_.below(depth_left == 0 ? 5 : 8)) {
      case 0:
        out += "true";
        break;
      case 1:
        out += random_.below(2) == 0 ? "false" : "null";
        break;
      case 2:
        append_number(out);
        break;
      case 3:
      case 4:
        append_string(out);
        break;
      case 5:
        append_container(out, '[', depth_left);
        break;
      default:
        append_container(out, '{', depth_left);
        break;
    }
  }

  void append_container(std::string& out, char open, std::size_t depth_left) {
    out += open;
    space(out);
    const std::uint64_t count = random_.below(5);
    for (std::uint64_t i = 0; i < count; ++i) {
      if (i != 0) out += ',';
      space(out);
      if (open == '{') {
        append_string(out);
        space(out);
        out += ':';
        space(out);
      }
      append_value(out, depth_left - 1);
      space(out);
    }
    out += open == '{' ? '}' : ']';
  }

  void digits(std::string& out, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) out += static_cast<char>('0' + random_.below(10));
  }

  void append_number(std::string& out) {
    if (random_.below(3) == 0) out += '-';
    if (random_.below(4) == 0) {
      out += '0';
    } else {
      out += static_cast<char>('1' + random_.below(9));
      digits(out, random_.below(random_.below(8) == 0 ? 40 : 6));
    }
    if (random_.below(3) == 0) {
      out += '.';
      digits(out, 1 + random_.below(4));
    }
    if (random_.below(4) == 0) {
      out += random_.below(2) == 0 ? 'e' : 'E';
      if (random_.below(2) == 0) out += random_.below(2) == 0 ? '+' : '-';
      digits(out, 1 + random_.below(3));
    }
  }

  void append_string(std::string& out) {
    static constexpr std::array<std::string_view, 18> kParts = {"\\\"",
                                                                "\\\\",
                                                                "\\/",
                                                                "\\b",
                                                                "\\n",
                                                                "\\u0000",
                                                                "\\u00e9",
                                                                "\\ud83d\\ude00",
                                                                "\\uD800",
                                                                "\\udc00",
                                                                "\xc3\xa9",
                                                                "\xe2\x82\xac",
                                                                "\xf0\x9f\x98\x80",
                                                                "0x6b175474e89094c4",
                                                                "\x7f",
                                                                " ",
                                                                "{}[]:,",
                                                                "\xed\x9f\xbf"};
    out += '"';
    const std::uint64_t count = random_.below(6);
    for (std::uint64_t i = 0; i < count; ++i) {
      if (random_.below(3) == 0) {
        out += kParts[random_.below(kParts.size())];
      } else {
        out.append(random_.below(20), static_cast<char>('a' + random_.below(26)));
      }
    }
    out += '"';
  }

  sluice::Random random_;
};

}  // namespace json_text

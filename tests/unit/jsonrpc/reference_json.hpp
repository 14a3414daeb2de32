// SPDX-License-Identifier: Apache-2.0
// RFC 8259 once more, written for obviousness: one byte at a time, recursive. What the fast
// scanners are compared with.
#pragma once

#include <cstddef>
#include <string_view>

namespace reference {

class Json {
 public:
  Json(std::string_view text, std::size_t depth_max) : text_(text), depth_max_(depth_max) {}

  bool valid() {
    space();
    if (!value(0)) return false;
    space();
    return at_ == text_.size();
  }

 private:
  [[nodiscard]] int peek() const {
    return at_ < text_.size() ? static_cast<unsigned char>(text_[at_]) : -1;
  }
  bool take(int wanted) {
    if (peek() != wanted) return false;
    ++at_;
    return true;
  }
  bool take_between(int low, int high) {
    if (peek() < low || peek() > high) return false;
    ++at_;
    return true;
  }
  bool take_word(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }
  void space() {
    while (take(' ') || take('\t') || take('\n') || take('\r')) {
    }
  }
  bool digits() {
    if (!take_between('0', '9')) return false;
    while (take_between('0', '9')) {
    }
    return true;
  }
  bool number() {
    take('-');
    if (!take('0') && !digits()) return false;
    if (take('.') && !digits()) return false;
    if (take('e') || take('E')) {
      if (!take('+')) take('-');
      return digits();
    }
    return true;
  }
  bool hex() { return take_between('0', '9') || take_between('a', 'f') || take_between('A', 'F'); }
  bool escape() {
    if (take('u')) return hex() && hex() && hex() && hex();
    for (const char c : std::string_view("\"\\/bfnrt")) {
      if (take(c)) return true;
    }
    return false;
  }
  bool tails(int count) {
    for (; count > 0; --count) {
      if (!take_between(0x80, 0xbf)) return false;
    }
    return true;
  }
  bool utf8() {
    if (take_between(0xc2, 0xdf)) return tails(1);
    if (take(0xe0)) return take_between(0xa0, 0xbf) && tails(1);
    if (take(0xed)) return take_between(0x80, 0x9f) && tails(1);
    if (take_between(0xe1, 0xef)) return tails(2);
    if (take(0xf0)) return take_between(0x90, 0xbf) && tails(2);
    if (take(0xf4)) return take_between(0x80, 0x8f) && tails(2);
    return take_between(0xf1, 0xf3) && tails(3);
  }
  bool string() {
    if (!take('"')) return false;
    while (!take('"')) {
      if (take('\\')) {
        if (!escape()) return false;
      } else if (!take_between(0x20, 0x7f) && !utf8()) {
        return false;
      }
    }
    return true;
  }
  bool array(std::size_t depth) {
    space();
    if (take(']')) return true;
    do {
      space();
      if (!value(depth)) return false;
      space();
    } while (take(','));
    return take(']');
  }
  bool object(std::size_t depth) {
    space();
    if (take('}')) return true;
    do {
      space();
      if (!string()) return false;
      space();
      if (!take(':')) return false;
      space();
      if (!value(depth)) return false;
      space();
    } while (take(','));
    return take('}');
  }
  bool value(std::size_t depth) {
    const bool is_array = peek() == '[';
    if (is_array || peek() == '{') {
      ++at_;
      if (depth == depth_max_) return false;
      return is_array ? array(depth + 1) : object(depth + 1);
    }
    if (peek() == '"') return string();
    return take_word("true") || take_word("false") || take_word("null") || number();
  }

  std::string_view text_;
  std::size_t depth_max_;
  std::size_t at_ = 0;
};

inline bool valid_json(std::string_view text, std::size_t depth_max = 128) {
  return Json(text, depth_max).valid();
}

}  // namespace reference

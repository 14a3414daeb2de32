// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include <termios.h>

namespace sluice::app {

struct TerminalSize {
  std::size_t columns = 80;
  std::size_t rows = 24;
};

/// Whether stdout is a terminal that wants colours (https://no-color.org).
[[nodiscard]] bool wants_colour();
/// Of the terminal at stdout; where there is none, wide enough for anything.
[[nodiscard]] TerminalSize terminal_size();

/// The terminal in the hands of a full-screen view: another screen, no echo, no cursor. Gives it
/// back at the end, and when a signal ends the view. One at a time.
class Screen {
 public:
  Screen();
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  /// In place of what was shown; `text` holds a line feed behind each line but the last.
  void show(const std::string& text);
  /// A signal has asked for the end.
  [[nodiscard]] static bool interrupted() noexcept;

 private:
  termios before_{};
  bool raw_ = false;
};

}  // namespace sluice::app

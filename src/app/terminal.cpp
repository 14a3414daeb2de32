// SPDX-License-Identifier: Apache-2.0
#include "app/terminal.hpp"

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include <sys/ioctl.h>
#include <unistd.h>

namespace sluice::app {
namespace {

volatile std::sig_atomic_t stop = 0;

void on_stop(int /*signal*/) {
  stop = 1;
}

void on_resize(int /*signal*/) {}

void handle(int signal, void (*handler)(int)) {
  struct sigaction action{};
  action.sa_handler = handler;  // without SA_RESTART: a wait ends, and the view looks again
  ::sigaction(signal, &action, nullptr);
}

}  // namespace

bool wants_colour() {
  const char* no_colour = std::getenv("NO_COLOR");
  return ::isatty(STDOUT_FILENO) != 0 && (no_colour == nullptr || *no_colour == '\0');
}

TerminalSize terminal_size() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
    return {.columns = 1000, .rows = 1000};
  return {.columns = size.ws_col, .rows = size.ws_row};
}

Screen::Screen() {
  handle(SIGINT, on_stop);
  handle(SIGTERM, on_stop);
  handle(SIGHUP, on_stop);
  handle(SIGWINCH, on_resize);
  if (::tcgetattr(STDIN_FILENO, &before_) == 0) {
    termios raw = before_;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    raw_ = ::tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
  }
  std::fputs("\x1b[?1049h\x1b[?25l", stdout);
}

Screen::~Screen() {
  std::fputs("\x1b[?25h\x1b[?1049l", stdout);
  std::fflush(stdout);
  if (raw_) ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
}

void Screen::show(const std::string& text) {
  // Each line is cleared behind its end, and what is below the last: no flicker, and no remains.
  std::string out = "\x1b[H";
  for (const char c : text) {
    if (c == '\n') out += "\x1b[K\r";
    out += c;
  }
  out += "\x1b[K\x1b[J";
  std::fwrite(out.data(), 1, out.size(), stdout);
  std::fflush(stdout);
}

bool Screen::interrupted() noexcept {
  return stop != 0;
}

}  // namespace sluice::app

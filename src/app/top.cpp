// SPDX-License-Identifier: Apache-2.0
// The live view: a status once an interval, and below it the last events.
#include <algorithm>
#include <array>
#include <cstdio>
#include <deque>
#include <optional>

#include <poll.h>
#include <unistd.h>

#include "app/control_client.hpp"
#include "app/control_place.hpp"
#include "app/ctl.hpp"
#include "app/status_view.hpp"
#include "app/terminal.hpp"

namespace sluice::app {
namespace {

constexpr Duration kPatience = std::chrono::seconds(2);
constexpr std::size_t kEventsKept = 100;
/// Of a page that is not on a screen.
constexpr std::size_t kEventsOnce = 8;

/// What is known of the daemon, refreshed as it answers.
class View {
 public:
  explicit View(const TopOptions& options) : paths_(client_paths(options.socket)) {}

  /// False when nobody answers; why() says why.
  bool refresh() {
    why_.clear();
    auto client = ControlClient::connect(paths_, why_);
    std::string line;
    if (!client || !client->send({{"command", "status"}}) ||
        client->read(line, kPatience) != ControlClient::Read::kLine) {
      if (why_.empty()) why_ = "no answer";
      follower_.reset();
      return false;
    }
    status_ = parse_status(line);
    take_events();
    return status_.has_value();
  }

  [[nodiscard]] const std::string& why() const noexcept { return why_; }

  [[nodiscard]] std::vector<std::string> lines(const Style& style, std::size_t events) const {
    std::vector<std::string> out;
    if (!why_.empty()) out.push_back("no daemon answers: " + why_);
    if (status_) {
      for (auto& line : status_lines(*status_, style)) out.push_back(std::move(line));
    }
    out.emplace_back();
    out.emplace_back("events");
    const std::size_t first = events_.size() - std::min(events, events_.size());
    for (std::size_t i = first; i < events_.size(); ++i)
      out.push_back("  " + events_[i].substr(0, style.width > 2 ? style.width - 2 : 0));
    return out;
  }

 private:
  void take_events() {
    if (!follower_) {
      std::string ignored;
      if (auto client = ControlClient::connect(paths_, ignored))
        follower_.emplace(std::move(*client));
      if (follower_ && !follower_->send({{"command", "events"}, {"last_event_id", last_}}))
        follower_.reset();
      // The first line only says that it follows; what is kept comes right behind it.
      std::string opening;
      if (follower_ && follower_->read(opening, kPatience) != ControlClient::Read::kLine)
        follower_.reset();
    }
    std::string line;
    auto patience = kFirstLook;
    while (follower_) {
      const auto read = follower_->read(line, patience);
      if (read == ControlClient::Read::kTimeout) return;
      if (read == ControlClient::Read::kEnd) follower_.reset();
      if (read != ControlClient::Read::kLine || line.empty()) continue;
      if (auto shown = event_line(line)) events_.push_back(std::move(*shown));
      if (auto id = event_id(line); !id.empty()) last_ = std::move(id);
      if (events_.size() > kEventsKept) events_.pop_front();
    }
  }

  static constexpr Duration kFirstLook = std::chrono::milliseconds(50);

  std::vector<std::string> paths_;
  std::string why_;
  std::optional<StatusView> status_;
  std::optional<ControlClient> follower_;
  std::string last_ = "0";
  std::deque<std::string> events_;
};

/// True when the user wants to leave.
bool wait_for_key(double interval_s) {
  pollfd input{STDIN_FILENO, POLLIN, 0};
  if (::poll(&input, 1, static_cast<int>(interval_s * 1000)) <= 0) return false;
  char key = 0;
  if (::read(STDIN_FILENO, &key, 1) <= 0) {
    // Nobody is at the keys: the view goes on at its own pace.
    ::poll(nullptr, 0, static_cast<int>(interval_s * 1000));
    return false;
  }
  return key == 'q' || key == 'Q';
}

std::string joined(std::vector<std::string> lines, std::size_t rows) {
  if (lines.size() > rows) lines.resize(rows);
  std::string out;
  for (const auto& line : lines) out += (out.empty() ? "" : "\n") + line;
  return out;
}

}  // namespace

int top(const TopOptions& options) {
  View view(options);
  if (!view.refresh()) {
    std::fprintf(stderr, "error: no daemon answers at its control socket (%s)\n",
                 view.why().c_str());
    return 1;
  }
  if (options.once || ::isatty(STDOUT_FILENO) == 0) {
    const Style style{.colour = wants_colour(), .width = terminal_size().columns};
    std::printf("%s\n", joined(view.lines(style, kEventsOnce), SIZE_MAX).c_str());
    return 0;
  }
  Screen screen;
  while (!Screen::interrupted()) {
    const TerminalSize size = terminal_size();
    const Style style{.colour = wants_colour(), .width = size.columns};
    const std::size_t above = view.lines(style, 0).size();
    screen.show(joined(view.lines(style, size.rows > above ? size.rows - above : 0), size.rows));
    if (wait_for_key(options.interval_s)) break;
    view.refresh();
  }
  return 0;
}

}  // namespace sluice::app

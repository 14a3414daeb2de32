// SPDX-License-Identifier: Apache-2.0
#include "app/ctl.hpp"

#include <cstdio>
#include <optional>
#include <string_view>

#include <poll.h>
#include <simdjson.h>

#include "app/control_client.hpp"
#include "app/control_place.hpp"
#include "app/status_view.hpp"
#include "app/terminal.hpp"

namespace sluice::app {
namespace {

/// A reload reads files and certificates.
constexpr Duration kPatience = std::chrono::seconds(65);
/// How long a stream may say nothing; the daemon sends a sign of life more often than that.
constexpr Duration kSilence = std::chrono::seconds(40);

int nobody(const std::string& why) {
  std::fprintf(stderr, "error: no daemon answers at its control socket (%s)\n", why.c_str());
  return 1;
}

struct Answer {
  std::string line;
  bool ok = false;
  std::string text;
  std::uint64_t in_flight = 0;
};

std::optional<Answer> ask(const std::string& socket, const ControlClient::Members& members) {
  std::string why;
  auto client = ControlClient::connect(client_paths(socket), why);
  if (!client) {
    nobody(why);
    return std::nullopt;
  }
  Answer answer;
  if (!client->send(members) ||
      client->read(answer.line, kPatience) != ControlClient::Read::kLine) {
    std::fprintf(stderr, "error: the daemon did not answer\n");
    return std::nullopt;
  }
  simdjson::dom::parser parser;
  simdjson::dom::element reply;
  std::string_view text;
  if (parser.parse(answer.line).get(reply) != simdjson::SUCCESS ||
      reply["ok"].get(answer.ok) != simdjson::SUCCESS ||
      reply["text"].get(text) != simdjson::SUCCESS) {
    std::fprintf(stderr, "error: the daemon's answer is not understood\n");
    return std::nullopt;
  }
  answer.text = std::string(text);
  if (reply["in_flight"].get(answer.in_flight) != simdjson::SUCCESS) answer.in_flight = 0;
  return answer;
}

int show(const CtlOptions& options, const std::optional<Answer>& answer) {
  if (!answer) return 1;
  if (options.json) {
    std::printf("%s\n", answer->line.c_str());
  } else if (answer->ok) {
    std::printf("%s\n", answer->text.c_str());
  } else {
    std::fprintf(stderr, "error: %s\n", answer->text.c_str());
  }
  return answer->ok ? 0 : 1;
}

/// One connection's worth of events; true when it is worth coming again.
bool follow(const CtlOptions& options, ControlClient& client, std::string& last) {
  std::string line;
  bool opened = false;
  for (;;) {
    if (client.read(line, kSilence) != ControlClient::Read::kLine) return opened;
    if (!opened) {
      if (!line.starts_with(R"({"ok":true)")) {
        std::fprintf(stderr, "error: %s\n", line.c_str());
        return false;
      }
      opened = true;
      continue;
    }
    if (line.empty()) continue;
    const auto shown = options.json ? std::optional(line) : event_line(line);
    if (shown) std::printf("%s\n", shown->c_str());
    if (std::fflush(stdout) != 0) return false;
    if (auto id = event_id(line); !id.empty()) last = std::move(id);
  }
}

}  // namespace

int ctl(const CtlOptions& options, const std::string& command, const std::string& target,
        const std::string& item, const std::string& value) {
  return show(options,
              ask(options.socket,
                  {{"command", command}, {"target", target}, {"item", item}, {"value", value}}));
}

int ctl_drain(const CtlOptions& options, const std::string& target, double wait_s) {
  const TimePoint until =
      now() + std::chrono::duration_cast<Duration>(std::chrono::duration<double>(wait_s));
  auto answer = ask(options.socket, {{"command", "drain"}, {"target", target}});
  while (answer && answer->ok && answer->in_flight != 0 && now() < until) {
    ::poll(nullptr, 0, 100);
    answer = ask(options.socket, {{"command", "drain"}, {"target", target}});
  }
  const int code = show(options, answer);
  return code == 0 && wait_s > 0 && answer->in_flight != 0 ? 1 : code;
}

int ctl_status(const CtlOptions& options) {
  const auto answer = ask(options.socket, {{"command", "status"}});
  if (!answer) return 1;
  const auto view = parse_status(answer->line);
  if (!view) return show(options, answer);
  if (options.json) {
    constexpr std::string_view kMember = R"("status":)";
    const auto at = answer->line.find(kMember) + kMember.size();
    std::printf("%s\n", answer->line.substr(at, answer->line.size() - at - 1).c_str());
    return 0;
  }
  const Style style{.colour = wants_colour(), .width = terminal_size().columns};
  for (const auto& line : status_lines(*view, style)) std::printf("%s\n", line.c_str());
  return 0;
}

int ctl_events(const CtlOptions& options, const std::string& level, bool all) {
  std::string last = all ? "0" : "";
  bool ever = false;
  for (;;) {
    std::string why;
    auto client = ControlClient::connect(client_paths(options.socket), why);
    if (!client && !ever) return nobody(why);
    if (client) {
      ever = true;
      if (client->send({{"command", "events"}, {"level", level}, {"last_event_id", last}}) &&
          !follow(options, *client, last)) {
        return 1;
      }
    }
    ::poll(nullptr, 0, 500);
  }
}

}  // namespace sluice::app

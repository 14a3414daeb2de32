// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "frontend/handler.hpp"
#include "frontend/options.hpp"
#include "http/chunk_decoder.hpp"
#include "http/request_parser.hpp"
#include "net/loop.hpp"
#include "net/stream.hpp"

namespace sluice::frontend {

class Session;

/// What a session needs only while a request is under way; an idle one gives it back.
struct Workspace {
  Workspace(const http::RequestLimits& limits, std::uint32_t made_for)
      : parser(limits), generation(made_for) {}
  net::Buffer in;
  http::RequestParser parser;
  /// Of the options whose limits the parser holds.
  std::uint32_t generation;
  http::ChunkDecoder chunks;
  std::string out;
};

/// The client side of one worker: its sessions and what they share. Lives on the worker's thread;
/// the handler and the observer outlive it. Does not accept: it is handed sockets.
class Frontend {
 public:
  Frontend(net::Loop& loop, Handler& handler, Observer& observer,
           std::shared_ptr<const Options> options, std::shared_ptr<const TrustedNetworks> trusted);
  ~Frontend();
  Frontend(const Frontend&) = delete;
  Frontend& operator=(const Frontend&) = delete;

  void adopt(net::TcpSocket socket, const net::TcpEndpoint& peer,
             std::shared_ptr<const ListenerOptions> listener, std::shared_ptr<void> slot);
  void reconfigure(std::shared_ptr<const Options> options,
                   std::shared_ptr<const TrustedNetworks> trusted);
  /// Idle sessions close now, busy ones after their reply, WebSockets with 1001.
  void drain();
  /// Cuts all that is left; returns how many calls were cut.
  std::size_t cut();
  [[nodiscard]] std::size_t sessions() const noexcept { return sessions_.size(); }

  // For sessions.
  [[nodiscard]] net::Loop& loop() noexcept { return loop_; }
  [[nodiscard]] Handler& handler() noexcept { return handler_; }
  [[nodiscard]] Observer& observer() noexcept { return observer_; }
  [[nodiscard]] const Options& options() const noexcept { return *options_; }
  [[nodiscard]] const TrustedNetworks& trusted() const noexcept { return *trusted_; }
  [[nodiscard]] bool draining() const noexcept { return draining_; }
  [[nodiscard]] std::unique_ptr<Workspace> take_workspace();
  /// Between two requests: gives the parser the limits of the options in force.
  void renew(Workspace& workspace) const;
  void give_workspace(std::unique_ptr<Workspace> workspace) noexcept;
  /// "Date: …\r\n" of the current second.
  [[nodiscard]] std::string_view date_line(TimePoint now);
  void add(Session& session);
  void remove(Session& session) noexcept;

 private:
  static constexpr std::size_t kWorkspacesKept = 256;

  /// Telling one session something may end others.
  [[nodiscard]] std::vector<std::pair<Session*, net::Ref<net::RefCounted>>> held_sessions() const;

  net::Loop& loop_;
  Handler& handler_;
  Observer& observer_;
  std::shared_ptr<const Options> options_;
  std::shared_ptr<const TrustedNetworks> trusted_;
  std::vector<Session*> sessions_;
  std::vector<std::unique_ptr<Workspace>> workspaces_;
  std::string date_line_;
  TimePoint date_until_{};
  std::uint32_t generation_ = 0;
  bool draining_ = false;
};

/// One client's connection, HTTP or WebSocket, as the frontend keeps it.
class Session {
 public:
  virtual ~Session() = default;
  /// Keeps it alive while it is told something.
  [[nodiscard]] virtual net::Ref<net::RefCounted> hold() = 0;
  virtual void drain() = 0;
  /// Closes at once; returns the number of calls that were still being worked on.
  virtual std::size_t cut() = 0;

 private:
  friend class Frontend;
  std::size_t index_ = 0;
};

}  // namespace sluice::frontend

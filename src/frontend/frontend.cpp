// SPDX-License-Identifier: Apache-2.0
#include "frontend/frontend.hpp"

#include <ctime>
#include <utility>

#include "frontend/http_session.hpp"

namespace sluice::frontend {

Frontend::Frontend(net::Loop& loop, Handler& handler, Observer& observer,
                   std::shared_ptr<const Options> options,
                   std::shared_ptr<const TrustedNetworks> trusted)
    : loop_(loop),
      handler_(handler),
      observer_(observer),
      options_(std::move(options)),
      trusted_(std::move(trusted)) {}

Frontend::~Frontend() = default;

void Frontend::adopt(net::TcpSocket socket, const net::TcpEndpoint& peer,
                     std::shared_ptr<const ListenerOptions> listener, std::shared_ptr<void> slot) {
  const net::Ref<HttpSession> session(
      new HttpSession(*this, std::move(socket), peer, std::move(listener), std::move(slot)));
  session->start();
}

void Frontend::reconfigure(std::shared_ptr<const Options> options,
                           std::shared_ptr<const TrustedNetworks> trusted) {
  options_ = std::move(options);
  trusted_ = std::move(trusted);
  // Parsers hold the old limits: those kept here, and those that sessions will give back.
  ++generation_;
  workspaces_.clear();
}

void Frontend::drain() {
  draining_ = true;
  for (const auto& [session, hold] : held_sessions()) session->drain();
}

std::size_t Frontend::cut() {
  std::size_t calls = 0;
  for (const auto& [session, hold] : held_sessions()) calls += session->cut();
  return calls;
}

std::vector<std::pair<Session*, net::Ref<net::RefCounted>>> Frontend::held_sessions() const {
  std::vector<std::pair<Session*, net::Ref<net::RefCounted>>> held;
  held.reserve(sessions_.size());
  for (Session* session : sessions_) held.emplace_back(session, session->hold());
  return held;
}

std::unique_ptr<Workspace> Frontend::take_workspace() {
  std::unique_ptr<Workspace> workspace;
  if (workspaces_.empty()) {
    workspace = std::make_unique<Workspace>(options_->http, generation_);
  } else {
    workspace = std::move(workspaces_.back());
    workspaces_.pop_back();
  }
  workspace->in = loop_.buffers.take();
  return workspace;
}

void Frontend::renew(Workspace& workspace) const {
  if (workspace.generation == generation_) return;
  workspace.parser = http::RequestParser(options_->http);
  workspace.generation = generation_;
}

void Frontend::give_workspace(std::unique_ptr<Workspace> workspace) noexcept {
  loop_.buffers.give(std::move(workspace->in));
  workspace->in = net::Buffer();
  workspace->parser.reset();
  if (workspace->out.capacity() > net::BufferPool::kBufferBytes) workspace->out = std::string();
  if (workspace->generation == generation_ && workspaces_.size() < kWorkspacesKept)
    workspaces_.push_back(std::move(workspace));
}

std::string_view Frontend::date_line(TimePoint now) {
  if (now < date_until_) return date_line_;
  const double wall = unix_time();
  const auto whole = static_cast<std::time_t>(wall);
  std::tm parts{};
  gmtime_r(&whole, &parts);
  std::array<char, 64> text{};
  const std::size_t size =
      std::strftime(text.data(), text.size(), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &parts);
  date_line_.assign(text.data(), size);
  date_until_ = now + std::chrono::duration_cast<Duration>(
                          std::chrono::duration<double>(static_cast<double>(whole) + 1.0 - wall));
  return date_line_;
}

void Frontend::add(Session& session) {
  session.index_ = sessions_.size();
  sessions_.push_back(&session);
}

void Frontend::remove(Session& session) noexcept {
  sessions_[session.index_] = sessions_.back();
  sessions_[session.index_]->index_ = session.index_;
  sessions_.pop_back();
}

}  // namespace sluice::frontend

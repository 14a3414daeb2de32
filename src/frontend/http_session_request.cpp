// SPDX-License-Identifier: Apache-2.0
// From bytes to a request that is handed up, or an answer of our own.
#include <cerrno>
#include <utility>

#include <sys/socket.h>

#include "frontend/http_session.hpp"
#include "frontend/proxy_protocol.hpp"
#include "frontend/rules.hpp"
#include "frontend/ws_session.hpp"
#include "http/request_check.hpp"
#include "http/writer.hpp"
#include "ws/handshake.hpp"

namespace sluice::frontend {

void HttpSession::process() {
  const net::Ref<HttpSession> self(this);
  processing_ = true;
  // A loop, not recursion: a pipeline of requests that are answered at once must not grow the
  // stack.
  while (step()) {
  }
  processing_ = false;
}

bool HttpSession::step() {
  switch (state_) {
    case State::kIdle:
      if (work_->in.empty()) {
        arm_read();
        return false;
      }
      state_ = State::kHead;
      head_timed_ = false;
      return true;
    case State::kHead:
      return !reading_ && step_head();
    case State::kBody:
      return step_body();
    default:
      return false;
  }
}

void HttpSession::await_proxy_header() {
  stream_->wait_readable(net::handler<&HttpSession::on_proxy_header>(*this));
}

/// Takes the header's own bytes out of the socket and no more: behind them, often in the same
/// segment, the client's TLS handshake may begin.
void HttpSession::on_proxy_header(net::ErrorCode error, std::size_t /*bytes*/) {
  if (state_ == State::kClosed) return;
  net::Buffer& in = work_->in;
  const auto fd = stream_->socket().native_handle();
  const auto space = in.space();
  const auto seen = error ? 0 : ::recv(fd, space.data(), space.size(), MSG_PEEK | MSG_DONTWAIT);
  if (seen < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
    await_proxy_header();
    return;
  }
  if (seen <= 0) {
    close();
    return;
  }
  const std::size_t before = in.size();
  in.commit(static_cast<std::size_t>(seen));
  const ProxyHeader header = parse_proxy_header(in.view());
  if (header.status == ProxyHeader::Status::kBad || !frontend_.trusted().contains(address_)) {
    frontend_.observer().rejected("bad_proxy_header");
    close();
    return;
  }
  const bool done = header.status == ProxyHeader::Status::kDone;
  const std::size_t taken = done ? header.bytes - before : static_cast<std::size_t>(seen);
  static_cast<void>(::recv(fd, space.data(), taken, MSG_DONTWAIT));
  if (!done) {
    await_proxy_header();
    return;
  }
  if (header.source) address_ = *header.source;
  in.consume(in.size());
  begin();
}

bool HttpSession::step_head() {
  if (work_->in.empty()) {
    arm_read();
    return false;
  }
  switch (work_->parser.parse(work_->in.view())) {
    case http::Status::kNeedMore:
      // Most heads come in one piece and need no deadline of their own.
      if (!std::exchange(head_timed_, true)) {
        deadline_.set(now() + frontend_.options().header_timeout);
      }
      arm_read();
      return false;
    case http::Status::kReject:
      reject(work_->parser.reject());
      return false;
    case http::Status::kDone:
      break;
  }
  head_bytes_ = work_->parser.head_bytes();
  const http::RequestHead& head = work_->parser.head();
  if (const auto refused = http::check_framing(head, frontend_.options().http)) {
    reject(*refused);
    return false;
  }
  if (head.host.empty() || head.host != host_ || !head.origin.empty()) {
    if (const auto reason = check_host(head, *listener_); reason != http::Reason::kNone) {
      reject(http::reject_of(reason));
      return false;
    }
    // With an Origin the answer may differ, so it is not kept then.
    if (head.origin.empty()) host_ = head.host;
  }
  if (head.method != http::Method::kOptions) {
    if (const auto reason = check_origin(head, frontend_.options());
        reason != http::Reason::kNone) {
      reject(http::reject_of(reason));
      return false;
    }
  }
  find_client_address();
  return begin_body();
}

void HttpSession::find_client_address() {
  const http::RequestHead& head = work_->parser.head();
  const auto address =
      head.forwarded_for.empty() ? address_ : client_address(address_, head, frontend_.trusted());
  // A balancer sends the requests of several clients over one connection.
  if (client_.empty() || address != client_address_) {
    client_address_ = address;
    client_ = address.to_string();
  }
}

bool HttpSession::begin_body() {
  const http::RequestHead& head = work_->parser.head();
  body_bytes_ = 0;
  raw_begin_ = head_bytes_;
  state_ = State::kBody;
  if (head.chunked) {
    work_->chunks.reset(
        http::ChunkLimits{.body_bytes_max = frontend_.options().http.body_bytes_max});
  } else if (work_->in.size() >= head_bytes_ + head.content_length) {
    return true;
  }
  deadline_.set(now() + frontend_.options().body_timeout);
  return !head.expect_continue || ask_for_body();
}

bool HttpSession::ask_for_body() {
  // A client that did not wait has sent some of the body already: nothing to ask for.
  if (work_->in.size() > head_bytes_) return true;
  if (const auto refusal = frontend_.handler().check(request())) {
    close_after_ = true;
    refuse(*refusal);
    return false;
  }
  const net::asio::const_buffer line(http::kContinue.data(), http::kContinue.size());
  switch (stream_->write({&line, 1}, net::handler<&HttpSession::on_written>(*this))) {
    case net::Stream::Written::kAll:
      return true;
    case net::Stream::Written::kPending:
      // Over TLS, or behind replies that the client has not read. The reply to this request must
      // not be written beside it.
      state_ = State::kContinuing;
      return false;
    case net::Stream::Written::kFailed:
      close();
      break;
  }
  return false;
}

bool HttpSession::step_body() {
  const http::RequestHead& head = work_->parser.head();
  net::Buffer& in = work_->in;
  if (!head.chunked) {
    const std::size_t total = head_bytes_ + static_cast<std::size_t>(head.content_length);
    if (in.size() < total) {
      // Grows with what comes, not with what was announced.
      if (in.space().size() < 1024) in.reserve(std::min(total - in.size(), in.capacity()));
      arm_read();
      return false;
    }
    body_bytes_ = static_cast<std::size_t>(head.content_length);
    raw_begin_ = total;
    dispatch();
    return true;
  }
  char* data = in.data();
  const auto step = work_->chunks.decode(data + raw_begin_, in.size() - raw_begin_,
                                         data + head_bytes_ + body_bytes_);
  raw_begin_ += step.consumed;
  body_bytes_ += step.produced;
  if (step.status == http::Status::kReject) {
    reject(work_->chunks.reject());
    return false;
  }
  if (step.status == http::Status::kNeedMore) {
    in.trim(in.size() - head_bytes_ - body_bytes_);
    raw_begin_ = head_bytes_ + body_bytes_;
    arm_read();
    return false;
  }
  dispatch();
  return true;
}

frontend::Request HttpSession::request() {
  return {work_->parser.head(), {work_->in.data() + head_bytes_, body_bytes_}, client_};
}

void HttpSession::dispatch() {
  frontend_.loop().read_clock();
  // The buffer may have moved since the head was parsed; this only sets its views anew.
  static_cast<void>(work_->parser.parse(work_->in.view()));
  const http::RequestHead& head = work_->parser.head();
  close_after_ = close_after_ || !head.keep_alive || frontend_.draining() || last_request();
  state_ = State::kHandling;
  deadline_.clear();
  if (head.upgrade_websocket && head.method == http::Method::kGet) {
    upgrade();
    return;
  }
  if (answer_locally()) return;
  frontend_.handler().handle(request(), net::Ref<Responder>(this));
}

bool HttpSession::answer_locally() {
  const http::RequestHead& head = work_->parser.head();
  if (head.method == http::Method::kPost) return false;
  if (head.method == http::Method::kOptions) {
    reply({.status = 204,
           .headers = preflight_headers(head, frontend_.options()),
           .body = {},
           .json = false});
    return true;
  }
  if (!frontend_.handler().knows_path(head.path)) {
    refuse({404, -32600, "no chain is served at this path", "unknown_path", {}});
    return true;
  }
  constexpr std::string_view kText =
      "Sluice: an Ethereum JSON-RPC endpoint. POST JSON-RPC 2.0 here, or open a WebSocket.\n";
  reply({.status = 200,
         .headers = "Content-Type: text/plain; charset=utf-8\r\n",
         .body = {&kText, 1},
         .json = false});
  return true;
}

void HttpSession::upgrade() {
  const http::RequestHead& head = work_->parser.head();
  if (const auto bad = ws::check_upgrade({"GET", head.minor, head.ws_key, head.ws_version})) {
    close_after_ = true;
    refuse({bad->status, -32600, bad->text, bad->reason, bad->fields});
    return;
  }
  if (frontend_.draining()) {
    refuse({503, -32603, "shutting down", "draining", {}});
    return;
  }
  if (reading_) {
    // Sent ahead of an earlier request's reply: the stream cannot be handed over with a read
    // pending.
    reject(http::reject_of(http::Reason::kBadUpgrade));
    return;
  }
  Opened opened = frontend_.handler().open_websocket(request());
  if (opened.refusal) {
    refuse(*opened.refusal);
    return;
  }
  std::string first;
  ws::write_accept_head(first, ws::accept_key(head.ws_key));
  work_->in.consume(raw_begin_);
  const net::Ref<WsSession> session(new WsSession(frontend_, std::move(stream_),
                                                  std::move(work_->in), std::move(opened.channel),
                                                  std::move(slot_)));
  work_->in = net::Buffer();
  frontend_.observer().http_request(101);
  close();
  session->start(std::move(first));
}

}  // namespace sluice::frontend

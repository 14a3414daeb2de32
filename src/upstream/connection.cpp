// SPDX-License-Identifier: Apache-2.0
#include "upstream/connection.hpp"

#include <utility>

#include <boost/asio/post.hpp>
#include <sys/socket.h>

#include "base/parts.hpp"
#include "jsonrpc/envelope_words.hpp"

namespace sluice::upstream {

namespace {

/// Larger parts of a request are sent from where they lie.
constexpr std::size_t kCopiedMax = 8192;

}  // namespace

std::string_view word(Failure::Kind kind) noexcept {
  switch (kind) {
    case Failure::Kind::kConnect:
      return "connect_failed";
    case Failure::Kind::kConnectTimeout:
      return "connect_timeout";
    case Failure::Kind::kTls:
      return "tls_failed";
    case Failure::Kind::kClosed:
      return "closed";
    case Failure::Kind::kTimeout:
      return "timeout";
    case Failure::Kind::kProtocol:
      return "bad_reply";
    case Failure::Kind::kTooLarge:
      return "reply_too_large";
    case Failure::Kind::kUpstreamLost:
      return "upstream_lost";
  }
  return "unknown";
}

std::string_view word(CloseReason reason) noexcept {
  constexpr std::array<std::string_view, static_cast<std::size_t>(CloseReason::kCount)> kWords = {
      "idle_timeout", "age",           "peer_closed", "extra_bytes",  "connect_failed",
      "timeout",      "protocol",      "abandoned",   "not_reusable", "retired",
      "rebalanced",   "upstream_lost", "excess",      "bad"};
  return kWords[static_cast<std::size_t>(reason)];
}

Connection::Connection(net::Loop& loop, std::shared_ptr<Shared> shared,
                       net::Ref<ConnectionOwner> owner)
    : loop_(loop),
      shared_(std::move(shared)),
      owner_(std::move(owner)),
      deadline_(
          loop.timers, [](void* self) { static_cast<Connection*>(self)->on_deadline(); }, this),
      parser_(http::ResponseLimits{}) {}

Connection::~Connection() = default;

void Connection::connect(TimePoint now) {
  connect(now, shared_->options().age_max);
}

void Connection::connect(TimePoint now, Duration age_max) {
  const Options& options = shared_->options();
  shared_->connecting.fetch_add(1, std::memory_order_relaxed);
  dialled_ = true;
  dialled_at_ = now;
  expires_at_ = now + age_max;
  idle_max_ = options.idle_timeout;
  dial_until_ = now + options.connect_timeout;
  connect_until_ = sink_ != nullptr ? std::min(dial_until_, call_deadline_) : dial_until_;
  endpoints_ = shared_->endpoints();
  try_endpoint(now);
}

void Connection::try_endpoint(TimePoint now) {
  const std::size_t left = endpoints_->size() - tried_;
  net::TcpSocket socket(loop_.io.get_executor());
  net::ErrorCode error;
  net::TcpEndpoint endpoint;
  if (left != 0) {
    endpoint_ = (shared_->first_endpoint() + tried_++) % endpoints_->size();
    endpoint = (*endpoints_)[endpoint_];
    socket.open(endpoint.protocol(), error);
    if (!error) socket.set_option(net::asio::socket_base::keep_alive(true), error);
  }
  // When sockets run out, another address would not help.
  if (left == 0 || error) {
    net::asio::post(loop_.io, [self = net::Ref<Connection>(this)] {
      if (self->state_ != State::kClosed) {
        self->fail(Failure::Kind::kConnect, CloseReason::kConnectFailed);
      }
    });
    return;
  }
  // An address that swallows packets must leave time for the others.
  deadline_.set(now + (connect_until_ - now) / static_cast<Duration::rep>(left));
  if (shared_->tls() != nullptr) {
    stream_ = net::make_tls_stream(std::move(socket), shared_->tls());
  } else {
    stream_ = net::make_plain_stream(std::move(socket));
  }
  stream_->socket().async_connect(
      endpoint, [handler = net::handler<&Connection::on_connected>(*this),
                 attempt = tried_](net::ErrorCode e) mutable { handler(e, attempt); });
}

void Connection::on_connected(net::ErrorCode error, std::size_t attempt) {
  // Given up for the next address meanwhile.
  if (state_ == State::kClosed || attempt != tried_) return;
  if (error) {
    try_endpoint(now());
    return;
  }
  if (shared_->tls() == nullptr) {
    established();
    return;
  }
  deadline_.set(connect_until_);
  static_cast<net::TlsStream&>(*stream_).handshake(net::handler<&Connection::on_handshake>(*this));
}

void Connection::on_handshake(net::ErrorCode error, std::size_t /*bytes*/) {
  if (state_ == State::kClosed) return;
  if (error) {
    fail(Failure::Kind::kTls, CloseReason::kConnectFailed);
    return;
  }
  established();
}

void Connection::established() {
  loop_.read_clock();
  connected_ = true;
  handshake_time_ = loop_.recent() - dialled_at_;
  shared_->set_first_endpoint(endpoint_);
  shared_->connecting.fetch_sub(1, std::memory_order_relaxed);
  shared_->consecutive_connect_failures.store(0, std::memory_order_relaxed);
  buffer_ = loop_.buffers.take();
  if (sink_ != nullptr) {
    state_ = State::kBusy;
    sink_->on_sent(loop_.recent());
    send_request();
    owner_->connection_established(*this);
  } else {
    become_idle();
    owner_->connection_established(*this);
    owner_->connection_idle(*this, Duration::zero());
  }
  arm_read();
}

void Connection::become_idle() {
  state_ = State::kIdle;
  reused_ = true;
  idle_since_ = loop_.recent();
  deadline_.set(idle_since_ + std::min(kLookAfter, idle_max_));
}

void Connection::start(const Request& request, AttemptSink& sink, TimePoint deadline) {
  reserved_ = false;
  sink_ = &sink;
  request_ = request;
  count_calls();
  call_deadline_ = deadline;
  sent_ = reply_begun_ = streaming_ = held_large_ = paused_ = false;
  body_ = Body::kHead;
  held_bytes_ = 0;
  parser_.reset();
  if (!connected_) {
    if (dialled_) connect_until_ = std::min(connect_until_, deadline);
    deadline_.set(std::min(deadline_.when(), deadline));
    return;
  }
  state_ = State::kBusy;
  send_request();
}

void Connection::count_calls() noexcept {
  shared_->in_flight.fetch_add(request_.calls, std::memory_order_relaxed);
  if (request_.calls > 1)
    shared_->in_flight_shared.fetch_add(request_.calls - 1, std::memory_order_relaxed);
}

void Connection::uncount_calls() noexcept {
  if (streaming_) shared_->streaming.fetch_sub(1, std::memory_order_relaxed);
  shared_->in_flight.fetch_sub(request_.calls, std::memory_order_relaxed);
  if (request_.calls > 1)
    shared_->in_flight_shared.fetch_sub(request_.calls - 1, std::memory_order_relaxed);
}

void Connection::send_request() {
  deadline_.set(call_deadline_);
  sent_at_ = loop_.recent();
  const std::string_view body =
      request_.batch.empty() ? sent_params(request_.params) : request_.batch;
  const bool copied = body.size() <= kCopiedMax;
  const std::string_view near = copied ? body : std::string_view();
  const std::string_view close = request_.batch.empty() ? jsonrpc::kClose : std::string_view();
  out_.clear();
  if (request_.batch.empty()) {
    // Method names are plain: the method filter lets no other through.
    const Decimal id(request_.id);
    const std::size_t bytes = jsonrpc::kBeforeId.size() + id.size() +
                              jsonrpc::kBeforeMethod.size() + request_.method.size() +
                              jsonrpc::kBeforeParams.size() + body.size() + jsonrpc::kClose.size();
    append_parts(out_, shared_->request_prefix(), Decimal(bytes), "\r\n\r\n", jsonrpc::kBeforeId,
                 id, jsonrpc::kBeforeMethod, request_.method, jsonrpc::kBeforeParams, near,
                 copied ? close : std::string_view());
  } else {
    append_parts(out_, shared_->request_prefix(), Decimal(body.size()), "\r\n\r\n", near);
  }
  std::array<net::asio::const_buffer, 3> buffers = {net::asio::buffer(out_)};
  std::size_t count = 1;
  if (!copied) {
    buffers[count++] = net::asio::buffer(body.data(), body.size());
    if (!close.empty()) buffers[count++] = net::asio::buffer(close.data(), close.size());
  }
  sent_ = true;
  const auto written =
      stream_->write({buffers.data(), count}, net::handler<&Connection::on_written>(*this));
  // Until all of it has left, no other call can follow.
  writing_ = written != net::Stream::Written::kAll;
  if (written != net::Stream::Written::kFailed) return;
  // Not a byte has left: the connection was dead before.
  sent_ = false;
  net::asio::post(loop_.io, [self = net::Ref<Connection>(this)] {
    if (self->state_ == State::kBusy)
      self->fail(Failure::Kind::kClosed, CloseReason::kPeerClosed);
  });
}

void Connection::on_written(net::ErrorCode error, std::size_t /*bytes*/) {
  writing_ = false;
  // A node may answer and close before it has read all: what it said is read before the failure
  // counts.
  if (error && state_ == State::kBusy && !reading_) {
    fail(Failure::Kind::kClosed, CloseReason::kPeerClosed);
  }
}

void Connection::arm_read() {
  if (reading_ || paused_ || state_ == State::kClosed || !connected_) return;
  buffer_.reserve(1024);
  reading_ = true;
  // Within a reply an end of stream must be seen at once; between replies the next bytes will raise
  // their own event.
  const auto look =
      reply_begun_ && state_ == State::kBusy ? net::Stream::Look::kFirst : net::Stream::Look::kWait;
  stream_->read(buffer_.space(), net::handler<&Connection::on_read>(*this), look);
}

void Connection::on_read(net::ErrorCode error, std::size_t bytes) {
  reading_ = false;
  if (state_ == State::kClosed) return;
  if (error) {
    on_eof(error);
    return;
  }
  buffer_.commit(bytes);
  if (state_ == State::kIdle) {
    close(CloseReason::kExtraBytes);
    return;
  }
  reply_begun_ = true;
  advance();
  arm_read();
}

void Connection::on_eof(net::ErrorCode error) {
  if (state_ == State::kIdle) {
    close(CloseReason::kPeerClosed);
    return;
  }
  if (body_ == Body::kUntilClose && error == net::asio::error::eof) {
    advance_until_close(true);
    return;
  }
  fail(reply_begun_ ? Failure::Kind::kProtocol : Failure::Kind::kClosed, CloseReason::kPeerClosed);
}

void Connection::on_deadline() {
  const net::Ref<Connection> self(this);
  switch (state_) {
    case State::kConnecting:
      on_connect_deadline();
      break;
    case State::kIdle:
      on_idle_deadline();
      break;
    case State::kBusy:
      if (!paused_) fail(Failure::Kind::kTimeout, CloseReason::kTimeout);
      break;
    case State::kClosed:
      break;
  }
}

/// Without its call, which may have had less time than a dial needs.
void Connection::dial_on(TimePoint now) {
  connect_until_ = dial_until_;
  const auto left = static_cast<Duration::rep>(endpoints_->size() - tried_ + 1);
  deadline_.set(now + (dial_until_ - now) / left);
}

void Connection::on_connect_deadline() {
  if (!dialled_) {
    fail_parked();
    return;
  }
  const TimePoint time = now();
  if (sink_ != nullptr && time >= call_deadline_ && time < dial_until_) {
    AttemptSink& sink = *std::exchange(sink_, nullptr);
    uncount_calls();
    dial_on(time);
    sink.on_failure({.kind = Failure::Kind::kConnectTimeout});
    return;
  }
  if (time >= connect_until_ || tried_ >= endpoints_->size()) {
    fail(Failure::Kind::kConnectTimeout, CloseReason::kConnectFailed);
    return;
  }
  stream_->close();
  try_endpoint(time);
}

void Connection::on_idle_deadline() {
  const TimePoint time = now();
  const TimePoint end = std::min(idle_since_ + idle_max_, expires_at_);
  if (time >= end) {
    close(time >= expires_at_ ? CloseReason::kAge : CloseReason::kIdleTimeout);
  } else if (!looks_alive()) {
    // The node's FIN came together with its last reply, so no event of its own told of it.
    close(CloseReason::kPeerClosed);
  } else {
    deadline_.set(end);
  }
}

void Connection::resume() {
  if (!paused_) return;
  paused_ = false;
  if (state_ == State::kClosed) return;
  deadline_.set(now() + kStreamPauseMax);
  arm_read();
}

bool Connection::looks_alive() noexcept {
  char byte = 0;
  const auto got = ::recv(stream_->socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  // A TLS record (a session ticket) may wait legitimately; anything in plain text is one byte too
  // many.
  return got < 0 ? (errno == EAGAIN || errno == EWOULDBLOCK) : got > 0 && shared_->tls() != nullptr;
}

}  // namespace sluice::upstream

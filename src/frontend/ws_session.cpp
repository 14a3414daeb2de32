// SPDX-License-Identifier: Apache-2.0
#include "frontend/ws_session.hpp"

#include <utility>

#include <boost/asio/post.hpp>

#include "ws/frame.hpp"

namespace sluice::frontend {

namespace {

constexpr Duration kParkAfter = std::chrono::seconds(1);
constexpr Duration kPingAfter = std::chrono::seconds(30);
constexpr Duration kPongWait = std::chrono::seconds(30);
constexpr Duration kCloseWait = std::chrono::seconds(5);
/// A buffer up to this size stays with a session that goes on.
constexpr std::size_t kKeptBytes = 65536;

}  // namespace

/// The place where one message's reply goes. Owns the message's bytes, since the session's buffer
/// moves on.
class WsSession::MessageReply final : public Responder {
 public:
  MessageReply(WsSession& session, std::string_view message)
      : session_(&session), message_(message) {}
  ~MessageReply() override { session_->end_message(message_.size()); }

  [[nodiscard]] std::string_view message() const noexcept { return message_; }

  void reply(const Reply& reply) override { session_->finish_message(reply.body); }
  [[nodiscard]] bool can_stream() const noexcept override { return false; }
  void stream_begin(const Reply& /*head*/, StreamSource& source) override { source.client_gone(); }
  [[nodiscard]] bool stream(std::string_view /*bytes*/) override { return true; }
  void stream_end(std::string_view /*last*/) override {}
  void stream_abort() override {}

 private:
  net::Ref<WsSession> session_;
  std::string message_;
};

WsSession::WsSession(Frontend& frontend, std::unique_ptr<net::Stream> stream, net::Buffer in,
                     net::Ref<Channel> channel, std::shared_ptr<void> slot)
    : frontend_(frontend),
      stream_(std::move(stream)),
      in_(std::move(in)),
      channel_(std::move(channel)),
      slot_(std::move(slot)),
      deadline_(
          frontend.loop().timers, [](void* self) { static_cast<WsSession*>(self)->on_deadline(); },
          this),
      decoder_(ws::Role::kServer,
               ws::Limits{.message_bytes_max = frontend.options().websocket_message_max,
                          .pings_per_s_max = frontend.options().websocket_pings_per_s}) {
  frontend_.add(*this);
  frontend_.observer().connections_changed(Protocol::kWebSocket, 1);
}

WsSession::~WsSession() {
  close();
}

void WsSession::start(std::string first) {
  heard_at_ = now();
  out_ = std::move(first);
  flush();
  if (closed_) return;
  process();
  arm_read();
}

bool WsSession::full() const noexcept {
  const Options& options = frontend_.options();
  return in_flight_ >= options.websocket_in_flight_max ||
         held_bytes_ >= options.websocket_message_max;
}

void WsSession::arm_read() {
  if (reading_ || parked_ || closed_ || full() || (draining_ && !closing_)) return;
  if (in_.capacity() == 0) in_ = frontend_.loop().buffers.take();
  std::size_t total = 0;
  std::size_t room = 1024;
  // Grows towards a large frame as its bytes come, by doubling.
  if (decoder_.wants_large(total) && total > in_.size())
    room = std::min(total - in_.size(), in_.capacity());
  in_.reserve(std::max<std::size_t>(room, 1024));
  reading_ = true;
  stream_->read(in_.space(), net::handler<&WsSession::on_read>(*this));
}

void WsSession::on_read(net::ErrorCode error, std::size_t bytes) {
  reading_ = false;
  if (closed_) return;
  if (parked_ && error == net::asio::error::operation_aborted) {
    frontend_.loop().buffers.give(std::exchange(in_, net::Buffer()));
    stream_->wait_readable(net::handler<&WsSession::on_readable>(*this));
    return;
  }
  parked_ = false;
  if (error) {
    close();
    return;
  }
  heard_at_ = now();
  pinged_ = false;
  in_.commit(bytes);
  process();
  arm_read();
}

void WsSession::on_readable(net::ErrorCode error, std::size_t /*bytes*/) {
  if (closed_) return;
  parked_ = false;
  if (error) {
    close();
    return;
  }
  arm_read();
}

void WsSession::process() {
  const net::Ref<WsSession> self(this);
  processing_ = true;
  // Until the decoder wants more, also when no bytes are left: it then lets go of a gathered
  // message.
  while (!closed_ && !full()) {
    std::size_t consumed = 0;
    const ws::Event event = decoder_.next(in_.data(), in_.size(), consumed, heard_at_);
    take(event);
    in_.consume(consumed);
    if (event.kind == ws::Event::Kind::kNeedMore) break;
  }
  processing_ = false;
  if (closed_) return;
  if (!reading_ && in_.empty() && in_.capacity() > kKeptBytes)
    in_ = frontend_.loop().buffers.take();
  park_at_ = heard_at_ + kParkAfter;
  arm_deadline();
}

void WsSession::take(const ws::Event& event) {
  switch (event.kind) {
    case ws::Event::Kind::kNeedMore:
    case ws::Event::Kind::kPong:
      break;
    case ws::Event::Kind::kPing:
      pong_.owe(event.payload);
      flush_soon();
      break;
    case ws::Event::Kind::kMessage: {
      if (closing_) break;
      ++in_flight_;
      held_bytes_ += event.payload.size();
      const net::Ref<MessageReply> reply(new MessageReply(*this, event.payload));
      // Answering may close this session, which lets go of its channel.
      const net::Ref<Channel> channel = channel_;
      channel->message(reply->message(), reply);
      break;
    }
    case ws::Event::Kind::kClose:
    case ws::Event::Kind::kError:
      if (event.kind == ws::Event::Kind::kError)
        frontend_.observer().rejected("websocket_protocol");
      if (closing_) {
        // The answer to our close frame, or what stands in its place.
        close();
        break;
      }
      begin_closing();
      ws::append_close_reply(out_, ws::Role::kServer, event);
      flush();
      if (!closed_ && !writing_) stream_->shutdown_write();
      break;
  }
}

void WsSession::finish_message(std::span<const std::string_view> pieces) {
  if (closed_ || closing_) return;
  std::size_t bytes = 0;
  for (const auto piece : pieces) bytes += piece.size();
  // Only notifications were in it.
  if (bytes == 0) return;
  // What has gathered behind a write that does not end; one reply of any size may wait alone.
  if (!out_.empty() && out_.size() + bytes > frontend_.options().websocket_message_max * 2) {
    frontend_.observer().rejected("slow_reader");
    close();
    return;
  }
  std::array<char, ws::kFrameHeaderMax> header;
  const std::size_t size =
      ws::write_frame_header(header.data(), ws::Role::kServer, ws::Opcode::kText, bytes);
  out_.append(header.data(), size);
  for (const auto piece : pieces) out_.append(piece);
  flush_soon();
}

void WsSession::end_message(std::size_t bytes) {
  --in_flight_;
  held_bytes_ -= bytes;
  if (closed_) return;
  if (draining_ && in_flight_ == 0) send_close(ws::close_code::kGoingAway, "shutting down");
  // It was full, perhaps by bounds that a reload has changed since.
  if (!reading_ && !parked_ && !processing_ && !full()) {
    process();
    arm_read();
  }
  if (in_flight_ == 0 && !closed_ && park_at_ == TimePoint::max()) {
    // It was not idle when its time came.
    park_at_ = now() + kParkAfter;
    arm_deadline();
  }
}

void WsSession::flush_soon() {
  if (writing_ || flush_posted_ || closed_) return;
  // Behind the handlers that are ready now: what they finish leaves in the same write.
  flush_posted_ = true;
  net::asio::post(
      frontend_.loop().io,
      [handler = net::handler<&WsSession::on_flush>(*this)]() mutable { handler({}, 0); });
}

void WsSession::on_flush(net::ErrorCode /*error*/, std::size_t /*bytes*/) {
  flush_posted_ = false;
  flush();
}

void WsSession::flush() {
  if (closed_ || writing_) return;
  if (!closing_) pong_.append_to(out_, ws::Role::kServer);
  if (out_.empty()) return;
  const net::asio::const_buffer buffer(out_.data(), out_.size());
  const auto written = stream_->write({&buffer, 1}, net::handler<&WsSession::on_written>(*this));
  if (out_.capacity() > net::BufferPool::kBufferBytes) {
    out_ = std::string();
  } else {
    out_.clear();
  }
  writing_ = written == net::Stream::Written::kPending;
  if (written == net::Stream::Written::kFailed) {
    close();
    return;
  }
  if (!writing_) return;
  write_until_ = now() + frontend_.options().idle_timeout;
  arm_deadline();
}

void WsSession::on_written(net::ErrorCode error, std::size_t /*bytes*/) {
  writing_ = false;
  write_until_ = TimePoint::max();
  if (closed_) return;
  if (error) {
    close();
    return;
  }
  flush();
  if (closed_ || writing_) return;
  if (closing_ && decoder_.finished()) stream_->shutdown_write();
  park_at_ = now() + kParkAfter;
  arm_deadline();
}

void WsSession::arm_deadline() {
  TimePoint next = std::min(write_until_, close_until_);
  if (!closing_)
    next = std::min({next, park_at_, heard_at_ + kPingAfter + (pinged_ ? kPongWait : Duration())});
  deadline_.set(next);
}

void WsSession::on_deadline() {
  const net::Ref<WsSession> self(this);
  const TimePoint time = now();
  if (time >= write_until_) {
    frontend_.observer().rejected("slow_reader");
    close();
  } else if (time >= close_until_) {
    close();
  } else if (!closing_) {
    watch_silence(time);
  }
  if (!closed_) arm_deadline();
}

void WsSession::watch_silence(TimePoint time) {
  // We have not listened, so nothing can be held against the peer.
  if (full()) heard_at_ = time;
  if (pinged_ && time >= heard_at_ + kPingAfter + kPongWait) {
    frontend_.observer().rejected("websocket_silent");
    close();
    return;
  }
  if (!pinged_ && time >= heard_at_ + kPingAfter) {
    pinged_ = true;
    ws::append_frame(out_, ws::Role::kServer, ws::Opcode::kPing, {});
    flush();
    return;
  }
  if (time < park_at_) return;
  park_at_ = TimePoint::max();
  if (reading_ && !parked_ && !writing_ && in_.empty() && in_flight_ == 0) {
    parked_ = true;
    stream_->cancel_read();
  }
}

void WsSession::send_close(std::uint16_t code, std::string_view reason) {
  if (closing_ || closed_) return;
  begin_closing();
  ws::append_close(out_, ws::Role::kServer, code, reason);
  flush();
  arm_read();
}

void WsSession::begin_closing() {
  // Nothing may follow a close frame.
  pong_.append_to(out_, ws::Role::kServer);
  closing_ = true;
  close_until_ = now() + kCloseWait;
  arm_deadline();
}

void WsSession::drain() {
  draining_ = true;
  if (in_flight_ == 0) send_close(ws::close_code::kGoingAway, "shutting down");
}

std::size_t WsSession::cut() {
  const std::size_t calls = in_flight_;
  close();
  return calls;
}

void WsSession::close() {
  if (closed_) return;
  closed_ = true;
  deadline_.clear();
  stream_->close();
  channel_ = nullptr;
  frontend_.remove(*this);
  frontend_.observer().connections_changed(Protocol::kWebSocket, -1);
  slot_.reset();
}

}  // namespace sluice::frontend

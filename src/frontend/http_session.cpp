// SPDX-License-Identifier: Apache-2.0
// The life of the connection: reading, waiting, timing out, closing.
#include "frontend/http_session.hpp"

#include <algorithm>
#include <utility>

#include <sys/socket.h>

#include "net/tls.hpp"

namespace sluice::frontend {

namespace {

/// An idle connection keeps its buffers for this long, so that a busy bot never pays for getting
/// them back.
constexpr Duration kParkAfter = std::chrono::seconds(1);
constexpr Duration kLinger = std::chrono::seconds(1);
/// While draining, a client that was here a moment ago has this long to ask once more.
constexpr Duration kLastCall = std::chrono::seconds(1);
constexpr std::size_t kLingerBytes = 1048576;
constexpr std::size_t kReadRoom = 1024;
/// A session that goes on keeps buffers up to this size; a large request must not cost memory for
/// as long as its connection lives.
constexpr std::size_t kKeptBytes = 65536;

}  // namespace

HttpSession::HttpSession(Frontend& frontend, net::TcpSocket socket, const net::TcpEndpoint& peer,
                         std::shared_ptr<const ListenerOptions> listener,
                         std::shared_ptr<void> slot)
    : frontend_(frontend),
      listener_(std::move(listener)),
      slot_(std::move(slot)),
      deadline_(
          frontend.loop().timers,
          [](void* self) { static_cast<HttpSession*>(self)->on_deadline(); }, this),
      address_(peer.address()),
      tls_(listener_->tls != nullptr) {
  stream_ = net::make_plain_stream(std::move(socket));
  frontend_.add(*this);
  frontend_.observer().connections_changed(Protocol::kHttp, 1);
}

HttpSession::~HttpSession() {
  close();
}

void HttpSession::start() {
  if (!listener_->proxy_protocol) {
    begin();
    return;
  }
  state_ = State::kProxyHeader;
  deadline_.set(now() + frontend_.options().header_timeout);
  work_ = frontend_.take_workspace();
  await_proxy_header();
}

void HttpSession::begin() {
  deadline_.set(now() + frontend_.options().header_timeout);
  if (tls_) {
    auto tls = net::make_tls_stream(std::move(stream_->socket()), listener_->tls);
    auto& handshaking = *tls;
    stream_ = std::move(tls);
    state_ = State::kHandshake;
    handshaking.handshake(net::handler<&HttpSession::on_handshake>(*this));
    return;
  }
  state_ = State::kHead;
  arm_read();
}

void HttpSession::on_handshake(net::ErrorCode error, std::size_t /*bytes*/) {
  if (state_ == State::kClosed) return;
  if (error) {
    frontend_.observer().rejected("tls_handshake");
    close();
    return;
  }
  state_ = State::kHead;
  deadline_.set(now() + frontend_.options().header_timeout);
  arm_read();
}

bool HttpSession::working() const noexcept {
  return state_ == State::kHandling || state_ == State::kStreaming || state_ == State::kWriting;
}

bool HttpSession::last_request() const noexcept {
  return peer_closed_ && work_->in.size() <= raw_begin_;
}

void HttpSession::arm_read() {
  if (reading_ || state_ == State::kClosed) return;
  if (peer_closed_) {
    // What is left is no whole request, and nothing follows.
    if (!working()) close();
    return;
  }
  if (work_ == nullptr) work_ = frontend_.take_workspace();
  if (!working()) {
    work_->in.reserve(kReadRoom);
  } else if (tls_ || work_->in.space().size() < kReadRoom) {
    // The request lies in the buffer and must not move; reading goes on after its reply.
    return;
  }
  reading_ = true;
  // Between requests the next bytes raise their own event; within one an end of stream must be seen
  // at once.
  const auto look =
      state_ == State::kIdle || working() ? net::Stream::Look::kWait : net::Stream::Look::kFirst;
  stream_->read(work_->in.space(), net::handler<&HttpSession::on_read>(*this), look);
}

void HttpSession::on_read(net::ErrorCode error, std::size_t bytes) {
  reading_ = false;
  if (state_ == State::kClosed) return;
  if (state_ == State::kParked && !error) state_ = State::kIdle;
  if (state_ == State::kParked) {
    release_workspace();
    stream_->wait_readable(net::handler<&HttpSession::on_readable>(*this));
    return;
  }
  if (error == net::asio::error::eof && working()) {
    // A client that has nothing more to ask may still want the answers.
    peer_closed_ = true;
    close_after_ = close_after_ || last_request();
    return;
  }
  if (error == net::asio::error::operation_aborted && state_ == State::kHead) {
    process();
    return;
  }
  if (error) {
    close();
    return;
  }
  if (state_ == State::kLingering) {
    discarded_ += bytes;
    if (discarded_ > kLingerBytes) {
      close();
    } else {
      arm_read();
    }
    return;
  }
  work_->in.commit(bytes);
  process();
  if (working()) arm_read();
}

void HttpSession::on_readable(net::ErrorCode error, std::size_t /*bytes*/) {
  if (state_ == State::kClosed) return;
  if (error) {
    close();
    return;
  }
  state_ = State::kIdle;
  arm_read();
}

void HttpSession::become_idle() {
  state_ = State::kIdle;
  const TimePoint time = frontend_.loop().recent();
  idle_until_ = time + frontend_.options().idle_timeout;
  deadline_.set(std::min(time + kParkAfter, idle_until_));
  arm_read();
}

void HttpSession::park() {
  state_ = State::kParked;
  deadline_.set(idle_until_);
  // The read completes as aborted, and on_read() goes on from there.
  stream_->cancel_read();
}

void HttpSession::on_deadline() {
  const net::Ref<HttpSession> self(this);
  switch (state_) {
    case State::kIdle:
      if (now() < idle_until_) {
        park();
      } else {
        close_unless_asked();
      }
      break;
    case State::kHead:
      if (work_ != nullptr && !work_->in.empty()) {
        reject(http::reject_of(http::Reason::kHeaderTimeout));
      } else {
        frontend_.observer().rejected("header_timeout");
        close();
      }
      break;
    case State::kBody:
      reject(http::reject_of(http::Reason::kBodyTimeout));
      break;
    case State::kHandling:
      break;
    case State::kContinuing:
    case State::kStreaming:
    case State::kWriting:
      frontend_.observer().rejected("slow_reader");
      close();
      break;
    case State::kHandshake:
    case State::kProxyHeader:
      frontend_.observer().rejected("handshake_timeout");
      close();
      break;
    case State::kParked:
      close_unless_asked();
      break;
    case State::kLingering:
      close();
      break;
    case State::kClosed:
      break;
  }
}

void HttpSession::on_written(net::ErrorCode error, std::size_t /*bytes*/) {
  if (state_ == State::kClosed) return;
  frontend_.loop().read_clock();
  if (error) {
    close();
    return;
  }
  if (state_ == State::kStreaming) {
    flush_stream();
    return;
  }
  if (state_ == State::kContinuing) {
    state_ = State::kBody;
  } else if (state_ == State::kWriting) {
    sent();
  }
  if (!processing_) process();
}

void HttpSession::linger() {
  // The client may still be sending: closing now would reset the connection and lose our reply on
  // its way.
  state_ = State::kLingering;
  discarded_ = 0;
  deadline_.set(now() + kLinger);
  stream_->shutdown_write();
  if (peer_closed_) {
    close();
    return;
  }
  if (!reading_) work_->in.consume(work_->in.size());
  arm_read();
}

void HttpSession::drain() {
  close_after_ = true;
  if (state_ == State::kIdle) {
    // Its next call may be on its way: it is better told to go with a reply than cut off.
    idle_until_ = std::min(idle_until_, now() + kLastCall);
    deadline_.set(idle_until_);
  } else if (state_ == State::kHandshake || state_ == State::kProxyHeader) {
    close();
  } else if (state_ == State::kParked ||
             (state_ == State::kHead && (work_ == nullptr || work_->in.empty()))) {
    close_unless_asked();
  }
}

/// Bytes that have come just now are a request after all: the last one on this connection.
void HttpSession::close_unless_asked() {
  char byte = 0;
  const auto fd = stream_->socket().native_handle();
  if (::recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0) {
    close();
    return;
  }
  close_after_ = true;
  deadline_.set(now() + frontend_.options().header_timeout);
}

std::size_t HttpSession::cut() {
  const bool busy =
      state_ == State::kHandling || state_ == State::kStreaming || state_ == State::kWriting;
  close();
  return busy ? 1 : 0;
}

void HttpSession::close() {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  deadline_.clear();
  if (stream_ != nullptr) stream_->close();
  frontend_.remove(*this);
  frontend_.observer().connections_changed(Protocol::kHttp, -1);
  slot_.reset();
  if (StreamSource* source = std::exchange(source_, nullptr); source != nullptr)
    source->client_gone();
}

void HttpSession::shrink_workspace() {
  if (work_->out.capacity() > kKeptBytes) work_->out = std::string();
  if (work_->in.empty() && work_->in.capacity() > kKeptBytes && !reading_)
    work_->in = frontend_.loop().buffers.take();
}

void HttpSession::release_workspace() noexcept {
  if (work_ != nullptr) frontend_.give_workspace(std::move(work_));
}

}  // namespace sluice::frontend

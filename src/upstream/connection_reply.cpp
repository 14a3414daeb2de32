// SPDX-License-Identifier: Apache-2.0
// The reading half of a connection: from bytes to a framed reply, held or streamed.
#include <algorithm>
#include <charconv>
#include <utility>

#include "upstream/connection.hpp"

namespace sluice::upstream {

namespace {

std::uint32_t parse_retry_after(std::string_view text) {
  std::uint32_t value = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
  return end.ec == std::errc{} && end.ptr == text.data() + text.size() ? value : 0;
}

}  // namespace

void Connection::advance() {
  if (body_ == Body::kHead && !advance_head()) return;
  switch (body_) {
    case Body::kHead:
      break;
    case Body::kLength:
      advance_length();
      break;
    case Body::kChunked:
      advance_chunked();
      break;
    case Body::kUntilClose:
      advance_until_close(false);
      break;
  }
}

bool Connection::advance_head() {
  const http::Status status = parser_.parse(buffer_.view());
  if (status == http::Status::kNeedMore) return false;
  if (status == http::Status::kReject) {
    fail(Failure::Kind::kProtocol, CloseReason::kProtocol);
    return false;
  }
  const http::ResponseHead& head = parser_.head();
  head_ = ReplyHead{head.status, parse_retry_after(head.retry_after)};
  if (!head.keep_alive_words.empty()) read_keep_alive(head.keep_alive_words);
  keep_alive_ = head.keep_alive;
  body_begin_ = decoded_end_ = raw_begin_ = parser_.head_bytes();
  length_left_ = head.content_length;
  if (head.chunked) {
    body_ = Body::kChunked;
    chunks_.reset(http::ChunkLimits{.body_bytes_max = UINT64_MAX});
  } else if (head.has_length) {
    body_ = Body::kLength;
    if (head.content_length > shared_->options().held_reply_max) return begin_stream();
    room_for_reply(head.content_length);
  } else {
    body_ = Body::kUntilClose;
  }
  return true;
}

/// `timeout=N` anywhere in it: seconds for which the node keeps an idle connection.
void Connection::read_keep_alive(std::string_view words) noexcept {
  constexpr std::string_view kTimeout = "timeout=";
  constexpr std::uint32_t kMost = 86'400;
  const auto at = words.find(kTimeout);
  if (at == std::string_view::npos) return;
  std::uint32_t value = 0;
  const std::string_view digits = words.substr(at + kTimeout.size());
  const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (end.ec != std::errc{} || value == 0) return;
  idle_max_ = policy::idle_allowed(shared_->options().idle_timeout,
                                   std::chrono::seconds(std::min(value, kMost)));
}

void Connection::room_for_reply(std::uint64_t body_bytes) {
  const std::size_t total = body_begin_ + static_cast<std::size_t>(body_bytes);
  if (total > buffer_.size()) buffer_.reserve(total - buffer_.size());
}

/// Asked for a megabyte at a time, so that most of a reply's reads need not.
bool Connection::may_hold(std::uint64_t body_bytes) {
  constexpr std::uint64_t kStep = 1U << 20;
  if (body_bytes > shared_->options().response_max) return false;
  if (!held_large_ || body_bytes <= held_bytes_) return true;
  const std::uint64_t more = std::max(kStep, body_bytes - held_bytes_);
  if (sink_ != nullptr && !sink_->may_hold(more)) return false;
  held_bytes_ += more;
  return true;
}

void Connection::advance_length() {
  if (streaming_) {
    const auto bytes = static_cast<std::size_t>(
        std::min<std::uint64_t>(buffer_.size() - body_begin_, length_left_));
    const bool extra = buffer_.size() - body_begin_ > bytes;
    length_left_ -= bytes;
    if (!deliver(body_begin_, bytes)) return;
    body_begin_ = 0;
    buffer_.consume(buffer_.size());
    if (length_left_ == 0) finish_stream(!extra);
    return;
  }
  const std::size_t held = buffer_.size() - body_begin_;
  if (!may_hold(held)) {
    fail(Failure::Kind::kTooLarge, CloseReason::kProtocol);
    return;
  }
  if (held < length_left_) return;
  finish_held(static_cast<std::size_t>(length_left_), held == length_left_);
}

void Connection::advance_chunked() {
  char* data = buffer_.data();
  const auto step =
      chunks_.decode(data + raw_begin_, buffer_.size() - raw_begin_, data + decoded_end_);
  raw_begin_ += step.consumed;
  decoded_end_ += step.produced;
  if (step.status == http::Status::kReject) {
    fail(Failure::Kind::kProtocol, CloseReason::kProtocol);
    return;
  }
  const bool done = step.status == http::Status::kDone;
  const bool extra = done && raw_begin_ < buffer_.size();
  buffer_.trim(buffer_.size() - decoded_end_);
  raw_begin_ = decoded_end_;
  const std::size_t held = decoded_end_ - body_begin_;
  if (!streaming_ && held > shared_->options().held_reply_max && !held_large_ && !begin_stream())
    return;
  if (!streaming_) {
    if (!may_hold(held)) {
      fail(Failure::Kind::kTooLarge, CloseReason::kProtocol);
    } else if (done) {
      finish_held(held, !extra);
    }
    return;
  }
  if (!deliver(body_begin_, held)) return;
  buffer_.consume(buffer_.size());
  body_begin_ = decoded_end_ = raw_begin_ = 0;
  if (done) finish_stream(!extra);
}

void Connection::advance_until_close(bool at_end) {
  const std::size_t held = buffer_.size() - body_begin_;
  if (!streaming_ && held > shared_->options().held_reply_max && !held_large_ && !begin_stream())
    return;
  if (!streaming_) {
    if (!may_hold(held)) {
      fail(Failure::Kind::kTooLarge, CloseReason::kProtocol);
    } else if (at_end) {
      finish_held(held, false);
    }
    return;
  }
  if (!deliver(body_begin_, held)) return;
  buffer_.consume(buffer_.size());
  body_begin_ = 0;
  if (at_end) finish_stream(false);
}

bool Connection::begin_stream() {
  if (sink_->stream_begin(head_)) {
    streaming_ = true;
    shared_->streaming.fetch_add(1, std::memory_order_relaxed);
    return true;
  }
  held_large_ = true;
  const std::uint64_t max = shared_->options().response_max;
  if (body_ == Body::kLength && length_left_ > max) {
    fail(Failure::Kind::kTooLarge, CloseReason::kProtocol);
    return false;
  }
  // The buffer grows with what arrives, not with what was announced.
  return true;
}

bool Connection::deliver(std::size_t offset, std::size_t bytes) {
  if (bytes == 0) return true;
  if (!paused_) deadline_.set(now() + kStreamPauseMax);
  const bool wanted = sink_ != nullptr && sink_->stream_data({buffer_.data() + offset, bytes});
  if (state_ == State::kClosed) return false;
  if (wanted) return true;
  if (sink_ != nullptr) {
    sink_ = nullptr;
    uncount_calls();
  }
  close(CloseReason::kProtocol);
  return false;
}

void Connection::finish_held(std::size_t body_bytes, bool clean) {
  loop_.read_clock();
  AttemptSink& sink = *std::exchange(sink_, nullptr);
  const bool sound = sink.judge(head_, {buffer_.data() + body_begin_, body_bytes});
  release(sound && clean && keep_alive_ && !writing_,
          clean ? CloseReason::kNotReusable : CloseReason::kExtraBytes);
  // The reply's bytes stay where they are until the sink has used them: no read is armed yet, and a
  // call that the pool has started on this connection meanwhile only writes.
  sink.on_reply();
  buffer_.consume(buffer_.size());
  shrink_buffer();
}

void Connection::finish_stream(bool clean) {
  loop_.read_clock();
  AttemptSink& sink = *std::exchange(sink_, nullptr);
  const bool sound = sink.stream_end();
  release(sound && clean && keep_alive_ && !writing_,
          clean ? CloseReason::kNotReusable : CloseReason::kExtraBytes);
}

void Connection::release(bool reusable, CloseReason otherwise) {
  uncount_calls();
  paused_ = false;
  if (state_ == State::kClosed) return;
  // How long a stream takes is up to its client as much as to the node.
  const Duration took = streaming_ ? Duration::zero() : loop_.recent() - sent_at_;
  if (!streaming_) record_.answered(took);
  record_.judged(std::exchange(blamed_, false) || head_.status >= 500);
  if (!reusable || draining_ || loop_.recent() >= expires_at_) {
    close(!reusable ? otherwise : draining_ ? drain_reason_ : CloseReason::kAge);
    return;
  }
  become_idle();
  owner_->connection_idle(*this, took);
}

void Connection::shrink_buffer() {
  if (buffer_.capacity() <= kKeptBufferBytes || state_ == State::kClosed) return;
  buffer_ = loop_.buffers.take();
}

}  // namespace sluice::upstream

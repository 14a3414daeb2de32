// SPDX-License-Identifier: Apache-2.0
// From a reply to bytes on the wire.
#include <array>
#include <utility>

#include "base/parts.hpp"
#include "frontend/http_session.hpp"
#include "frontend/rules.hpp"
#include "http/request_check.hpp"
#include "http/writer.hpp"
#include "jsonrpc/write.hpp"

namespace sluice::frontend {

namespace {

/// A body up to this size is copied behind its head: one buffer is cheaper to send than several.
constexpr std::size_t kCopiedMax = 16384;

}  // namespace

void HttpSession::append_head(const Reply& reply, bool has_length, std::size_t body_bytes) {
  std::string& out = work_->out;
  out.clear();
  http::append_status_line(out, reply.status);
  const std::string_view date = frontend_.date_line(frontend_.loop().recent());
  const std::string_view type = reply.json ? "Content-Type: application/json\r\n" : "";
  if (has_length && reply.status != 204) {
    append_parts(out, date, type, "Content-Length: ", Decimal(body_bytes), "\r\n", reply.headers);
  } else {
    append_parts(out, date, type, reply.headers);
  }
  const http::RequestHead& head = work_->parser.head();
  if (!head.origin.empty() && origin_allowed(head.origin, frontend_.options()) &&
      reply.status != 204) {
    out.append("Access-Control-Allow-Origin: ").append(head.origin).append("\r\nVary: Origin\r\n");
    append_parts(out, "Access-Control-Expose-Headers: ", kExposedHeaders, "\r\n");
  }
  if (close_after_) {
    out.append("Connection: close\r\n");
  } else if (head.minor == 0) {
    out.append("Connection: keep-alive\r\n");
  }
}

void HttpSession::reply(const Reply& reply) {
  if (state_ != State::kHandling) return;
  if (reply.close) close_after_ = true;
  frontend_.observer().http_request(reply.status);
  std::size_t body_bytes = 0;
  for (const auto piece : reply.body) body_bytes += piece.size();
  append_head(reply, true, body_bytes);
  std::string& out = work_->out;
  out.append("\r\n");
  state_ = State::kWriting;
  if (work_->parser.head().method == http::Method::kHead) body_bytes = 0;
  if (body_bytes <= kCopiedMax || reply.body.size() >= 7) {
    if (body_bytes != 0) append_parts(out, reply.body);
    const net::asio::const_buffer buffer(out.data(), out.size());
    send({&buffer, 1});
    return;
  }
  std::array<net::asio::const_buffer, 8> buffers;
  std::size_t count = 0;
  buffers[count++] = net::asio::buffer(out);
  for (const auto piece : reply.body)
    buffers[count++] = net::asio::buffer(piece.data(), piece.size());
  send({buffers.data(), count});
}

void HttpSession::send(std::span<const net::asio::const_buffer> buffers) {
  switch (stream_->write(buffers, net::handler<&HttpSession::on_written>(*this))) {
    case net::Stream::Written::kAll:
      sent();
      if (!processing_ && state_ == State::kHead) process();
      break;
    case net::Stream::Written::kPending:
      deadline_.set(now() + frontend_.options().idle_timeout);
      break;
    case net::Stream::Written::kFailed:
      close();
      break;
  }
}

void HttpSession::sent() {
  if (close_after_) {
    linger();
    return;
  }
  finish_request();
}

void HttpSession::finish_request() {
  if (reading_) {
    work_->in.consume_pinned(raw_begin_);
  } else {
    work_->in.consume(raw_begin_);
  }
  work_->parser.reset();
  frontend_.renew(*work_);
  shrink_workspace();
  if (work_->in.empty()) {
    become_idle();
    return;
  }
  state_ = State::kHead;
  deadline_.set(now() + frontend_.options().header_timeout);
  // A pipelined request is here already. The read that was armed behind it would be in the way of a
  // buffer that has to grow: on_read() goes on when it has been called off.
  if (reading_) stream_->cancel_read();
}

void HttpSession::reject(const http::Reject& reject) {
  frontend_.loop().read_clock();
  frontend_.observer().rejected(reject.reason);
  close_after_ = true;
  state_ = State::kHandling;
  const int code = reject.status == 403 ? -32000 : -32600;
  const std::string body = refusal_body({reject.status, code, reject.text, reject.reason, {}});
  // The head may be the very thing that is broken: nothing of it is used for the reply but that
  // HEAD gets no body.
  const bool wants_body = work_->parser.head().method != http::Method::kHead;
  work_->parser.reset();
  const std::string_view piece = wants_body ? std::string_view(body) : std::string_view();
  std::string headers;
  if (reject.status == 405) headers = "Allow: " + std::string(http::kAllowedMethods) + "\r\n";
  reply({.status = reject.status, .headers = headers, .body = {&piece, 1}, .close = true});
}

std::string refusal_body(const Refusal& refusal) {
  std::string body;
  jsonrpc::append_error(body, "null", refusal.code, refusal.text,
                        R"({"source":"sluice","reason":")" + std::string(refusal.reason) + "\"}");
  return body;
}

void HttpSession::refuse(const Refusal& refusal) {
  frontend_.loop().read_clock();
  frontend_.observer().rejected(refusal.reason);
  state_ = State::kHandling;
  const std::string body = refusal_body(refusal);
  const std::string_view piece = body;
  reply({.status = refusal.status, .headers = refusal.headers, .body = {&piece, 1}});
}

void HttpSession::stream_begin(const Reply& head, StreamSource& source) {
  if (state_ != State::kHandling) {
    source.client_gone();
    return;
  }
  frontend_.observer().http_request(head.status);
  source_ = &source;
  state_ = State::kStreaming;
  writing_ = ending_ = false;
  chunked_reply_ = work_->parser.head().minor != 0;
  // HTTP/1.0 knows no chunks: the body ends where the connection does.
  if (!chunked_reply_) close_after_ = true;
  append_head(head, false, 0);
  work_->out.append(chunked_reply_ ? "Transfer-Encoding: chunked\r\n\r\n" : "\r\n");
  std::string prefix;
  for (const auto piece : head.body) prefix.append(piece);
  append_chunk(prefix);
  // Leaves together with the first bytes of the stream.
}

void HttpSession::append_chunk(std::string_view bytes) {
  if (bytes.empty()) return;
  std::array<char, http::kChunkHeaderBytesMax> size;
  std::string& out = work_->out;
  if (chunked_reply_) {
    out.append(size.data(), static_cast<std::size_t>(
                                http::write_chunk_header(size.data(), bytes.size()) - size.data()));
  }
  out.append(bytes);
  if (chunked_reply_) out.append(http::kChunkEnd);
}

bool HttpSession::stream(std::string_view bytes) {
  if (state_ != State::kStreaming) return true;
  // A client that turns out to be gone takes the source along, and with it maybe the last reference
  // to this session.
  const net::Ref<HttpSession> self(this);
  append_chunk(bytes);
  if (writing_) return false;
  flush_stream();
  return !writing_;
}

void HttpSession::flush_stream() {
  // Called to send what has gathered, and again when a write that did not fit has left.
  const bool resumed = writing_;
  writing_ = false;
  std::string& out = work_->out;
  if (ending_) {
    state_ = State::kWriting;
    ending_ = false;
    const net::asio::const_buffer last(out.data(), out.size());
    send({&last, 1});
    return;
  }
  if (!out.empty()) {
    const net::asio::const_buffer buffer(out.data(), out.size());
    const auto written =
        stream_->write({&buffer, 1}, net::handler<&HttpSession::on_written>(*this));
    out.clear();
    if (written == net::Stream::Written::kFailed) {
      close();
      return;
    }
    writing_ = written == net::Stream::Written::kPending;
    if (writing_) deadline_.set(now() + frontend_.options().idle_timeout);
  }
  if (writing_ || !resumed) return;
  deadline_.clear();
  if (source_ != nullptr) source_->client_writable();
}

void HttpSession::stream_end(std::string_view last) {
  if (state_ != State::kStreaming) return;
  const net::Ref<HttpSession> self(this);
  source_ = nullptr;
  append_chunk(last);
  if (chunked_reply_) work_->out.append(http::kLastChunk);
  ending_ = true;
  if (!writing_) flush_stream();
}

void HttpSession::stream_abort() {
  if (state_ != State::kStreaming) return;
  source_ = nullptr;
  // A reset, not an end: a body without a length would pass for whole otherwise.
  net::ErrorCode ignored;
  stream_->socket().set_option(net::asio::socket_base::linger(true, 0), ignored);
  close();
}

}  // namespace sluice::frontend

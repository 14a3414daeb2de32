// SPDX-License-Identifier: Apache-2.0
#include "proxy/exchange.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <utility>

#include "base/parts.hpp"
#include "jsonrpc/write.hpp"
#include "proxy/worker.hpp"

namespace sluice::proxy {

namespace {

/// Smaller bodies lie in the buffer that each connection has anyway.
constexpr std::size_t kCountedMin = 16384;
/// Of X-Sluice-Choice: some clients take no more than 4 KiB of head in all.
constexpr std::size_t kChoiceBytesMax = 2048;

}  // namespace

Exchange::Exchange(Worker& worker, net::Ref<Runtime> runtime, const Caller& caller,
                   net::Ref<frontend::Responder> responder, std::string_view request_id,
                   std::string_view address, TimePoint started)
    : worker_(worker),
      runtime_(std::move(runtime)),
      caller_(caller),
      responder_(std::move(responder)),
      started_(started),
      request_id_size_(std::min(request_id.size(), request_id_.size())),
      address_size_(std::min(address.size(), address_.size())) {
  std::memcpy(request_id_.data(), request_id.data(), request_id_size_);
  std::memcpy(address_.data(), address.data(), address_size_);
}

Exchange::~Exchange() {
  if (counted_bytes_ != 0) snapshot().memory->give(counted_bytes_);
}

bool Exchange::count_memory(std::uint64_t bytes) noexcept {
  if (!snapshot().memory->take(bytes)) return false;
  counted_bytes_ += bytes;
  return true;
}

void Exchange::shed_for_memory(const jsonrpc::Message& message) {
  worker_.reject("memory");
  refuse_all(message, 429, -32005, "too much memory is in use",
             R"({"source":"sluice","reason":"memory","retry_after_ms":250})");
}

void Exchange::refuse_all(const jsonrpc::Message& message, int status, int code,
                          std::string_view text, std::string_view data) {
  std::string body;
  for (const jsonrpc::CallView& call : message.calls) {
    if (call.notification()) continue;
    if (message.batch) body.push_back(body.empty() ? '[' : ',');
    jsonrpc::append_error(body, call.id, code, text, data);
  }
  if (message.batch && !body.empty()) body.push_back(']');
  const std::string_view piece = body;
  reply(status, plain_headers(), {&piece, 1});
}

const jsonrpc::Message& Exchange::begin(std::string_view body) {
  self_ = this;
  worker_.enter(*this);
  body_ = body;
  return worker_.splitter().split(body, snapshot().limits.json);
}

void Exchange::refuse(std::string_view body, int status, int code, std::string_view text,
                      std::string_view data) {
  const jsonrpc::Message& message = begin(body);
  if (message.error_code != 0) {
    reply_error(message);
  } else {
    refuse_all(message, status, code, text, data);
  }
}

void Exchange::run(std::string_view body) {
  const jsonrpc::Message& message = begin(body);
  if (message.error_code != 0) {
    reply_error(message);
  } else if (body.size() > kCountedMin && !count_memory(body.size())) {
    shed_for_memory(message);
  } else if (message.batch) {
    run_batch(message.calls);
  } else {
    run_single(message.calls.front());
  }
}

void Exchange::run_single(const jsonrpc::CallView& view) {
  single_.emplace(*this, view, 0);
  single_->start();
}

void Exchange::run_batch(std::span<const jsonrpc::CallView> views) {
  batch_ = true;
  replies_.resize(views.size());
  calls_.reserve(views.size());
  for (std::size_t i = 0; i < views.size(); ++i) {
    calls_.push_back(std::make_unique<Call>(*this, views[i], i));
  }
  run_more();
}

void Exchange::run_more() {
  // A call that is answered at once comes back through finished() while this loop is running.
  if (starting_) return;
  starting_ = true;
  const Batcher::Scope gather(worker_.batcher());
  const std::size_t concurrency = std::max(snapshot().limits.batch_concurrency, 1U);
  while (next_ < calls_.size() && running_ < concurrency) {
    ++running_;
    calls_[next_++]->start();
  }
  starting_ = false;
  if (done_ == calls_.size()) reply_batch();
}

void Exchange::finished(Call& call, std::span<const std::string_view> pieces, int status) {
  if (!batch_) {
    reply(status, headers(call, worker_.loop().recent()), pieces);
    return;
  }
  if (status == 200 || call.attempts() != 0) {
    any_run_ = true;
  } else if (refused_status_ == 0) {
    refused_status_ = status;
  }
  hold_reply(call, pieces);
  --running_;
  ++done_;
  run_more();
}

void Exchange::hold_reply(const Call& call, std::span<const std::string_view> pieces) {
  // A notification has no reply, not even that it would have been too large.
  if (pieces.empty()) return;
  std::size_t bytes = 0;
  for (const auto piece : pieces) bytes += piece.size();
  Held& held = replies_[call.position()];
  if (held_bytes_ + bytes > snapshot().limits.response_max || !count_memory(bytes)) {
    // geth's words and code for the same case.
    jsonrpc::append_error(held.long_one, call.reply_id(), -32003, "response too large");
  } else if (bytes > kShortMax) {
    append_parts(held.long_one, pieces);
  } else {
    held.offset = short_replies_.size();
    held.size = bytes;
    append_parts(short_replies_, pieces);
  }
  held_bytes_ += held.size + held.long_one.size();
}

void Exchange::reply_batch() {
  std::vector<std::string_view> pieces;
  pieces.reserve(replies_.size() * 2 + 1);
  for (const Held& held : replies_) {
    const std::string_view text =
        held.size != 0 ? std::string_view(short_replies_).substr(held.offset, held.size)
                       : std::string_view(held.long_one);
    if (text.empty()) continue;
    pieces.emplace_back(pieces.empty() ? "[" : ",");
    pieces.emplace_back(text);
  }
  if (!pieces.empty()) pieces.emplace_back("]");
  // Only a batch that was refused whole has another status than 200.
  const int status = any_run_ || refused_status_ == 0 ? 200 : refused_status_;
  reply(status, plain_headers(), pieces);
}

void Exchange::reply_error(const jsonrpc::Message& message) {
  worker_.reject(message.error_code == -32700 ? "parse_error"
                 : message.batch              ? "batch_too_large"
                                              : "invalid");
  std::string body;
  jsonrpc::append_error(body, message.error_id, message.error_code, message.error_text,
                        R"({"source":"sluice","reason":"malformed"})");
  if (message.batch) body = "[" + body + "]";
  const std::string_view piece = body;
  reply(200, plain_headers(), {&piece, 1});
}

std::string_view Exchange::plain_headers() {
  std::string& lines = worker_.header_lines();
  lines.assign("X-Request-Id: ").append(request_id()).append("\r\n");
  return lines;
}

std::string_view Exchange::headers(const Call& call, TimePoint now) {
  if (caller_.websocket) return {};
  std::string& lines = worker_.header_lines();
  lines.clear();
  const std::string_view upstream = call.upstream_name();
  if (!upstream.empty()) append_parts(lines, "X-Sluice-Upstream: ", upstream, "\r\n");
  const auto us =
      static_cast<std::uint64_t>(std::max<std::int64_t>((now - started_).count() / 1000, 0));
  const std::uint64_t part = us % 1000;
  const std::array<char, 3> fraction = {static_cast<char>('0' + part / 100),
                                        static_cast<char>('0' + part / 10 % 10),
                                        static_cast<char>('0' + part % 10)};
  append_parts(lines, "X-Sluice-Attempts: ", Decimal(call.attempts()),
               "\r\nX-Sluice-Cache: none\r\nX-Sluice-Duration: ", Decimal(us / 1000), ".",
               std::string_view(fraction.data(), fraction.size()),
               "ms\r\nX-Request-Id: ", request_id(), "\r\n");
  if (choice_ != nullptr) append_parts(lines, "X-Sluice-Choice: ", *choice_, "\r\n");
  return lines;
}

void Exchange::tell_choice(std::string_view words) {
  if (choice_ == nullptr) {
    choice_ = std::make_unique<std::string>(words);
  } else if (choice_->size() < kChoiceBytesMax) {
    choice_->append(" | ").append(words);
  }
  if (choice_->size() <= kChoiceBytesMax) return;
  choice_->resize(kChoiceBytesMax - 3);
  choice_->append("...");
}

void Exchange::reply(int status, std::string_view headers,
                     std::span<const std::string_view> pieces) {
  std::string with_retry;
  if (status == 503 || status == 429) {
    with_retry = headers;
    const auto setting = snapshot().limits.retry_after;
    if (status == 503) with_retry += "Retry-After: 1\r\n";
    if (status == 429 && setting == RetryAfter::kSeconds) with_retry += "Retry-After: 1\r\n";
    if (status == 429 && setting == RetryAfter::kMilliseconds)
      with_retry += "Retry-After: 1000\r\n";
    headers = with_retry;
  }
  const net::Ref<frontend::Responder> responder = std::move(responder_);
  responder->reply({.status = status, .headers = headers, .body = pieces});
  end();
}

void Exchange::streamed() {
  end();
}

void Exchange::cut() {
  const net::Ref<Exchange> hold(this);
  if (single_) single_->cut();
  for (const auto& call : calls_) call->cut();
  end();
}

bool Exchange::may_hedge() const noexcept {
  if (single_) return single_->may_hedge();
  return std::ranges::any_of(calls_, [](const auto& call) { return call->may_hedge(); });
}

void Exchange::consider_hedges(TimePoint now) {
  if (single_) single_->consider_hedge(now);
  for (const auto& call : calls_) call->consider_hedge(now);
}

void Exchange::end() {
  worker_.leave(*this);
  responder_ = nullptr;
  self_ = nullptr;
}

}  // namespace sluice::proxy

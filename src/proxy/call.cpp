// SPDX-License-Identifier: Apache-2.0
// Admission, local answers and the end of a call.
#include "proxy/call.hpp"

#include <array>
#include <charconv>
#include <utility>

#include "base/log.hpp"
#include "ethereum/hex.hpp"
#include "jsonrpc/envelope_words.hpp"
#include "jsonrpc/write.hpp"
#include "proxy/exchange.hpp"
#include "proxy/filter_id.hpp"
#include "proxy/hedge.hpp"
#include "proxy/upstream_batch.hpp"
#include "proxy/worker.hpp"

namespace sluice::proxy {

namespace {

/// Answers that Sluice gives in the place of nodes that may not be asked.
bool stands_in(ethereum::LocalAnswer local) noexcept {
  using ethereum::LocalAnswer;
  return local == LocalAnswer::kEmptyArray || local == LocalAnswer::kFalse ||
         local == LocalAnswer::kZeroQuantity;
}

}  // namespace

Call::Call(Exchange& exchange, const jsonrpc::CallView& view, std::size_t position)
    : exchange_(exchange),
      chain_(exchange.chain()),
      position_(position),
      id_(view.id),
      params_(view.params),
      local_error_(view.error_code),
      local_error_text_(view.error_text) {
  // An unescaped name lies in the splitter, which the next message will overwrite.
  if (exchange.in_body(view.method)) {
    method_name_ = view.method;
  } else {
    method_copy_ = view.method;
    method_name_ = method_copy_;
  }
}

Call::~Call() {
  if (!done_) let_go();
}

std::string_view Call::upstream_name() const noexcept {
  if (attempts_ == 0) return {};
  return chain().spec->upstreams[attempt_.upstream].name;
}

void Call::start() {
  started_ = exchange_.started();
  method_ = &ethereum::find(method_name_);
  exchange_.worker().metrics().call_started(chain().spec->slot);
  if (local_error_ != 0) {
    fail(CallOutcome::kInvalid, 200, local_error_, local_error_text_, "invalid_request");
    return;
  }
  if (!admit() || answer_locally()) return;
  block_ = ethereum::block_ref(*method_, params_);
  deadline_ = started_ + exchange_.caller().timeout;
  // The later calls of a large batch begin when earlier ones have ended.
  const TimePoint time = position_ == 0 ? started_ : now();
  chain().budget.on_call(time);
  chain().hedge_budget.on_call(time);
  route(time);
}

bool Call::admit() {
  const ChainSpec& spec = *chain().spec;
  allowed_ = spec.masks->of(exchange_.caller().client).allowed(*method_, method_name_);
  if (allowed_ == 0 && !stands_in(method_->local)) {
    std::string text = "the method ";
    text.append(method_name_.substr(0, 128)).append(" does not exist/is not available");
    fail(CallOutcome::kDenied, 200, -32601, text, "method_not_available");
    return false;
  }
  if (method_->klass == ethereum::MethodClass::kSubscription) {
    std::string text = "the method ";
    text.append(method_name_).append(" does not exist/is not available");
    fail(CallOutcome::kDenied, 200, -32601, text, "method_not_available");
    return false;
  }
  const Duration wait = exchange_.client().rate->take(started_);
  if (wait != Duration::zero()) {
    exchange_.worker().reject("rate_limited");
    fail(CallOutcome::kRateLimited, 429, -32005, "request rate exceeded", "rate_limited", wait);
    return false;
  }
  if (exchange_.caller().upstream) allowed_ &= policy::bit_of(*exchange_.caller().upstream);
  if (method_->klass != ethereum::MethodClass::kFilter || ethereum_creates_filter(*method_))
    return true;
  const auto filter = decode_filter_params(params_);
  if (filter) {
    for (std::size_t i = 0; i < spec.upstreams.size(); ++i) {
      if (spec.upstreams[i].filter_tag == filter->tag) pinned_ = static_cast<std::uint32_t>(i);
    }
  }
  if (!pinned_) {
    fail(CallOutcome::kInvalid, 200, -32000, "filter not found", "filter_not_found");
    return false;
  }
  allowed_ &= policy::bit_of(*pinned_);
  params_copy_ = filter->params;
  params_ = params_copy_;
  return true;
}

bool Call::answer_locally() {
  using ethereum::LocalAnswer;
  const std::uint64_t chain_id = chain().spec->shared->chain_id.load(std::memory_order_relaxed);
  std::string text;
  switch (method_->local) {
    case LocalAnswer::kChainId:
      if (chain_id == 0) return false;
      text = "\"";
      ethereum::append_quantity(text, chain_id);
      text += "\"";
      answer(text);
      return true;
    case LocalAnswer::kNetVersion:
      if (chain_id == 0) return false;
      answer("\"" + std::to_string(chain_id) + "\"");
      return true;
    case LocalAnswer::kEmptyArray:
      if (allowed_ != 0) return false;
      answer("[]");
      return true;
    case LocalAnswer::kFalse:
      if (allowed_ != 0) return false;
      answer("false");
      return true;
    case LocalAnswer::kZeroQuantity:
      if (allowed_ != 0) return false;
      answer("\"0x0\"");
      return true;
    default:
      return false;
  }
}

void Call::answer(std::string_view result) {
  const std::array<std::string_view, 5> pieces = {jsonrpc::kBeforeId, id_, jsonrpc::kBeforeResult,
                                                  result, jsonrpc::kClose};
  finish(CallOutcome::kLocal, pieces, 200, 0);
}

void Call::fail(CallOutcome outcome, int status, int code, std::string_view text,
                std::string_view reason, Duration retry_after) {
  std::string data = R"({"source":"sluice","reason":")";
  data.append(reason).append(R"(","request_id":")").append(exchange_.request_id()).append("\"");
  if (retry_after > Duration::zero()) {
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(retry_after).count();
    data.append(R"(,"retry_after_ms":)").append(std::to_string(ms));
  }
  data.append("}");
  std::string body;
  jsonrpc::append_error(body, id_.empty() ? "null" : id_, code, text, data);
  const std::string_view piece = body;
  finish(outcome, {&piece, 1}, status, code);
}

void Call::finish(CallOutcome outcome, std::span<const std::string_view> pieces, int status,
                  int code) {
  if (done_) return;
  done_ = true;
  timer_.reset();
  drop_hedge();
  if (waiting_) {
    static_cast<void>(leave_queue());
    exchange_.worker().remove_waiter(wait_key_);
  }
  if (notification()) pieces = {};
  std::uint64_t bytes = 0;
  for (const auto piece : pieces) bytes += piece.size();
  account(outcome, status, code, bytes);
  exchange_.finished(*this, pieces, status);
}

void Call::account(CallOutcome outcome, int status, int code, std::uint64_t bytes_out) {
  Worker& worker = exchange_.worker();
  const TimePoint time = worker.loop().read_clock();
  const Duration total = time - started_;
  const Duration overhead = std::max(total - upstream_time_ - queue_time_, Duration::zero());
  const ChainSpec& spec = *chain().spec;
  worker.metrics().call_finished(spec.slot, method_->index, static_cast<std::size_t>(outcome),
                                 total, overhead);
  worker.metrics().client_call(exchange_.client().slot, static_cast<std::size_t>(outcome));
  const Limits& limits = exchange_.snapshot().limits;
  const bool failed = outcome >= CallOutcome::kShed && outcome != CallOutcome::kCancelled;
  const bool always = failed || total >= limits.access_slow;
  if (!log::enabled(log::Level::kInfo)) return;
  if (!always && worker.random().uniform() >= limits.access_sample) return;
  log::access({.request_id = exchange_.request_id(),
               .client = exchange_.client().name,
               .address = exchange_.address(),
               .transport = exchange_.caller().websocket ? "websocket" : "http",
               .chain = spec.name,
               .method = method_->name,
               .upstream = upstream_name(),
               .outcome = word(outcome),
               .attempts = attempts_,
               .http_status = exchange_.caller().websocket ? 0 : status,
               .rpc_code = code,
               .bytes_in = params_.size(),
               .bytes_out = bytes_out,
               .total_s = seconds(total),
               .queue_s = seconds(queue_time_),
               .upstream_s = seconds(upstream_time_),
               .overhead_s = seconds(overhead),
               .sample_rate = always ? 1.0 : limits.access_sample});
}

}  // namespace sluice::proxy

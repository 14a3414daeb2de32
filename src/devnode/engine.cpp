// SPDX-License-Identifier: Apache-2.0
#include "devnode/engine.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>

#include <fmt/format.h>

namespace sluice::devnode {
namespace {

constexpr std::size_t kBatchMax = 1000;
constexpr std::string_view kWrongId = "987654321";

void append_error(std::string& out, const RpcError& error) {
  fmt::format_to(std::back_inserter(out), "\"error\":{{\"code\":{},\"message\":", error.code);
  append_json_string(out, error.message);
  if (!error.data.empty()) {
    out += ",\"data\":";
    out += error.data;
  }
  out += "}}";
}

void append_opening(std::string& out, std::string_view id, Garbage garbage) {
  if (garbage == Garbage::kNoId) {
    out += "{\"jsonrpc\":\"2.0\",";
    return;
  }
  out += "{\"jsonrpc\":\"2.0\",\"id\":";
  out += garbage == Garbage::kWrongId ? kWrongId : id.empty() ? "null" : id;
  out += ',';
}

void append_failure(std::string& out, std::string_view id, std::int64_t code,
                    std::string_view message) {
  append_opening(out, id, Garbage::kNone);
  append_error(out, {.set = true, .code = code, .message = std::string(message), .data = {}});
}

}  // namespace

const Faults& Engine::faults() {
  const std::uint64_t version = node_.faults_version();
  if (version != faults_version_) {
    faults_ = node_.faults();
    faults_version_ = version;
  }
  return *faults_;
}

Verdict Engine::handle(std::string_view body, Subscriber* subscriber, Reply& reply) {
  reply.clear();
  const Faults& now = faults();
  const JsonReader::Requests& requests = json_.requests(body);
  if (!requests.well_formed) {
    append_failure(reply.body, {}, -32700, "parse error");
    return {};
  }
  for (const Envelope& envelope : requests.calls) count(envelope);
  Verdict verdict;
  if (std::any_of(requests.calls.begin(), requests.calls.end(),
                  [&](const Envelope& envelope) { return now.covers(envelope.method); })) {
    verdict = draw(requests);
    if (now.workers != 0)
      verdict.latency = node_.take_turn(verdict.latency, now.workers, sluice::now());
  }
  view_ = node_.view(now);
  const bool by_status = verdict.rate_limited || (verdict.error && now.error_status != 0);
  if (by_status && subscriber == nullptr)
    return verdict;  // HTTP: the session answers with a status
  answer_all(requests, subscriber, verdict, reply);
  return verdict;
}

Verdict Engine::draw(const JsonReader::Requests& requests) {
  if (requests.batch) return faults_->decide({}, random_);
  const Envelope& envelope = requests.calls.front();
  const bool asks = faults_->latency_of(envelope.method).shape == Latency::Shape::kAsked;
  return faults_->decide(envelope.method, random_, asks ? asked(envelope) : std::nullopt);
}

std::optional<Duration> Engine::asked(const Envelope& envelope) {
  if (!json_.elements(envelope.params, params_) || params_.empty()) return std::nullopt;
  const std::string_view token = json_.member(params_.back(), "work_us");
  std::uint32_t us = 0;
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), us);
  if (token.empty() || error != std::errc{} || end != token.data() + token.size())
    return std::nullopt;
  return std::chrono::microseconds(us);
}

void Engine::answer_all(const JsonReader::Requests& requests, Subscriber* subscriber,
                        const Verdict& verdict, Reply& reply) {
  if (!requests.batch) {
    answer(requests.calls.front(), subscriber, false, verdict, reply);
    return;
  }
  node_.stats().batches.fetch_add(1, std::memory_order_relaxed);
  if (requests.calls.empty()) {
    append_failure(reply.body, {}, -32600, "empty batch");
    return;
  }
  reply.body += '[';
  if (requests.calls.size() > kBatchMax) {
    append_failure(reply.body, requests.calls.front().id, -32600, "batch too large");
  } else {
    for (const Envelope& envelope : requests.calls) {
      answer(envelope, subscriber, true, verdict, reply);
      if (reply.body.back() == '}') reply.body += ',';
    }
    if (reply.body.back() == ',') reply.body.pop_back();
  }
  if (reply.body.size() == 1) {
    reply.body.clear();
  } else {
    reply.body += ']';
  }
}

void Engine::count(const Envelope& envelope) {
  Stats& stats = node_.stats();
  stats.calls.fetch_add(1, std::memory_order_relaxed);
  if (envelope.id.empty() && !envelope.method.empty())
    stats.notifications.fetch_add(1, std::memory_order_relaxed);
  if (const Method* method = find_method(envelope.method)) {
    stats.count_method(static_cast<std::size_t>(method - methods().data()));
  } else if (!envelope.method.empty()) {
    stats.count_unknown(envelope.method);
  }
}

void Engine::execute(Context& context, const Envelope& envelope) {
  const Method* method = find_method(envelope.method);
  if (method == nullptr) {
    context.fail(-32601,
                 fmt::format("the method {} does not exist/is not available", envelope.method));
    return;
  }
  params_.clear();
  const std::string_view raw = envelope.params;
  if (!raw.empty() && raw != "null" && method->name != "test_echo" &&
      !json_.elements(raw, params_)) {
    context.fail(-32602, "non-array args");
    return;
  }
  if (params_.size() < method->required) {
    context.fail(-32602, fmt::format("missing value for required argument {}", params_.size()));
    return;
  }
  method->handler(context);
}

bool Engine::inject_error(Context& context, const Verdict& verdict) const {
  if (verdict.rate_limited) {
    context.fail(-32005, "rate limit exceeded");
  } else if (verdict.error) {
    context.fail(faults_->error_code, faults_->error_message, faults_->error_data);
  }
  return context.error.set;
}

void Engine::answer(const Envelope& envelope, Subscriber* subscriber, bool batch,
                    const Verdict& verdict, Reply& reply) {
  std::string& out = reply.body;
  if (envelope.method.empty()) {
    append_failure(out, envelope.id, -32600, "invalid request");
    return;
  }
  const std::size_t start = out.size();
  append_opening(out, envelope.id, verdict.garbage);
  const std::size_t opening = out.size();
  out += "\"result\":";
  const std::size_t result = out.size();
  Context context{.node = node_,
                  .faults = *faults_,
                  .view = view_,
                  .json = json_,
                  .params_raw = envelope.params,
                  .params = params_,
                  .subscriber = subscriber,
                  .batch = batch,
                  .reply = reply,
                  .out = out};
  const bool covered = faults_->covers(envelope.method);
  if (!covered || !inject_error(context, verdict)) execute(context, envelope);
  if (envelope.id.empty()) {  // a notification is executed and never answered
    out.resize(start);
    reply.fill = 0;
    return;
  }
  if (context.error.set) {
    out.resize(opening);
    append_error(out, context.error);
    return;
  }
  if (covered && verdict.null_result) {
    out.resize(result);
    out += "null";
    reply.fill = 0;
  }
  if (reply.fill > 0) {
    reply.tail = "\"}";
  } else {
    out += '}';
  }
}

}  // namespace sluice::devnode

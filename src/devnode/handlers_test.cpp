// SPDX-License-Identifier: Apache-2.0
#include "devnode/handlers.hpp"

#include <charconv>

#include "devnode/state.hpp"

namespace sluice::devnode::handlers {
namespace {

/// A string up to this size is a part of the body like any other result, so that all faults apply
/// to it; a larger one is made while it is sent.
constexpr std::uint64_t kInlineMax = 65536;
constexpr std::uint64_t kBatchMax = 16U << 20U;
constexpr std::int64_t kSleepMaxMs = 600'000;

bool integer_param(Context& context, std::size_t i, std::int64_t min, std::int64_t max,
                   std::int64_t& out) {
  const std::string_view token = context.param(i);
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), out);
  if (error == std::errc{} && end == token.data() + token.size() && out >= min && out <= max) {
    return true;
  }
  return context.fail_argument(i, "not an integer in range");
}

}  // namespace

void test_echo(Context& context) {
  context.out += context.params_raw.empty() ? "[]" : context.params_raw;
}

void test_size(Context& context) {
  std::int64_t size = 0;
  if (!integer_param(context, 0, 0, INT64_MAX, size)) return;
  const auto bytes = static_cast<std::uint64_t>(size);
  context.reply.chunked = context.param(1) == "true" || context.text(1) == "chunked";
  if (context.batch && bytes > kBatchMax) {
    context.fail(-32003, "response too large");
    return;
  }
  context.out += '"';
  if (context.batch || bytes <= kInlineMax) {
    context.out.append(bytes, 'x');
    context.out += '"';
  } else {
    context.reply.fill = bytes;
  }
}

void test_sleep(Context& context) {
  std::int64_t ms = 0;
  if (!integer_param(context, 0, 0, kSleepMaxMs, ms)) return;
  context.reply.delay += std::chrono::milliseconds(ms);
  context.out += "true";
}

void test_revert(Context& context) {
  const std::string_view reason = context.params.empty() ? "reverted" : context.text(0);
  std::string data = "\"";
  append_revert_data(data, reason);
  data += '"';
  context.fail(3, "execution reverted: " + std::string(reason), std::move(data));
}

void test_error(Context& context) {
  std::int64_t code = 0;
  if (!integer_param(context, 0, INT32_MIN, INT32_MAX, code)) return;
  context.fail(code, std::string(context.text(1)), std::string(context.param(2)));
}

}  // namespace sluice::devnode::handlers

// SPDX-License-Identifier: Apache-2.0
#include "upstream/envelope.hpp"

#include <array>
#include <charconv>

namespace sluice::upstream {

namespace {

constexpr std::string_view kBegin = R"({"jsonrpc":"2.0","id":)";
constexpr std::string_view kMethod = R"(,"method":")";
constexpr std::string_view kParams = R"(","params":)";
constexpr std::string_view kClose = "}";

std::size_t digits_of(std::uint64_t value) noexcept {
  std::size_t digits = 1;
  for (; value >= 10; value /= 10) ++digits;
  return digits;
}

}  // namespace

std::size_t call_bytes(std::uint64_t id, std::string_view method,
                       std::string_view params) noexcept {
  return kBegin.size() + digits_of(id) + kMethod.size() + method.size() + kParams.size() +
         sent_params(params).size() + kClose.size();
}

void append_call_begin(std::string& out, std::uint64_t id, std::string_view method) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), id).ptr;
  out.append(kBegin).append(digits.data(), end);
  out.append(kMethod).append(method).append(kParams);
}

}  // namespace sluice::upstream

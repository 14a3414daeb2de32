// SPDX-License-Identifier: Apache-2.0
// Reads the content of a JSON string that a scanner has already found well-formed.
#pragma once

#include <string>
#include <string_view>

namespace sluice::jsonrpc {

/// Takes one code point off the front of [p, end). Surrogate escapes are joined; a lone one becomes
/// U+FFFD, so that decoded text is always UTF-8. Precondition: p != end.
[[nodiscard]] char32_t next_code_point(const char*& p, const char* end) noexcept;

/// Appends the decoded form, which is never longer than `raw`.
void append_unescaped(std::string& out, std::string_view raw);

/// Whether `raw` decodes to `ascii`; stops at the first difference.
[[nodiscard]] bool equals_unescaped(std::string_view raw, std::string_view ascii) noexcept;

}  // namespace sluice::jsonrpc

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/log.hpp"

/// Pure rendering of one event into one line. What comes from outside cannot forge a line, a field
/// or a terminal command: control characters (C0, DEL, C1), line and paragraph separators and
/// bidirectional overrides leave as \uXXXX, bytes that are not UTF-8 as \ufffd.
namespace sluice::log {

/// A string field longer than this once escaped is cut, with an ellipsis behind it.
inline constexpr std::size_t kValueBytesMax = 1024;

/// RFC 3339 in UTC with microseconds: 2026-01-31T09:00:00.000001Z. Seconds since the epoch, 0 to
/// the year 9999.
void append_timestamp(std::string& out, double unix_seconds);

/// `text` with JSON's escapes, without the quotes; at most `bytes_max` and an ellipsis.
void append_escaped(std::string& out, std::string_view text,
                    std::size_t bytes_max = kValueBytesMax);

/// {"ts":…,"level":…,"event":…,"msg":…,fields…} and a line feed; exactly one line feed. Numbers
/// that JSON lacks are null.
void append_json(std::string& out, double unix_seconds, Level level, std::string_view event,
                 std::string_view msg, const Field* fields, std::size_t count);

/// 2026-01-31T09:00:00.000001Z INFO  upstream left rotation event=upstream_down chain=mainnet;
/// values are quoted where a reader could mistake their end.
void append_text(std::string& out, double unix_seconds, Level level, std::string_view event,
                 std::string_view msg, const Field* fields, std::size_t count);

}  // namespace sluice::log

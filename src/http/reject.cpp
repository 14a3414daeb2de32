// SPDX-License-Identifier: Apache-2.0
#include "http/reject.hpp"

#include <array>
#include <cstddef>

namespace sluice::http {
namespace {

struct Row {
  Reason id;
  Reject reject;
};

constexpr auto kRows = std::to_array<Row>({
    {Reason::kNone, {0, "", ""}},
    {Reason::kTlsOnPlain, {400, "tls_on_plain", "TLS spoken to a plain HTTP port"}},
    {Reason::kBadRequestLine, {400, "bad_request_line", "malformed request line"}},
    {Reason::kBadVersion, {400, "bad_version", "malformed HTTP version"}},
    {Reason::kUnsupportedVersion,
     {505, "unsupported_version", "only HTTP/1.0 and HTTP/1.1 are served"}},
    {Reason::kBadTarget, {400, "bad_target", "malformed request target"}},
    {Reason::kTargetTooLong, {414, "target_too_long", "request target too long"}},
    {Reason::kBadLineEnding, {400, "bad_line_ending", "lines must end with CR LF"}},
    {Reason::kControlByte, {400, "control_byte", "control character in a header"}},
    {Reason::kObsFold, {400, "obs_fold", "folded header lines are not accepted"}},
    {Reason::kBadFieldName, {400, "bad_field_name", "malformed header line"}},
    {Reason::kTooManyFields, {431, "too_many_fields", "too many header fields"}},
    {Reason::kHeadTooLarge, {431, "head_too_large", "header section too large"}},
    {Reason::kDuplicateField,
     {400, "duplicate_field", "a header that may appear once was repeated"}},
    {Reason::kMissingHost, {400, "missing_host", "Host header required"}},
    {Reason::kBadHost, {400, "bad_host", "malformed Host header"}},
    {Reason::kHostMismatch, {400, "host_mismatch", "request target and Host header disagree"}},
    {Reason::kBadContentLength,
     {400, "bad_content_length", "malformed or repeated Content-Length"}},
    {Reason::kLengthAndCoding,
     {400, "length_and_coding", "Content-Length and Transfer-Encoding exclude each other"}},
    {Reason::kBadTransferEncoding, {400, "bad_transfer_encoding", "malformed Transfer-Encoding"}},
    {Reason::kUnsupportedTransferEncoding,
     {501, "unsupported_transfer_encoding", "only the chunked transfer coding is supported"}},
    {Reason::kBadConnection, {400, "bad_connection", "malformed Connection header"}},
    {Reason::kBadExpectation, {417, "bad_expectation", "only 100-continue can be expected"}},
    {Reason::kMethodNotAllowed, {405, "method_not_allowed", "use POST"}},
    {Reason::kBodyNotAllowed, {405, "body_not_allowed", "this method takes no body; use POST"}},
    {Reason::kLengthRequired,
     {411, "length_required", "Content-Length or chunked coding required"}},
    {Reason::kBodyTooLarge, {413, "body_too_large", "request body too large"}},
    {Reason::kUnsupportedContentEncoding,
     {415, "unsupported_content_encoding", "encoded request bodies are not accepted"}},
    {Reason::kUnsupportedContentType,
     {415, "unsupported_content_type", "Content-Type must be application/json in UTF-8"}},
    {Reason::kBadUpgrade, {400, "bad_upgrade", "a WebSocket upgrade must be a GET"}},
    {Reason::kBadChunk, {400, "bad_chunk", "malformed chunk"}},
    {Reason::kBadChunkExtension, {400, "bad_chunk_extension", "malformed chunk extension"}},
    {Reason::kChunkExtensionTooLarge,
     {400, "chunk_extension_too_large", "chunk extensions too large"}},
    {Reason::kChunkFlood, {400, "chunk_flood", "too many tiny chunks"}},
    {Reason::kBadTrailer, {400, "bad_trailer", "malformed trailer section"}},
    {Reason::kTrailersTooLarge, {431, "trailers_too_large", "trailer section too large"}},
    {Reason::kHeaderTimeout, {408, "header_timeout", "request head not received in time"}},
    {Reason::kBodyTimeout, {408, "body_timeout", "request body not received in time"}},
    {Reason::kHostRefused, {403, "host_refused", "Host not accepted here"}},
    {Reason::kOriginRefused, {403, "origin_refused", "Origin not accepted here"}},
    {Reason::kBadStatusLine, {502, "bad_status_line", "unusable reply of an upstream"}},
    {Reason::kTooManyInterim, {502, "too_many_interim", "unusable reply of an upstream"}},
    {Reason::kUnexpectedUpgrade, {502, "unexpected_upgrade", "unusable reply of an upstream"}},
    {Reason::kUnexpectedBody, {502, "unexpected_body", "unusable reply of an upstream"}},
});

constexpr bool rows_match_enum() {
  for (std::size_t i = 0; i < kRows.size(); ++i) {
    if (static_cast<std::size_t>(kRows[i].id) != i) return false;
  }
  return true;
}
static_assert(rows_match_enum(), "the rows stand in the order of the enum");

using Rejects = std::array<Reject, kRows.size()>;

constexpr Rejects make_rejects(bool upstream) {
  Rejects rejects{};
  for (std::size_t i = 0; i < kRows.size(); ++i) {
    rejects[i] = kRows[i].reject;
    if (upstream && i != 0) {
      rejects[i].status = 502;
      rejects[i].text = "unusable reply of an upstream";
    }
  }
  return rejects;
}

constexpr Rejects kRejects = make_rejects(false);
constexpr Rejects kUpstreamRejects = make_rejects(true);

}  // namespace

const Reject& reject_of(Reason reason) noexcept {
  return kRejects[static_cast<std::size_t>(reason)];
}

const Reject& upstream_reject_of(Reason reason) noexcept {
  return kUpstreamRejects[static_cast<std::size_t>(reason)];
}

std::span<const Reject> reject_rows() noexcept {
  return std::span(kRejects).subspan(1);
}

}  // namespace sluice::http

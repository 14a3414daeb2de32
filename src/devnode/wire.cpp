// SPDX-License-Identifier: Apache-2.0
#include "devnode/wire.hpp"

#include <iterator>

#include <fmt/format.h>

namespace sluice::devnode {
namespace {

constexpr std::string_view kHtml =
    "<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>";
constexpr std::string_view kExtra = R"({"jsonrpc":"2.0","id":1,"result":"0xbad"}HTTP/1.1 200 OK)"
                                    "\r\nContent-Length: 2\r\n\r\n{}";

std::string_view reason(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 429:
      return "Too Many Requests";
    case 500:
      return "Internal Server Error";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return "Unknown";
  }
}

void append_length(std::string& out, std::uint64_t length) {
  fmt::format_to(std::back_inserter(out), "Content-Length: {}\r\n", length);
}

/// The framing fields, by what is to be wrong with them.
void append_framing(std::string& out, std::uint64_t length, bool chunked, Framing framing) {
  if (framing == Framing::kTwoCl) append_length(out, length + 1);
  if (framing == Framing::kClTe || !(chunked || framing == Framing::kBadChunk)) {
    append_length(out, length);
  }
  if (framing == Framing::kClTe || framing == Framing::kBadChunk || chunked) {
    out += "Transfer-Encoding: chunked\r\n";
  }
}

void append_body(std::string& out, std::string_view body, bool chunked, Framing framing) {
  if (framing == Framing::kBadChunk) {
    out += "zz\r\n";
    out += body;
    out += "\r\n0\r\n\r\n";
  } else if (chunked || framing == Framing::kClTe) {
    if (!body.empty()) fmt::format_to(std::back_inserter(out), "{:x}\r\n{}\r\n", body.size(), body);
    out += "0\r\n\r\n";
  } else {
    out += body;
  }
}

/// Leaves out the end of the reply where the verdict says so.
void cut(const Verdict& verdict, Wire& out) {
  if (verdict.disconnect == DisconnectStage::kMidHead) {
    out.bytes.resize(out.head / 2);
  } else if (verdict.disconnect == DisconnectStage::kMidBody || verdict.truncate) {
    out.bytes.resize(out.head + (out.bytes.size() - out.head) / 2);
  } else {
    return;
  }
  out.fill /= 2;
  if (verdict.disconnect == DisconnectStage::kMidHead) out.fill = 0;
  out.close_after = true;
}

}  // namespace

void spoil(std::string& body, Garbage garbage) {
  switch (garbage) {
    case Garbage::kHtml:
      body = kHtml;
      break;
    case Garbage::kEmpty:
      body.clear();
      break;
    case Garbage::kBadJson:
      body.resize(body.size() / 2);
      break;
    case Garbage::kExtraBytes:
      body += kExtra;
      break;
    case Garbage::kNone:
    case Garbage::kWrongId:
    case Garbage::kNoId:
      break;
  }
}

void compose(const HttpHead& head, const Reply& reply, const Verdict& verdict, Wire& out) {
  std::string spoiled;
  std::string_view body = reply.body;
  const bool extra = verdict.garbage == Garbage::kExtraBytes;
  if (verdict.garbage != Garbage::kNone && !extra && reply.fill == 0) {
    spoiled = reply.body;
    spoil(spoiled, verdict.garbage);
    body = spoiled;
  }
  out.bytes.clear();
  out.fill = reply.fill;
  out.chunked = reply.chunked;
  out.close_after = head.close || verdict.framing != Framing::kNone;
  if (verdict.framing != Framing::kHttp09) {
    const std::string_view type =
        verdict.garbage == Garbage::kHtml ? "text/html" : head.content_type;
    fmt::format_to(std::back_inserter(out.bytes), "HTTP/1.1 {} {}\r\nContent-Type: {}\r\n",
                   head.status, reason(head.status), type);
    append_framing(out.bytes, body.size() + reply.fill + reply.tail.size(), reply.chunked,
                   verdict.framing);
    if (head.close) out.bytes += "Connection: close\r\n";
    out.bytes += head.extra_fields;
    out.bytes += "\r\n";
  }
  out.head = out.bytes.size();
  if (reply.fill == 0) {
    append_body(out.bytes, body, reply.chunked, verdict.framing);
    if (extra) out.bytes += kExtra;
  }
  cut(verdict, out);
}

}  // namespace sluice::devnode

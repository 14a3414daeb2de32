// SPDX-License-Identifier: Apache-2.0
#include "http/chunk_decoder.hpp"

#include <string>
#include <vector>

#include "feed.hpp"

using namespace sluice::http;
using namespace sluice::http::test;

namespace {

struct Decoded {
  std::string body;
  std::size_t consumed = 0;
  std::string verdict;
  bool operator==(const Decoded&) const = default;
};

std::string word(const ChunkDecoder& decoder, Status status) {
  if (status == Status::kDone) return "ok";
  if (status == Status::kNeedMore) return "need more";
  return std::to_string(decoder.reject().status) + " " + std::string(decoder.reject().reason);
}

/// Decodes pieces that end at `cuts` and at the end, each into a buffer of its own.
Decoded decode_pieces(std::string_view data, const std::vector<std::size_t>& cuts,
                      const ChunkLimits& limits) {
  ChunkDecoder decoder(limits);
  Decoded result{"", 0, "need more"};
  for (std::size_t i = 0; i <= cuts.size() && result.verdict == "need more"; ++i) {
    const std::size_t end = i < cuts.size() ? cuts[i] : data.size();
    const HeapCopy piece(data.substr(result.consumed, end - result.consumed));
    std::string out(piece.view().size(), '?');
    const auto step = decoder.decode(piece.view().data(), piece.view().size(), out.data());
    result.body.append(out, 0, step.produced);
    result.consumed += step.consumed;
    result.verdict = word(decoder, step.status);
    if (step.status == Status::kNeedMore) CHECK(step.consumed == piece.view().size());
  }
  CHECK(decoder.body_bytes() == result.body.size());
  return result;
}

/// As a session does it: one growing buffer, compacted where it stands.
Decoded decode_in_place(std::string data, std::size_t step_size, const ChunkLimits& limits) {
  ChunkDecoder decoder(limits);
  Decoded result{"", 0, "need more"};
  std::size_t written = 0;
  while (result.consumed < data.size() && result.verdict == "need more") {
    const std::size_t size = std::min(step_size, data.size() - result.consumed);
    const auto step = decoder.decode(data.data() + result.consumed, size, data.data() + written);
    written += step.produced;
    result.consumed += step.consumed;
    result.verdict = word(decoder, step.status);
  }
  result.body = data.substr(0, written);
  return result;
}

Decoded decode_all_ways(const std::string& data, const ChunkLimits& limits = {}) {
  const Decoded whole = decode_pieces(data, {}, limits);
  const std::size_t stride = data.size() < 1500 ? 1 : data.size() / 300;
  for (std::size_t at = 0; at <= data.size(); at += stride) {
    CAPTURE(at);
    CHECK(decode_pieces(data, {at}, limits) == whole);
  }
  for (const std::size_t size :
       {std::size_t{1}, std::size_t{3}, std::size_t{64}, data.size() + 1}) {
    CAPTURE(size);
    CHECK(decode_in_place(data, size, limits) == whole);
  }
  return whole;
}

std::vector<Case> bodies() {
  const std::string end = "0\r\n\r\n";
  const auto extended = [&](const std::string& extension) {
    return "5" + extension + "\r\nhello\r\n" + end;
  };
  const auto sized = [&](const std::string& size) { return size + "\r\nhello\r\n" + end; };
  const auto trailed = [](const std::string& fields) {
    return "5\r\nhello\r\n0\r\n" + fields + "\r\n";
  };
  return {
      {"one chunk", sized("5"), "ok"},
      {"leading zeros", sized("0000000000000005"), "ok"},
      {"several zeros end too", "5\r\nhello\r\n000\r\n\r\n", "ok"},
      {"hex in both cases", "a\r\n0123456789\r\nA\r\n0123456789\r\n" + end, "ok"},
      {"empty body", end, "ok"},
      {"bytes behind belong to others", sized("5") + "GET / HTTP/1.1\r\n", "ok"},
      {"not begun", "", "need more"},
      {"not ended", "5\r\nhello\r\n0\r\n", "need more"},
      // Sizes.
      {"no size", sized(""), "400 bad_chunk"},
      {"minus", sized("-1"), "400 bad_chunk"},
      {"plus", sized("+1"), "400 bad_chunk"},
      {"0x", sized("0x1"), "400 bad_chunk"},
      {"digit separator", sized("1_0"), "400 bad_chunk"},
      {"space before", sized(" 5"), "400 bad_chunk"},
      {"space behind", sized("5 "), "400 bad_chunk"},
      {"tab behind", sized("5\t"), "400 bad_chunk"},
      {"not hexadecimal", sized("g"), "400 bad_chunk"},
      {"17 digits", sized("00000000000000005"), "400 bad_chunk"},
      {"17 digits, too big for 64 bits", sized("FFFFFFFFFFFFFFFFF"), "400 bad_chunk"},
      {"2^64 - 1", sized("FFFFFFFFFFFFFFFF"), "413 body_too_large"},
      {"2^63", sized("8000000000000000"), "413 body_too_large"},
      {"over the limit", sized("500001"), "413 body_too_large"},
      {"second chunk overflows the sum", "5\r\nhello\r\nfffffffffffffffe\r\n",
       "413 body_too_large"},
      // Line ends.
      {"size ended by LF", "5\nhello\r\n" + end, "400 bad_chunk"},
      {"size ended by CR", "5\rhello\r\n" + end, "400 bad_chunk"},
      {"size ended by CR CR LF", "5\r\r\nhello\r\n" + end, "400 bad_chunk"},
      {"size ended by CR X", "5\rX\nhello\r\n" + end, "400 bad_chunk"},
      {"data not ended", "5\r\nhelloXX0\r\n\r\n", "400 bad_chunk"},
      {"data ended by LF", "5\r\nhello\n0\r\n\r\n", "400 bad_chunk"},
      {"data ended by CR X", "5\r\nhello\rX0\r\n\r\n", "400 bad_chunk"},
      {"data longer than its size", "5\r\nhello!\r\n" + end, "400 bad_chunk"},
      {"last chunk ended by LF", "5\r\nhello\r\n0\n\n", "400 bad_chunk"},
      {"end without its CR", "5\r\nhello\r\n0\r\n\n", "400 bad_trailer"},
      {"end with CR X", "5\r\nhello\r\n0\r\n\rX", "400 bad_trailer"},
      // Extensions.
      {"extension", extended(";a"), "ok"},
      {"extension with a token", extended(";a=b"), "ok"},
      {"extension with a string", extended(";a=\"x;y\""), "ok"},
      {"string with an escape", extended(";a=\"x\\\"y\""), "ok"},
      {"string with tab and high bytes", extended(";a=\"x\t\xFF\""), "ok"},
      {"empty string", extended(";a=\"\""), "ok"},
      {"several extensions", extended(";a;b=c;d=\"e\";f"), "ok"},
      {"extension of the last chunk", "0;a=b\r\n\r\n", "ok"},
      {"no name", extended(";"), "400 bad_chunk_extension"},
      {"no name, two semicolons", extended(";;a"), "400 bad_chunk_extension"},
      {"no value", extended(";a="), "400 bad_chunk_extension"},
      {"no value, but a next extension", extended(";a=;b"), "400 bad_chunk_extension"},
      {"value, but no name", extended(";=b"), "400 bad_chunk_extension"},
      {"two values", extended(";a=b=c"), "400 bad_chunk_extension"},
      {"space behind the semicolon", extended("; a"), "400 bad_chunk_extension"},
      {"space before the semicolon", extended(" ;a"), "400 bad_chunk"},
      {"word behind the size", extended(" a"), "400 bad_chunk"},
      {"text behind a string", extended(";a=\"b\"c"), "400 bad_chunk_extension"},
      {"unbalanced quote", extended(";a=\"b"), "400 bad_chunk_extension"},
      {"quote inside a token", extended(";a=b\"c\""), "400 bad_chunk_extension"},
      {"LF in a string", extended(";a=\"b\nc\""), "400 bad_chunk_extension"},
      {"CR in a string", extended(";a=\"b\rc\""), "400 bad_chunk_extension"},
      {"escaped CR", extended(";a=\"b\\\r\""), "400 bad_chunk_extension"},
      {"NUL in a string", extended(bytes(";a=\"b\0c\"")), "400 bad_chunk_extension"},
      {"LF in a token", extended(";a=b\nc"), "400 bad_chunk_extension"},
      {"NUL in a name", extended(bytes(";a\0")), "400 bad_chunk_extension"},
      {"extension ended by LF", "5;a=b\nhello\r\n" + end, "400 bad_chunk_extension"},
      {"1024 bytes of extension", extended(";" + std::string(1023, 'a')), "ok"},
      {"1025 bytes of extension", extended(";" + std::string(1024, 'a')),
       "400 chunk_extension_too_large"},
      {"1025 bytes over two chunks",
       "1;" + std::string(512, 'a') + "\r\nx\r\n1;" + std::string(511, 'a') + "\r\ny\r\n" + end,
       "400 chunk_extension_too_large"},
      // Trailers.
      {"trailers that would frame or route",
       trailed("Content-Length: 5\r\nTransfer-Encoding: x\r\nHost: "
               "a\r\nConnection: close\r\nX-Forwarded-For: 1\r\n"
               "Authorization: b\r\n"),
       "ok"},
      {"trailer without a value", trailed("a:\r\n"), "ok"},
      {"trailer without a name", trailed(": b\r\n"), "400 bad_trailer"},
      {"trailer without a colon", trailed("ab\r\n"), "400 bad_trailer"},
      {"space before the colon", trailed("a : b\r\n"), "400 bad_trailer"},
      {"folded trailer", trailed("a: b\r\n c\r\n"), "400 bad_trailer"},
      {"bare LF in a trailer", trailed("a: b\nc: d\r\n"), "400 bad_trailer"},
      {"bare CR in a trailer", trailed("a: b\rc\r\n"), "400 bad_trailer"},
      {"NUL in a trailer", trailed(bytes("a: \0\r\n")), "400 bad_trailer"},
      {"DEL in a trailer", trailed("a: \x7F\r\n"), "400 bad_trailer"},
      {"8192 bytes of trailers", trailed("a:" + std::string(8190, 'b') + "\r\n"), "ok"},
      {"20 KiB of trailers", trailed("a: " + std::string(20480, 'b') + "\r\n"),
       "431 trailers_too_large"},
      {"20 KiB of small trailers", trailed([] {
         std::string fields;
         while (fields.size() < 20480) fields += "a: b\r\n";
         return fields;
       }()),
       "431 trailers_too_large"},
  };
}

std::string chunks_of(std::size_t size, std::size_t count) {
  std::string line;
  char hex[32];
  std::snprintf(hex, sizeof hex, "%zx\r\n", size);
  std::string data;
  for (std::size_t i = 0; i < count; ++i) data += hex + std::string(size, 'x') + "\r\n";
  return data + "0\r\n\r\n";
}

}  // namespace

TEST_CASE("chunked bodies are taken or refused, however they are cut") {
  for (const Case& row : bodies()) {
    INFO(row.name);
    const Decoded result = decode_all_ways(row.data);
    CHECK(result.verdict == row.expected);
  }
}

TEST_CASE("the data of all chunks is given, and bytes behind the body are left") {
  const std::string data = "5;x=y\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\nA: b\r\n\r\n";
  const Decoded result = decode_all_ways(data + "5\r\nnext");
  CHECK(result.body == "hello world");
  CHECK(result.consumed == data.size());
  const Decoded binary = decode_all_ways(bytes("6\r\n\r\n0\r\n\0\r\n0\r\n\r\n"));
  CHECK(binary.body == bytes("\r\n0\r\n\0"));
}

TEST_CASE("tiny chunks are bounded in number, larger ones are not") {
  ChunkLimits limits;
  limits.small_chunks_max = 10;
  CHECK(decode_all_ways(chunks_of(1, 10), limits).verdict == "ok");
  CHECK(decode_all_ways(chunks_of(1, 11), limits).verdict == "400 chunk_flood");
  CHECK(decode_all_ways(chunks_of(15, 11), limits).verdict == "400 chunk_flood");
  CHECK(decode_all_ways(chunks_of(16, 100), limits).verdict == "ok");
  CHECK(decode_pieces(chunks_of(1, 4096), {}, ChunkLimits{}).verdict == "ok");
  CHECK(decode_pieces(chunks_of(1, 4097), {}, ChunkLimits{}).verdict == "400 chunk_flood");
}

TEST_CASE("a megabyte in one-byte chunks decodes when it is allowed to") {
  ChunkLimits limits;
  limits.small_chunks_max = std::size_t{1} << 20;
  const Decoded result = decode_in_place(chunks_of(1, std::size_t{1} << 20), 4096, limits);
  CHECK(result.verdict == "ok");
  CHECK(result.body.size() == std::size_t{1} << 20);
}

TEST_CASE("the body limit holds for the sum of the chunks and is exact") {
  ChunkLimits limits;
  limits.body_bytes_max = 100;
  CHECK(decode_all_ways(chunks_of(50, 2), limits).verdict == "ok");
  CHECK(decode_all_ways(chunks_of(50, 3), limits).verdict == "413 body_too_large");
  CHECK(decode_all_ways(chunks_of(101, 1), limits).verdict == "413 body_too_large");
}

TEST_CASE("a decoder is as new after reset, and final states are final") {
  ChunkDecoder decoder;
  std::string bad = "x";
  CHECK(decoder.decode(bad.data(), bad.size(), bad.data()).status == Status::kReject);
  const auto again = decoder.decode(bad.data(), bad.size(), bad.data());
  CHECK(again.status == Status::kReject);
  CHECK(again.consumed == 0);
  decoder.reset(ChunkLimits{});
  std::string good = chunks_of(3, 2);
  auto step = decoder.decode(good.data(), good.size(), good.data());
  CHECK(step.status == Status::kDone);
  CHECK(good.substr(0, step.produced) == "xxxxxx");
  step = decoder.decode(good.data(), good.size(), good.data());
  CHECK(step.status == Status::kDone);
  CHECK(step.consumed == 0);
}

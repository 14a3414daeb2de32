// SPDX-License-Identifier: Apache-2.0
// Chunked bodies: one read, many reads and in-place compaction agree, the limits hold, and the data
// that came out decodes to itself when it is encoded again. The first byte of the input says where
// to cut.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "http/chunk_decoder.hpp"
#include "http/writer.hpp"

namespace {

using namespace sluice::http;

void require(bool condition) {
  if (!condition) std::abort();
}

struct Decoded {
  std::string body;
  std::size_t consumed = 0;
  Status status = Status::kNeedMore;
  std::string_view reason;
  bool operator==(const Decoded&) const = default;
};

Decoded decode_pieces(std::string_view data, std::size_t step_size, const ChunkLimits& limits) {
  ChunkDecoder decoder(limits);
  Decoded result;
  while (result.status == Status::kNeedMore && result.consumed < data.size()) {
    const auto part = data.substr(result.consumed, step_size);
    const std::vector<char> in(part.begin(), part.end());
    std::vector<char> out(in.size());
    const auto step = decoder.decode(in.data(), in.size(), out.data());
    require(step.consumed <= in.size() && step.produced <= step.consumed);
    require(step.status != Status::kNeedMore || step.consumed == in.size());
    result.body.append(out.data(), step.produced);
    result.consumed += step.consumed;
    result.status = step.status;
  }
  if (result.status == Status::kReject) result.reason = decoder.reject().reason;
  require(decoder.body_bytes() == result.body.size());
  return result;
}

Decoded decode_in_place(std::string data, std::size_t step_size, const ChunkLimits& limits) {
  ChunkDecoder decoder(limits);
  Decoded result;
  std::size_t written = 0;
  while (result.status == Status::kNeedMore && result.consumed < data.size()) {
    const std::size_t size = std::min(step_size, data.size() - result.consumed);
    const auto step = decoder.decode(data.data() + result.consumed, size, data.data() + written);
    written += step.produced;
    result.consumed += step.consumed;
    result.status = step.status;
  }
  if (result.status == Status::kReject) result.reason = decoder.reject().reason;
  result.body = data.substr(0, written);
  return result;
}

void encode_again(const std::string& body, std::size_t step_size, const ChunkLimits& limits) {
  std::string encoded;
  for (std::size_t at = 0; at < body.size(); at += step_size) {
    const auto part = std::string_view(body).substr(at, step_size);
    char header[kChunkHeaderBytesMax];
    encoded.append(header, write_chunk_header(header, part.size())).append(part).append(kChunkEnd);
  }
  encoded += kLastChunk;
  ChunkLimits roomy = limits;
  roomy.small_chunks_max = body.size();
  const Decoded again = decode_pieces(encoded, encoded.size(), roomy);
  require(again.status == Status::kDone && again.body == body && again.consumed == encoded.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view data(reinterpret_cast<const char*>(input) + 1, size - 1);
  const std::size_t step_size = input[0] % 64U + 1;
  ChunkLimits limits;
  limits.body_bytes_max = 512;
  limits.extension_bytes_max = 64;
  limits.trailer_bytes_max = 128;
  limits.small_chunks_max = 16;
  const Decoded whole = decode_pieces(data, std::max<std::size_t>(data.size(), 1), limits);
  require(decode_pieces(data, step_size, limits) == whole);
  require(decode_in_place(std::string(data), step_size, limits) == whole);
  require(whole.body.size() <= limits.body_bytes_max);
  if (whole.status == Status::kDone) encode_again(whole.body, step_size, limits);
  return 0;
}

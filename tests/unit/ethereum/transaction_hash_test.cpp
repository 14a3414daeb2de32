// SPDX-License-Identifier: Apache-2.0
// Transactions signed, and hashed, with ethers 6 and a key of 32 bytes 0x46 (that of EIP-155's
// example).
#include "ethereum/transaction_hash.hpp"

#include <string>

#include "ethereum/hex.hpp"
#include "support/catch.hpp"

using namespace sluice::ethereum;
using sluice::Result;

namespace {

struct Vector {
  std::string_view name;
  std::string_view raw;
  std::string_view hash;
};

constexpr Vector kVectors[] = {
    {"EIP-155",
     "0xf86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400"
     "008025a028ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276a067cbe9d899"
     "7f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83",
     "0x33469b22e9f636356c4160a87eb19df52b7412e8eac32a4a55ffe88ea8350788"},
    {"before EIP-155",
     "0xf86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400"
     "00801ba08383adc8b8ae116f918fb44ca7ff9dfd8012596a5c130c6246a2cc717ba41cdaa053ddfacf5b"
     "d4aa7e46d1575acf52636ea659b91f29e2fb91c75567a279738f38",
     "0x9eb247ec381302e0ac0c3c8d8d14969bb49d31ae3d266274d3112e1a86585d94"},
    {"access list",
     "0x01f89e0101843b9aca008275309435353535353535353535353535353535353535350180f838f79435"
     "35353535353535353535353535353535353535e1a0010101010101010101010101010101010101010101"
     "010101010101010101010101a0ae6e000ba5e40cc086e65629c0159d97cc77978de48ce36f2ef341dfb3"
     "53484fa02c22f59fd08e31ceddfcc95d396bc260b270cea500adb100cef9e5738b287102",
     "0xb21f0f19a19c27866184028f3eb048f7930f43b25c6088edba7ecee68e967f24"},
    {"dynamic fee",
     "0x02f8920102843b9aca00847735940082520894353535353535353535353535353535353535353501a8"
     "ababababababababababababababababababababababababababababababababababababababababc001"
     "a0f00a1d9e09b4cbcb0f9330722daab8421a406de1d9fac66ca7ddad8b7c1b2ae7a05ea883899b930c9d"
     "59e6bc1a6b8c8248d755a37258aa37b701fb8b9482862706",
     "0xb59c374bee07beba9700ae148156a4b274f87f80271fafdd70934d103bc72942"},
    {"blob without sidecar",
     "0x03f88d0103843b9aca0084773594008252089435353535353535353535353535353535353535350180"
     "c001e1a0012222222222222222222222222222222222222222222222222222222222222280a09811213d"
     "09b0e5d371bce1faff91345464e25476c1cfff1e040b35b56f4a5374a02752eb4da9916fbfb05ac319fb"
     "7b29eea8ffa775d99b992e5c41c483a5113d73",
     "0x11821ece27e572fee5ccbe58127a59edf2e95099d9a7f29d83e8a1bb0fe985ad"},
    {"blob with sidecar",
     "0x03f9015bf88d0103843b9aca0084773594008252089435353535353535353535353535353535353535"
     "350180c001e1a0012222222222222222222222222222222222222222222222222222222222222280a098"
     "11213d09b0e5d371bce1faff91345464e25476c1cfff1e040b35b56f4a5374a02752eb4da9916fbfb05a"
     "c319fb7b29eea8ffa775d99b992e5c41c483a5113d73f866b864aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
     "f1b0bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
     "bbbbbbbbbbbbbbbbf1b0cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
     "cccccccccccccccccccccccccccccccc",
     "0x11821ece27e572fee5ccbe58127a59edf2e95099d9a7f29d83e8a1bb0fe985ad"},
    {"set code",
     "0x04f8c80104843b9aca00847735940082ea609435353535353535353535353535353535353535358080"
     "c0f85cf85a019435353535353535353535353535353535353535350501a0b929b1f445b0905e8a2fa085"
     "530ecedb2919fc418d6257c5e59793382777722ca04cbc9aafbff1e8cd87f533570f559cf3f0cda9b7d9"
     "ea5c624c2e4a0946fb179201a0453da1da9af5d54721f2e32e7b314da6e72e2ef081080e5a87e5820549"
     "1f3979a0211b89dd3b9ce0d038a10e0c7997643e10feecf20005c46a08349d7e8cde6dbd",
     "0x0549e024ebffd1d368b7ecde384977556150bf2b37504c9b0002b018b18253a9"},
};

std::string hex(const Result<Hash>& hash) {
  if (!hash) return hash.error().detail;
  std::string out;
  append_hex(out, *hash);
  return out;
}

constexpr std::string_view kBlobTransaction = kVectors[4].raw;

/// The network form of the blob transaction above, with one blob of the real size and the version
/// byte of EIP-7594.
std::string with_real_blob() {
  std::string raw = "0x03fa0200fc";
  raw.append(kBlobTransaction.substr(4)).append("01fa020004ba020000").append(2 * 131072, '0');
  raw.append("f1b0").append(96, 'b').append("f1b0").append(96, 'c');
  return raw;
}

}  // namespace

TEST_CASE("every standard type of transaction hashes to its id") {
  for (const auto& vector : kVectors) {
    CAPTURE(vector.name);
    CHECK(hex(transaction_hash(vector.raw)) == vector.hash);
  }
}

TEST_CASE("the sidecar of a blob transaction has no part in its id") {
  const auto raw = with_real_blob();
  REQUIRE(raw.size() == 262660);
  CHECK(hex(transaction_hash(raw)) == kVectors[4].hash);
}

TEST_CASE("upper-case digits make no difference") {
  std::string raw(kVectors[0].raw);
  for (std::size_t i = 2; i < raw.size(); ++i) {
    if (raw[i] >= 'a') raw[i] = static_cast<char>(raw[i] - 'a' + 'A');
  }
  CHECK(hex(transaction_hash(raw)) == kVectors[0].hash);
}

TEST_CASE("what is no transaction has no id") {
  const std::string legacy(kVectors[0].raw);
  const std::string typed(kVectors[3].raw);
  const std::string blob(kVectors[5].raw);
  const std::string cases[] = {
      "",
      "0x",
      "0xf",
      legacy.substr(2),
      legacy.substr(0, legacy.size() - 1),
      legacy.substr(0, legacy.size() - 2),
      legacy + "00",
      legacy.substr(0, 60) + "zz" + legacy.substr(62),
      "0x02",
      typed.substr(0, typed.size() - 2),
      typed + "00",
      blob.substr(0, blob.size() - 2),
      "0x03c1c1",  // the inner list reaches beyond the outer
      "0x03c0",    // nothing within
      "0x0280",    // no list
      "0x80",      // an empty string
      "0x00" + typed.substr(4),
      "0x71" + typed.substr(4),  // zkSync's own type, whose hash is made otherwise
      "0xf801c0",
      "0xf800",  // a long form where the short one would do
      "0xffffffffffffffffff",
  };
  for (const auto& raw : cases) {
    CAPTURE(raw);
    const auto hash = transaction_hash(raw);
    REQUIRE_FALSE(hash.has_value());
    CHECK(hash.error().kind == sluice::ErrorKind::kInvalid);
    CHECK(hash.error().origin == sluice::Origin::kClient);
  }
}

TEST_CASE("web3_sha3 hashes the bytes that the text stands for") {
  CHECK(hex(keccak256_of_hex("0x68656c6c6f20776f726c64")) ==
        "0x47173285a8d7341e5e972fc677286384f802f8ef42a5ec5f03bbfa254cb01fad");
  CHECK(hex(keccak256_of_hex("0x")) ==
        "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
  CHECK_FALSE(keccak256_of_hex("68").has_value());
  CHECK_FALSE(keccak256_of_hex("0x6").has_value());
  CHECK_FALSE(keccak256_of_hex("0x6z").has_value());
}

// SPDX-License-Identifier: Apache-2.0
#include "devnode/chain.hpp"

#include <set>

#include "devnode/log_filter.hpp"
#include "devnode/mempool.hpp"
#include "devnode/render.hpp"
#include "devnode/state.hpp"
#include "support/catch.hpp"

namespace sluice::devnode {
namespace {

std::string block_text(const Chain& chain, std::uint64_t number) {
  std::string text;
  append_block(text, chain, number, true);
  append_block_receipts(text, chain, number);
  return text;
}

}  // namespace

TEST_CASE("chains of one spec agree on every block, others on none") {
  const Chain one{{.seed = 7}};
  const Chain same{{.seed = 7}};
  const Chain other_seed{{.seed = 8}};
  const Chain other_id{{.seed = 7, .chain_id = 1}};
  for (const std::uint64_t number : {0ULL, 1ULL, 1024ULL, 59'000'000ULL}) {
    CAPTURE(number);
    CHECK(block_text(one, number) == block_text(same, number));
    CHECK(one.block_hash(number) != other_seed.block_hash(number));
    CHECK(one.block_hash(number) != other_id.block_hash(number));
  }
}

TEST_CASE("hashes and content do not depend on the block interval") {
  const Chain slow{{.interval = std::chrono::seconds(12)}};
  const Chain fast{{.interval = std::chrono::milliseconds(100)}};
  CHECK(slow.block_hash(5000) == fast.block_hash(5000));
  CHECK(slow.transaction_hash({5000, 0}) == fast.transaction_hash({5000, 0}));
}

TEST_CASE("a hash finds its block and its transaction, a stranger finds none") {
  const Chain chain{ChainSpec{}};
  for (const std::uint64_t number : {0ULL, 1ULL, 1025ULL, 1ULL << 40U}) {
    CAPTURE(number);
    CHECK(chain.block_of(chain.block_hash(number)) == number);
    for (std::uint32_t i = 0; i < chain.transaction_count(number); ++i) {
      const auto place = chain.place_of(chain.transaction_hash({number, i}));
      REQUIRE(place);
      CHECK(place->block == number);
      CHECK(place->index == i);
    }
  }
  Bytes32 forged = chain.block_hash(9);
  forged[31] = static_cast<std::uint8_t>(forged[31] ^ 1U);
  CHECK_FALSE(chain.block_of(forged));
  CHECK_FALSE(chain.block_of(chain.transaction_hash({9, 0})));
  CHECK_FALSE(chain.place_of(chain.block_hash(9)));
  CHECK_FALSE(chain.place_of(chain.transaction_hash({9, chain.transaction_count(9)})));
}

TEST_CASE("the head follows the clock from the common epoch") {
  struct Case {
    Duration interval;
    double after_epoch;
    std::uint64_t head;
  };
  const Case cases[] = {
      {std::chrono::seconds(1), -5, 1024},       {std::chrono::seconds(1), 0, 1024},
      {std::chrono::seconds(1), 0.99, 1024},     {std::chrono::seconds(1), 1, 1025},
      {std::chrono::seconds(12), 119.9, 1033},   {std::chrono::seconds(12), 120, 1034},
      {std::chrono::milliseconds(500), 1, 1026}, {Duration{0}, 1e6, 1024},
  };
  for (const Case& c : cases) {
    CAPTURE(c.interval.count(), c.after_epoch);
    const Chain chain{{.interval = c.interval}};
    CHECK(chain.head_at(static_cast<double>(kEpoch) + c.after_epoch) == c.head);
  }
  const Chain chain{{.interval = std::chrono::seconds(12)}};
  CHECK(chain.timestamp(1034) == kEpoch + 120);
  CHECK(chain.timestamp(1023) == kEpoch - 12);
  CHECK(chain.head_at(chain.appears_at(2000)) == 2000);
}

TEST_CASE("the mean number of transactions is as asked") {
  for (const unsigned mean : {1U, 4U, 150U}) {
    const Chain chain{{.transactions = mean}};
    double total = 0;
    for (std::uint64_t n = 1; n <= 2000; ++n) total += chain.transaction_count(n);
    CHECK(total / 2000 == Approx(mean).epsilon(0.1));
  }
}

TEST_CASE("state depends on the address and the block") {
  const Chain chain{ChainSpec{}};
  const auto balance = [&](const Address& address, std::uint64_t block) {
    std::string text;
    append_balance(text, chain, address, block);
    return text;
  };
  CHECK(balance(chain.account(1), 5) == balance(chain.account(1), 5));
  CHECK(balance(chain.account(1), 5) != balance(chain.account(1), 6));
  CHECK(balance(chain.account(1), 5) != balance(chain.account(2), 5));
  CHECK(nonce_at(chain, chain.account(1), 800) > nonce_at(chain, chain.account(1), 0));
  std::string code;
  append_code(code, chain, chain.account(1));
  CHECK(code == "0x");
  append_code(code, chain, chain.token(1));
  CHECK(code.size() > 10);
}

TEST_CASE("a log filter selects by address and by topic position") {
  const Chain chain{ChainSpec{}};
  std::uint64_t all = 0;
  std::uint64_t by_token = 0;
  std::uint64_t by_sender = 0;
  for (std::uint64_t block = 1; block < 200; ++block) {
    all += matching_logs(chain, {}, block).size();
    for (std::uint64_t t = 0; t < Chain::kTokens; ++t) {
      by_token += matching_logs(chain, {.addresses = {chain.token(t)}, .topics = {}}, block).size();
    }
    for (std::uint64_t a = 0; a < Chain::kAccounts; ++a) {
      const LogFilter filter{.addresses = {}, .topics = {{}, {topic_of(chain.account(a))}}};
      for (const PlacedLog& log : matching_logs(chain, filter, block)) {
        CHECK(log.transaction.from == chain.account(a));
        ++by_sender;
      }
    }
  }
  CHECK(all > 200);
  CHECK(by_token == all);
  CHECK(by_sender == all);
  const LogFilter four_topics{.addresses = {}, .topics = {{}, {}, {}, {}}};
  CHECK(matching_logs(chain, four_topics, 5).empty());
}

TEST_CASE("the mempool forgets the oldest and never reports one twice") {
  Mempool pool;
  const Chain chain{ChainSpec{}};
  const auto hash = [&](std::uint64_t i) { return chain.bytes32(1, i, 0); };
  CHECK(pool.add(hash(0), 10));
  CHECK_FALSE(pool.add(hash(0), 11));
  CHECK(pool.block_of(hash(0)) == 11);
  const std::size_t mark = pool.position();
  for (std::uint64_t i = 1; i <= 65536; ++i) pool.add(hash(i), 20);
  CHECK_FALSE(pool.block_of(hash(0)));
  CHECK(pool.block_of(hash(1)) == 21);
  CHECK(pool.since(mark).size() == 65536);
  CHECK(pool.since(pool.position()).empty());
}

}  // namespace sluice::devnode

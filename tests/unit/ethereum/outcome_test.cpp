// SPDX-License-Identifier: Apache-2.0
#include "ethereum/outcome.hpp"

#include <string>

#include "support/catch.hpp"

using namespace sluice::ethereum;
using enum Outcome;

TEST_CASE("actions follow from outcomes") {
  std::string words;
  for (std::size_t i = 0; i < kOutcomes; ++i) {
    const Action& row = action(static_cast<Outcome>(i));
    CAPTURE(row.word);
    CHECK_FALSE(row.word.empty());
    CHECK(words.find(std::string(" ").append(row.word).append(" ")) == std::string::npos);
    words.append(" ").append(row.word).append(" ");
    CHECK_FALSE((row.counts_as_failure && row.counts_as_success));
    CHECK(means_accepted(static_cast<Outcome>(i)) == (row.word == "tx_accepted"));
  }
  for (const auto outcome : {kOk, kRevert, kClientFault, kTxAccepted, kTxConflict, kTxInvalid}) {
    CHECK_FALSE(action(outcome).retry_elsewhere);
  }
  for (const auto outcome :
       {kUnsupported, kUnsupportedCall, kMissing, kBehind, kTooLarge, kThrottled, kAuth, kTimeout,
        kNodeFault, kTxPolicy, kNullLater, kUnknownError}) {
    CHECK(action(outcome).retry_elsewhere);
  }
  for (std::size_t i = 0; i < kOutcomes; ++i) {
    const auto outcome = static_cast<Outcome>(i);
    CHECK(action(outcome).counts_as_failure == (outcome == kTimeout || outcome == kNodeFault));
    CHECK(action(outcome).throttled == (outcome == kThrottled));
    CHECK(action(outcome).unauthorized == (outcome == kAuth));
    CHECK(action(outcome).unsupported == (outcome == kUnsupported));
    CHECK(action(outcome).missing == (outcome == kMissing));
    CHECK(action(outcome).behind == (outcome == kBehind));
    CHECK(action(outcome).verify_by_hash == (outcome == kTxConflict));
  }
  CHECK(action(kOk).word == "ok");
  CHECK(action(kRevert).word == "revert");
  CHECK(action(kClientFault).word == "client_fault");
}

TEST_CASE("of several refusals of a send the most telling is kept") {
  const Outcome order[] = {kTxInvalid, kTxConflict, kTxPolicy, kThrottled, kNodeFault};
  for (std::size_t i = 1; i < std::size(order); ++i) {
    CHECK(send_error_rank(order[i - 1]) > send_error_rank(order[i]));
  }
  CHECK(send_error_rank(kTimeout) == send_error_rank(kNodeFault));
}

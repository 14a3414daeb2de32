// SPDX-License-Identifier: Apache-2.0
#include "ethereum/method_filter.hpp"

#include <string>
#include <vector>

#include "support/catch.hpp"

using namespace sluice::ethereum;

namespace {

using Layers = std::vector<MethodLists>;

MethodFilter filter_of(const Layers& layers) {
  auto filter = MethodFilter::build(layers);
  REQUIRE(filter.has_value());
  return *filter;
}

bool allows(const MethodFilter& filter, std::string_view name) {
  return filter.allowed(find(name), name);
}

}  // namespace

TEST_CASE("without configuration, what administers a node or signs with its keys is closed") {
  const MethodFilter filter;
  for (const std::string_view name : {"admin_addPeer",
                                      "admin_peers",
                                      "personal_sign",
                                      "personal_anythingNew",
                                      "debug_setHead",
                                      "debug_traceTransaction",
                                      "debug_unheardOf",
                                      "engine_newPayloadV4",
                                      "miner_start",
                                      "clique_propose",
                                      "anvil_setBalance",
                                      "hardhat_reset",
                                      "evm_mine",
                                      "testing_buildBlockV1",
                                      "dev_something",
                                      "wallet_addEthereumChain",
                                      "eth_sign",
                                      "eth_sendTransaction",
                                      "eth_signTransaction",
                                      "eth_signTypedData_v4",
                                      "eth_signTypedData_v5",
                                      "eth_accounts",
                                      "eth_coinbase",
                                      "eth_submitWork",
                                      "txpool_content",
                                      "rpc_modules",
                                      "eth_compileFortran",
                                      "flashbots_validateBuilderSubmissionV4",
                                      "reth_newPayloadV1",
                                      "eth_requestAccounts"}) {
    CAPTURE(name);
    CHECK_FALSE(allows(filter, name));
  }
  for (const std::string_view name :
       {"eth_call", "eth_chainId", "eth_sendRawTransaction", "eth_getLogs", "eth_newFilter",
        "eth_getFilterChanges", "eth_subscribe", "trace_block", "trace_filter", "txpool_status",
        "eth_simulateV1", "eth_sendBundle", "ots_hasCode", "erigon_getLogs", "bor_getAuthor",
        "alchemy_getAssetTransfers", "starknet_newThing", "eth_methodOfNextYear", "other"}) {
    CAPTURE(name);
    CHECK(allows(filter, name));
  }
  const auto same = filter_of({});
  for (const Method& method : methods()) {
    CHECK(same.allowed(method, method.name) == filter.allowed(method, method.name));
  }
}

TEST_CASE("built-in denials are lifted by name or by an entry as specific, never by accident") {
  struct Case {
    std::string allow;
    std::string_view method;
    bool allowed;
  };
  const Case cases[] = {
      {"*", "admin_peers", false},
      {"*", "eth_sign", false},
      {"*", "debug_traceTransaction", false},
      {"*", "eth_call", true},
      {"a*", "admin_peers", false},
      {"admin*", "admin_peers", false},
      {"admin_*", "admin_peers", true},
      {"admin_p*", "admin_peers", true},
      {"admin_p*", "admin_addPeer", false},
      {"admin_peers", "admin_peers", true},
      {"admin_peers", "admin_peersAll", false},
      {"eth_*", "eth_sign", false},
      {"eth_sign*", "eth_sign", false},
      {"eth_sign", "eth_sign", true},
      {"eth_sign", "eth_signTransaction", false},
      {"eth_*", "eth_signTypedData_v5", false},
      {"eth_accounts", "eth_accounts", true},
      {"debug_*", "debug_traceTransaction", true},
      {"debug_*", "debug_somethingNew", true},
      {"debug_trace*", "debug_traceBlockByNumber", true},
      {"debug_trace*", "debug_getRawReceipts", false},
      {"debug_traceTransaction", "debug_traceTransaction", true},
      {"debug_traceTransaction", "debug_traceCall", false},
      // The namespace was opened for traces; what ruins a node stays closed.
      {"debug_*", "debug_setHead", false},
      {"debug_*", "debug_setTomorrow", false},
      {"debug_*", "debug_writeMemProfile", false},
      {"debug_*", "debug_startCPUProfile", false},
      {"debug_*", "debug_chaindbCompact", false},
      {"debug_*", "debug_dbGet", false},
      {"debug_setHead", "debug_setHead", true},
      {"anvil_*", "anvil_setBalance", true},
      {"anvil_*", "evm_mine", false},
      {"evm_*", "evm_mine", true},
  };
  for (const auto& c : cases) {
    CAPTURE(c.allow, c.method);
    CHECK(allows(filter_of({{.allow = {c.allow}, .deny = {}}}), c.method) == c.allowed);
  }
}

TEST_CASE("the most specific entry wins over layers, then the narrower layer, then deny") {
  struct Case {
    std::string_view name;
    Layers layers;
    std::string_view method;
    bool allowed;
  };
  const Case cases[] = {
      {"a plain denial", {{{}, {"eth_getLogs"}}}, "eth_getLogs", false},
      {"deny all but one", {{{"eth_call"}, {"*"}}}, "eth_call", true},
      {"deny all but one, another", {{{"eth_call"}, {"*"}}}, "eth_chainId", false},
      {"deny all but one, unknown", {{{"eth_call"}, {"*"}}}, "foo_barbarbar", false},
      {"name over prefix", {{{"trace_block"}, {"trace_*"}}}, "trace_block", true},
      {"name over prefix, denied", {{{"trace_*"}, {"trace_block"}}}, "trace_block", false},
      {"longer prefix over shorter", {{{"eth_get*"}, {"eth_*"}}}, "eth_getBalance", true},
      {"longer prefix over shorter, denied", {{{"eth_*"}, {"eth_get*"}}}, "eth_getBalance", false},
      {"deny wins a tie of names", {{{"eth_call"}, {"eth_call"}}}, "eth_call", false},
      {"deny wins a tie of prefixes", {{{"foo_*"}, {"foo_*"}}}, "foo_barbar", false},
      {"deny wins a tie of stars", {{{"*"}, {"*"}}}, "eth_call", false},
      {"narrower layer allows", {{{}, {"trace_*"}}, {{"trace_*"}, {}}}, "trace_block", true},
      {"narrower layer denies", {{{"trace_*"}, {}}, {{}, {"trace_*"}}}, "trace_block", false},
      {"a broad name over a narrow prefix",
       {{{}, {"trace_block"}}, {{"trace_*"}, {}}},
       "trace_block",
       false},
      {"a broad name over a narrow star", {{{"eth_call"}, {}}, {{}, {"*"}}}, "eth_call", true},
      {"the narrowest of four",
       {{{}, {"eth_call"}}, {{"eth_call"}, {}}, {{}, {"eth_call"}}, {{"eth_call"}, {}}},
       "eth_call",
       true},
      {"an empty layer between", {{{}, {"foo_*"}}, {}, {}, {{"foo_*"}, {}}}, "foo_barbar", true},
      {"an unknown name", {{{}, {"foo_barbar"}}}, "foo_barbar", false},
      {"an unknown name, narrower",
       {{{}, {"foo_barbar"}}, {{"foo_barbar"}, {}}},
       "foo_barbar",
       true},
      {"an unknown name beside", {{{}, {"foo_barbar"}}}, "foo_barbaz", true},
      {"lifted broadly, denied narrowly",
       {{{"debug_*"}, {}}, {{}, {"debug_trace*"}}},
       "debug_traceCall",
       false},
      {"a client without sends",
       {{}, {}, {}, {{}, {"eth_send*"}}},
       "eth_sendRawTransaction",
       false},
  };
  for (const auto& c : cases) {
    CAPTURE(c.name);
    CHECK(allows(filter_of(c.layers), c.method) == c.allowed);
  }
}

TEST_CASE("a denied name cannot be dressed up") {
  const auto filter = filter_of({{{}, {"foo_secret", "bar_*"}}});
  for (const std::string_view name :
       {R"(\u0061dmin_peers)", R"(admin\u005fpeers)", "ADMIN_peers", "Admin_Peers", "Debug_setHead",
        "ETH_SIGN", "eth_Sign", "Foo_Secret", "BAR_x", " admin_peers", "admin_peers ", "eth_call\n",
        "", "\"", "Eth_sendtransaction"}) {
    CAPTURE(name);
    CHECK_FALSE(allows(filter, name));
  }
  CHECK_FALSE(allows(filter, std::string(129, 'x')));
  CHECK(allows(filter, std::string(128, 'x')));
  CHECK(allows(filter, "foo_secret2"));
  CHECK_FALSE(allows(filter, std::string_view("eth_\0call", 9)));
}

TEST_CASE("entries that are no pattern are refused by name") {
  for (const std::string bad :
       {"", "eth_*Call", "*_call", "**", "eth call", "eth_call\\", "eth_c\n"}) {
    CAPTURE(bad);
    CHECK_FALSE(MethodFilter::valid_entry(bad));
    const auto allow = MethodFilter::build(Layers{{{bad}, {}}});
    const auto deny = MethodFilter::build(Layers{{}, {{}, {"eth_call", bad}}});
    REQUIRE_FALSE(allow.has_value());
    REQUIRE_FALSE(deny.has_value());
    CHECK(allow.error().kind == sluice::ErrorKind::kInvalid);
    CHECK(deny.error().detail.find(bad) != std::string::npos);
  }
  for (const std::string_view good : {"*", "eth_call", "debug_*", "debug_trace*", "a.b-c"}) {
    CHECK(MethodFilter::valid_entry(good));
  }
  for (const auto entry : MethodFilter::built_in()) CHECK(MethodFilter::valid_entry(entry));
}

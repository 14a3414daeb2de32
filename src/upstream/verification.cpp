// SPDX-License-Identifier: Apache-2.0
#include "upstream/verification.hpp"

#include <utility>

#include "ethereum/hex.hpp"
#include "jsonrpc/reply.hpp"
#include "upstream/pool.hpp"

namespace sluice::upstream {

namespace {

constexpr std::uint64_t kId = 1;

}  // namespace

Verification::Verification(Pool& pool, std::uint64_t chain_id)
    : pool_(&pool), chain_id_(chain_id) {}

void Verification::run(Connection& connection, TimePoint until) {
  connection.start({.id = kId, .method = "eth_chainId", .params = "[]"}, *this, until);
}

bool Verification::judge(const ReplyHead& head, std::string_view body) {
  const auto view = jsonrpc::parse_reply(body);
  if (head.status != 200 || !view.valid || view.is_error || !jsonrpc::id_equals(view.id, kId))
    return false;
  const std::string_view result = view.result;
  if (result.size() < 2 || result.front() != '"') return false;
  const auto value = ethereum::parse_quantity(result.substr(1, result.size() - 2));
  well_ = value && (chain_id_ == 0 || *value == chain_id_);
  return well_;
}

void Verification::on_reply() {
  end(well_);
}

void Verification::on_failure(const Failure& /*failure*/) {
  end(false);
}

void Verification::end(bool well) {
  const net::Ref<Verification> self(this);
  pool_->verified(*this, well);
}

}  // namespace sluice::upstream

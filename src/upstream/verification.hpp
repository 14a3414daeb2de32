// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "upstream/connection.hpp"

namespace sluice::upstream {

class Pool;

/// The one cheap call by which a new connection is tried before clients' calls use it: eth_chainId,
/// whose answer also tells whether the machine behind it serves the right chain. Owned by its pool,
/// which it keeps, until the call has ended or the pool closes; on the pool's thread. Tells the
/// upstream's standing nothing.
class Verification final : public AttemptSink, public net::RefCounted {
 public:
  Verification(Pool& pool, std::uint64_t chain_id);
  /// On an idle connection that nobody else has.
  void run(Connection& connection, TimePoint until);

  [[nodiscard]] bool judge(const ReplyHead& head, std::string_view body) override;
  void on_reply() override;
  void on_failure(const Failure& failure) override;
  [[nodiscard]] bool stream_begin(const ReplyHead& /*head*/) override { return false; }
  [[nodiscard]] bool stream_data(std::string_view /*bytes*/) override { return false; }
  [[nodiscard]] bool stream_end() override { return false; }

 private:
  void end(bool well);

  net::Ref<Pool> pool_;
  const std::uint64_t chain_id_;
  bool well_ = false;
};

}  // namespace sluice::upstream

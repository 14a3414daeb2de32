// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/config.hpp"
#include "events/webhook.hpp"
#include "frontend/options.hpp"
#include "health/monitor.hpp"
#include "limiter/limiter.hpp"
#include "metrics/registry.hpp"
#include "proxy/snapshot.hpp"
#include "scaler/scaler.hpp"
#include "vitals/vitals.hpp"

namespace sluice::app {

/// What a configuration needs from the disk beyond its own files; loaded and checked before
/// anything is committed.
struct Materials {
  /// By certificate and key path.
  std::map<std::pair<std::string, std::string>, std::shared_ptr<net::ServerTls>> server_tls;
  /// By chain and upstream name.
  std::map<std::pair<std::string, std::string>, std::shared_ptr<net::ClientTls>> client_tls;
  /// By chain name.
  std::map<std::string, std::shared_ptr<const proxy::MethodMasks>> masks;
  /// Null where there is no webhook, or one without TLS.
  std::shared_ptr<net::ClientTls> webhook_tls;
};

/// Reads and checks certificates and keys, and compiles method lists. May run on any thread. The
/// error says which key of the configuration it belongs to.
[[nodiscard]] Result<Materials> load_materials(const config::Config& config);

/// Turns configurations into what the parts below are given, and keeps what must live on from one
/// to the next: upstreams, chains and rate limits by name. Control thread only.
class Assembly {
 public:
  Assembly(metrics::Registry& registry, std::size_t workers)
      : registry_(registry), workers_(workers) {}

  /// Nothing is changed for anybody until the snapshot is installed.
  [[nodiscard]] std::shared_ptr<const proxy::Snapshot> snapshot(const config::Config& config,
                                                                const Materials& materials);
  [[nodiscard]] static std::shared_ptr<const frontend::Options> frontend_options(
      const config::Config& config);
  [[nodiscard]] static std::shared_ptr<const frontend::TrustedNetworks> trusted(
      const config::Config& config);
  [[nodiscard]] static std::shared_ptr<const frontend::ListenerOptions> listener(
      const config::ListenConfig& listen, const Materials& materials);
  [[nodiscard]] static std::vector<vitals::ChainTarget> vitals(const config::Config& config,
                                                               const proxy::Snapshot& snapshot);
  [[nodiscard]] static std::optional<events::WebhookTarget> webhook(const config::Config& config,
                                                                    const Materials& materials);
  [[nodiscard]] static std::vector<health::ChainTarget> targets(const config::Config& config,
                                                                const proxy::Snapshot& snapshot);
  [[nodiscard]] static std::vector<scaler::Target> scaler_targets(const config::Config& config,
                                                                  const proxy::Snapshot& snapshot);
  [[nodiscard]] static std::vector<limiter::Target> limiter_targets(
      const config::Config& config, const proxy::Snapshot& snapshot);

 private:
  [[nodiscard]] proxy::ChainSpec chain(const config::Config& config,
                                       const config::ChainConfig& chain,
                                       const Materials& materials);
  [[nodiscard]] proxy::UpstreamSpec upstream(const config::Config& config,
                                             const config::ChainConfig& chain,
                                             const config::UpstreamConfig& upstream,
                                             const Materials& materials, metrics::ChainSlot slot);
  [[nodiscard]] std::shared_ptr<proxy::RateGate> gate(const std::string& name, double per_second);

  /// What is in use no more is forgotten: should it come back, it must prove itself anew.
  void forget_others(const proxy::Snapshot& current);

  metrics::Registry& registry_;
  const std::size_t workers_;
  std::shared_ptr<upstream::Ceiling> ceiling_ = std::make_shared<upstream::Ceiling>();
  std::shared_ptr<proxy::MemoryCeiling> memory_ = std::make_shared<proxy::MemoryCeiling>();
  std::map<std::string, std::shared_ptr<proxy::ChainShared>> chains_;
  std::map<std::pair<std::string, std::string>, std::shared_ptr<upstream::Shared>> upstreams_;
  std::map<std::string, std::pair<double, std::shared_ptr<proxy::RateGate>>> gates_;
};

}  // namespace sluice::app

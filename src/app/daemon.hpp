// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/signal_set.hpp>

#include "admin/control_server.hpp"
#include "admin/server.hpp"
#include "app/assembly.hpp"
#include "app/listener.hpp"
#include "app/overload_watch.hpp"
#include "app/rates.hpp"
#include "app/worker_thread.hpp"
#include "config/load.hpp"
#include "events/hub.hpp"
#include "events/webhook.hpp"
#include "health/monitor.hpp"
#include "limiter/limiter.hpp"
#include "metrics/registry.hpp"
#include "net/loop.hpp"
#include "scaler/scaler.hpp"
#include "vitals/vitals.hpp"

namespace sluice::app {

struct RunOptions {
  std::vector<std::string> files;
  config::Overrides overrides;
};

/// The running process: builds everything in order, serves until a signal, stops everything in
/// reverse. Lives in main() on the control thread, which also runs listeners, health, the admin
/// port and reloads; workers are threads of their own. Parts below it never see the whole
/// configuration.
class Daemon final : public health::Observer,
                     public vitals::Observer,
                     public scaler::Observer,
                     public limiter::Observer {
 public:
  Daemon();
  ~Daemon() override;

  /// Serves; returns the exit code: 0 after an orderly end, 1 when it could not start, 3 when calls
  /// had to be cut.
  [[nodiscard]] int run(const RunOptions& options);

  void probed(const std::string& chain, const std::string& upstream, health::ProbeOutcome outcome,
              Duration took, std::uint32_t calls) override;
  void rotation_changed(const std::string& chain, const health::UpstreamTarget& upstream,
                        const policy::RotationChange& change) override;
  void wrong_chain(const std::string& chain, const health::UpstreamTarget& upstream,
                   std::uint64_t expected, std::uint64_t actual) override;
  void warmed_up(const std::string& chain, const health::UpstreamTarget& upstream, bool well,
                 std::uint32_t connections, Duration took) override;
  void breaker_changed(const std::string& chain, const health::UpstreamTarget& upstream,
                       const health::BreakerChange& change) override;
  void first_probed(const health::UpstreamTarget& upstream) override;

  void anomaly(const std::string& chain, const std::string& upstream,
               const vitals::AnomalyFound& found) override;
  void anomaly_over(const std::string& chain, const std::string& upstream,
                    const vitals::AnomalyEnded& ended) override;
  void limit_foretold(const std::string& chain, const std::string& upstream,
                      const vitals::LimitForecast& forecast) override;
  void steer(const std::shared_ptr<upstream::Shared>& shared, std::size_t worker,
             std::uint32_t target, bool early) override;
  void scaled(const scaler::Target& target, const scaler::Change& change) override;
  [[nodiscard]] std::optional<std::uint32_t> forced(const scaler::Target& target) override;
  void limit_changed(const std::shared_ptr<upstream::Shared>& shared) override;
  void limiting(const limiter::Target& target, const limiter::Episode& episode) override;
  [[nodiscard]] double queued(const scaler::Target& target) override;

 private:
  /// A configuration that can be made current without any step that could fail.
  struct Prepared {
    std::shared_ptr<const config::Config> config;
    Materials materials;
    /// By position in config->listen; null where a running listener stays.
    std::vector<std::unique_ptr<Listener>> listeners;
    std::unique_ptr<admin::Server> admin;
  };
  enum class Phase : std::uint8_t { kStarting, kServing, kDelaying, kDraining, kStopping };

  [[nodiscard]] bool start(const RunOptions& options);
  [[nodiscard]] Result<void> bind_all(Prepared& prepared);
  [[nodiscard]] Result<std::unique_ptr<admin::Server>> make_admin(const config::Config& config);
  void start_workers(const config::Config& config);
  void commit(Prepared prepared);
  void wait_until_serving(TimePoint until);
  void announce();
  void accepted(int fd, const net::TcpEndpoint& peer, const Listener& listener);

  void wait_signal();
  void on_signal(int signal);
  void begin_reload();
  void finish_reload(config::Loaded loaded, Result<Materials> materials);
  void reload_failed(const std::string& why);
  void reload_over(bool ok, const std::string& why);
  [[nodiscard]] std::optional<std::string> forbids(const config::Config& next) const;

  void begin_shutdown();
  void begin_drain();
  void watch_drain(TimePoint until);
  /// Ends every client's connection at once; the exit code tells whether that cut calls.
  void cut(std::string_view why);
  void finish(int code);

  /// An upstream answers that gets no calls yet: its connections are made ready.
  void warm_up(const std::shared_ptr<upstream::Shared>& shared);
  /// Whether those in rotation have the connections that they are to have before calls come.
  [[nodiscard]] bool all_warm() const;
  void collect_scaler(metrics::Emitter& emitter) const;
  [[nodiscard]] std::string foresight_status(const upstream::Shared& shared) const;

  void collect(metrics::Emitter& emitter) const;
  void collect_vitals(metrics::Emitter& emitter) const;
  void collect_limits(metrics::Emitter& emitter) const;
  void collect_models(metrics::Emitter& emitter) const;
  [[nodiscard]] std::string status() const;
  [[nodiscard]] std::string chain_status(const health::ChainReport& report, TimePoint time) const;
  [[nodiscard]] admin::Readiness readiness() const;
  void every_second();
  void look_at_limits();

  // What an operator does by hand; daemon_control.cpp.
  [[nodiscard]] bool open_control(const config::Config& config);
  void control(const admin::ControlRequest& request, const admin::ControlAnswer& answer);
  void control_reload(const admin::ControlAnswer& answer);
  [[nodiscard]] admin::ControlReply set_by_hand(const admin::ControlRequest& request);
  struct Place {
    const proxy::ChainSpec* chain = nullptr;
    const proxy::UpstreamSpec* upstream = nullptr;
  };
  [[nodiscard]] Result<Place> find_upstream(const std::string& target) const;
  [[nodiscard]] admin::ControlReply drain(const Place& place, bool drained);
  [[nodiscard]] admin::ControlReply set_weight(const Place& place, const std::string& value);
  [[nodiscard]] admin::ControlReply set_scale(const Place& place, const std::string& value);
  [[nodiscard]] admin::ControlReply set_breaker(const Place& place, const std::string& klass,
                                                const std::string& value);
  void take_rates();
  void tell_override(const Place& place, std::string_view setting, const std::string& before,
                     const std::string& value);
  void tell_workers(const std::shared_ptr<upstream::Shared>& shared, bool abandon);

  net::Loop loop_;
  std::shared_ptr<events::Hub> events_;
  std::unique_ptr<events::Webhook> webhook_;
  net::asio::signal_set signals_;
  config::Environment environment_;
  RunOptions options_;
  std::shared_ptr<const config::Config> config_;
  std::unique_ptr<metrics::Registry> registry_;
  std::unique_ptr<Assembly> assembly_;
  std::shared_ptr<const proxy::Snapshot> snapshot_;
  std::vector<std::unique_ptr<WorkerThread>> workers_;
  /// Whose retry budget the latest probe drew on.
  std::size_t probes_charged_ = 0;
  std::unique_ptr<health::Monitor> monitor_;
  vitals::Vitals vitals_{*this};
  std::unique_ptr<scaler::Scaler> scaler_;
  limiter::Limiter limiter_{*this};
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::unique_ptr<admin::Server> admin_;
  std::unique_ptr<admin::ControlServer> control_;
  ConnectionTable connections_;
  Rates rates_;
  std::map<std::string, OverloadWatch> overloads_;
  std::shared_ptr<const frontend::TrustedNetworks> trusted_;
  std::map<std::pair<std::string, std::string>, double> certificates_;
  net::Deadline second_;
  net::Deadline limits_look_;
  net::Deadline phase_deadline_;
  std::function<void()> on_phase_deadline_;
  std::thread loader_;
  bool reloading_ = false;
  bool reload_again_ = false;
  /// Who waits for the reload that is under way, and who for the one after it.
  std::vector<admin::ControlAnswer> reload_waiters_;
  std::vector<admin::ControlAnswer> next_reload_waiters_;
  std::uint64_t reloads_ok_ = 0;
  std::uint64_t reloads_failed_ = 0;
  bool last_reload_ok_ = true;
  double last_reload_at_ = 0;
  Phase phase_ = Phase::kStarting;
  int exit_code_ = 0;
  const TimePoint started_ = now();
};

}  // namespace sluice::app

// SPDX-License-Identifier: Apache-2.0
// Start-up, commit and shutdown.
#include "app/daemon.hpp"

#include <csignal>
#include <cstdio>
#include <future>
#include <utility>

#include <unistd.h>

#include "app/json.hpp"
#include "app/supervisor.hpp"
#include "app/words.hpp"
#include "base/log.hpp"
#include "base/random.hpp"

namespace sluice::app {

namespace {

std::string text_of(const net::TcpEndpoint& endpoint) {
  const std::string host = endpoint.address().to_string();
  return (endpoint.address().is_v6() ? "[" + host + "]" : host) + ":" +
         std::to_string(endpoint.port());
}

net::TcpEndpoint endpoint_of(const config::Address& address) {
  const std::string host = address.host == "localhost" ? "127.0.0.1" : address.host;
  return {net::asio::ip::make_address(host), address.port};
}

/// Tells the events of this process from those of the one before it.
std::uint64_t boot_number() {
  return static_cast<std::uint64_t>(unix_time() * 1000);
}

log::Options log_options(const config::LogConfig& config) {
  return {.level = static_cast<log::Level>(config.level),
          .format = static_cast<log::Format>(config.format)};
}

}  // namespace

Daemon::Daemon()
    : events_(std::make_shared<events::Hub>(loop_.io, events::Hub::Options{}, boot_number())),
      signals_(loop_.io, SIGTERM, SIGINT, SIGHUP),
      environment_(config::system_environment()),
      second_(
          loop_.timers, [](void* self) { static_cast<Daemon*>(self)->every_second(); }, this),
      limits_look_(
          loop_.timers, [](void* self) { static_cast<Daemon*>(self)->look_at_limits(); }, this),
      phase_deadline_(
          loop_.timers,
          [](void* self) {
            const auto next =
                std::exchange(static_cast<Daemon*>(self)->on_phase_deadline_, nullptr);
            if (next) next();
          },
          this) {}

Daemon::~Daemon() {
  if (loader_.joinable()) loader_.join();
}

int Daemon::run(const RunOptions& options) {
  std::signal(SIGPIPE, SIG_IGN);
  options_ = options;
  if (!start(options)) {
    log::shutdown();
    return 1;
  }
  loop_.io.run();
  if (loader_.joinable()) loader_.join();
  listeners_.clear();
  control_.reset();
  admin_.reset();
  if (monitor_) monitor_->stop();
  if (scaler_) scaler_->stop();
  for (const auto& worker : workers_) worker->stop();
  // Connections and calls let go of their pools and loops as the loops are drained and destroyed.
  workers_.clear();
  monitor_.reset();
  scaler_.reset();
  const std::size_t undelivered = webhook_ != nullptr ? webhook_->waiting() : 0;
  webhook_.reset();
  events_->count(events::Sink::kWebhook, events::Outcome::kUndelivered, undelivered);
  events_->emit(events::Stopped{.exit_code = exit_code_, .undelivered = undelivered});
  log::shutdown();
  return exit_code_;
}

bool Daemon::start(const RunOptions& options) {
  config::Loaded loaded = config::load(options.files, options.overrides, environment_);
  for (const auto& diagnostic : loaded.diagnostics)
    std::fprintf(stderr, "%s\n", diagnostic.render().c_str());
  if (!loaded.config) return false;
  Prepared prepared{.config = std::make_shared<const config::Config>(std::move(*loaded.config))};
  auto materials = load_materials(*prepared.config);
  if (!materials) {
    std::fprintf(stderr, "error: %s\n", materials.error().detail.c_str());
    return false;
  }
  prepared.materials = std::move(*materials);
  log::init(log_options(prepared.config->log));
  if (auto bound = bind_all(prepared); !bound) {
    std::fprintf(stderr, "error: %s\n", bound.error().detail.c_str());
    return false;
  }
  if (!open_control(*prepared.config)) return false;
  start_workers(*prepared.config);
  last_reload_at_ = unix_time();
  commit(std::move(prepared));
  if (control_ != nullptr) control_->start();
  wait_signal();
  every_second();
  look_at_limits();
  wait_until_serving(now() + std::chrono::seconds(2));
  return true;
}

void Daemon::start_workers(const config::Config& config) {
  const auto count = config.workers != 0 ? static_cast<unsigned>(config.workers)
                                         : std::max(1U, std::thread::hardware_concurrency());
  registry_ = std::make_unique<metrics::Registry>(count, label_sets());
  registry_->add_collector([this](metrics::Emitter& emitter) { collect(emitter); });
  assembly_ = std::make_unique<Assembly>(*registry_, count);
  webhook_ = std::make_unique<events::Webhook>(loop_.io, events_, events::Webhook::Limits{},
                                               random_seed());
  monitor_ = std::make_unique<health::Monitor>(loop_, *this, random_seed());
  scaler_ = std::make_unique<scaler::Scaler>(loop_, *this);
  const auto options = Assembly::frontend_options(config);
  const auto trusted = Assembly::trusted(config);
  std::vector<proxy::Worker*> all;
  for (unsigned i = 0; i < count; ++i) {
    workers_.push_back(std::make_unique<WorkerThread>(i, registry_->worker(i), *events_,
                                                      random_seed(), options, trusted));
    all.push_back(&workers_.back()->worker());
  }
  for (const auto& worker : workers_) {
    worker->worker().meet(all);
    worker->start();
  }
}

Result<void> Daemon::bind_all(Prepared& prepared) {
  const config::Config& config = *prepared.config;
  for (const auto& listen : config.listen) {
    const net::TcpEndpoint endpoint = endpoint_of(listen.address);
    bool running = false;
    for (const auto& listener : listeners_) running = running || listener->requested() == endpoint;
    if (running) {
      prepared.listeners.push_back(nullptr);
      continue;
    }
    auto listener =
        std::make_unique<Listener>(loop_, Assembly::listener(listen, prepared.materials),
                                   [this](int fd, const net::TcpEndpoint& peer,
                                          const Listener& from) { accepted(fd, peer, from); });
    if (auto bound = listener->bind(endpoint); !bound) return bound;
    prepared.listeners.push_back(std::move(listener));
  }
  if (config_ != nullptr && config_->admin.listen == config.admin.listen) return {};
  auto admin = make_admin(config);
  if (!admin) return std::unexpected(admin.error());
  prepared.admin = std::move(*admin);
  return {};
}

Result<std::unique_ptr<admin::Server>> Daemon::make_admin(const config::Config& config) {
  auto server = std::make_unique<admin::Server>(
      loop_.io, admin::Options{.hosts = config.admin.hosts},
      admin::Handlers{.metrics = [this] { return registry_->render(); },
                      .status = [this] { return status(); },
                      .readiness = [this] { return readiness(); },
                      .events = events_});
  if (auto bound = server->bind(endpoint_of(config.admin.listen)); !bound)
    return std::unexpected(bound.error());
  return server;
}

void Daemon::commit(Prepared prepared) {
  const config::Config& config = *prepared.config;
  snapshot_ = assembly_->snapshot(config, prepared.materials);
  // Before any worker takes a permit of it.
  limiter_.watch(Assembly::limiter_targets(config, *snapshot_), now());
  const auto options = Assembly::frontend_options(config);
  const auto trusted = Assembly::trusted(config);
  trusted_ = trusted;
  for (const auto& worker : workers_) {
    worker->post([&w = *worker, snapshot = snapshot_, options, trusted] {
      w.worker().install(snapshot);
      w.frontend().reconfigure(options, trusted);
    });
  }
  webhook_->configure(Assembly::webhook(config, prepared.materials));
  connections_.set_limits(config.limits.connections, config.limits.connections_per_ip);
  monitor_->watch(Assembly::targets(config, *snapshot_));
  vitals_.watch(Assembly::vitals(config, *snapshot_));
  scaler_->watch(Assembly::scaler_targets(config, *snapshot_));

  std::vector<std::unique_ptr<Listener>> next;
  for (std::size_t i = 0; i < config.listen.size(); ++i) {
    const net::TcpEndpoint endpoint = endpoint_of(config.listen[i].address);
    if (prepared.listeners[i] != nullptr) {
      next.push_back(std::move(prepared.listeners[i]));
      if (phase_ == Phase::kServing) next.back()->start();
      continue;
    }
    for (auto& running : listeners_) {
      if (running == nullptr || running->requested() != endpoint) continue;
      running->set_options(Assembly::listener(config.listen[i], prepared.materials));
      next.push_back(std::move(running));
      break;
    }
  }
  listeners_ = std::move(next);
  certificates_.clear();
  for (const auto& [paths, tls] : prepared.materials.server_tls)
    certificates_[paths] = tls->expires_at();
  if (prepared.admin != nullptr) {
    admin_ = std::move(prepared.admin);
    admin_->start();
  } else {
    admin_->set_hosts(config.admin.hosts);
  }
  config_ = std::move(prepared.config);
  log::set_level(static_cast<log::Level>(config_->log.level));
}

void Daemon::wait_until_serving(TimePoint until) {
  // The first probes take milliseconds; clients that come earlier would be told that nobody is
  // there.
  if (phase_ != Phase::kStarting) return;
  if ((!monitor_->all_serving() || !all_warm()) && now() < until) {
    on_phase_deadline_ = [this, until] { wait_until_serving(until); };
    phase_deadline_.set(now() + std::chrono::milliseconds(5));
    return;
  }
  phase_ = Phase::kServing;
  for (const auto& listener : listeners_) listener->start();
  announce();
  if (std::exchange(reload_again_, false)) begin_reload();
}

void Daemon::announce() {
  std::string line = R"({"event":"ready","listen":[)";
  for (std::size_t i = 0; i < listeners_.size(); ++i) {
    line += (i == 0 ? "\"" : ",\"") + text_of(listeners_[i]->endpoint()) + "\"";
  }
  line += R"(],"admin":")" + text_of(admin_->endpoint()) + R"(","workers":)" +
          std::to_string(workers_.size());
  line += R"(,"chains":[)";
  for (std::size_t i = 0; i < config_->chains.size(); ++i) {
    line += (i == 0 ? "\"" : ",\"") + config_->chains[i].name + "\"";
  }
  line += "]";
  if (control_ != nullptr) line += ",\"socket\":" + json_text(control_->path());
  line += std::string(R"(,"version":")") + SLUICE_VERSION + "\"}";
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
  events_->emit(events::Ready{.workers = workers_.size(), .chains = config_->chains.size()});
  notify_supervisor("READY=1\nSTATUS=serving");
}

void Daemon::accepted(int fd, const net::TcpEndpoint& peer, const Listener& listener) {
  WorkerThread* chosen = workers_.front().get();
  for (const auto& worker : workers_) {
    if (worker->load()->load(std::memory_order_relaxed) <
        chosen->load()->load(std::memory_order_relaxed)) {
      chosen = worker.get();
    }
  }
  auto taken =
      connections_.take(peer.address(), trusted_->contains(peer.address()), chosen->load());
  if (taken.refusal != ConnectionTable::Refusal::kNone) {
    const bool total = taken.refusal == ConnectionTable::Refusal::kTotal;
    registry_->control().rejected(
        reject_positions().at(total ? "connections" : "connections_per_ip"));
    ::close(fd);
    return;
  }
  chosen->adopt(fd, peer, listener.options(), std::move(taken.place));
}

void Daemon::wait_signal() {
  signals_.async_wait([this](net::ErrorCode error, int signal) {
    if (error) return;
    on_signal(signal);
    wait_signal();
  });
}

void Daemon::on_signal(int signal) {
  if (signal == SIGHUP) {
    begin_reload();
  } else if (phase_ == Phase::kStarting || phase_ == Phase::kServing) {
    begin_shutdown();
  } else if (phase_ != Phase::kStopping) {
    cut("second_signal");
  } else {
    // Only events were still waited for.
    loop_.io.stop();
  }
}

void Daemon::begin_shutdown() {
  phase_ = Phase::kDelaying;
  notify_supervisor("STOPPING=1\nSTATUS=draining");
  events_->emit(events::Draining{.delay_s = seconds(config_->shutdown.delay)});
  // What a reload under way reads is not taken over any more.
  for (auto& waiter : std::exchange(next_reload_waiters_, {}))
    reload_waiters_.push_back(std::move(waiter));
  reload_over(false, "the daemon is shutting down");
  on_phase_deadline_ = [this] { begin_drain(); };
  phase_deadline_.set(now() + config_->shutdown.delay);
}

void Daemon::begin_drain() {
  phase_ = Phase::kDraining;
  for (const auto& listener : listeners_) listener->stop();
  for (const auto& worker : workers_) worker->post([&w = *worker] { w.frontend().drain(); });
  watch_drain(now() + config_->shutdown.grace);
}

void Daemon::watch_drain(TimePoint until) {
  std::uint32_t left = 0;
  for (const auto& worker : workers_) left += worker->load()->load();
  if (left == 0) {
    finish(0);
    return;
  }
  if (now() < until) {
    on_phase_deadline_ = [this, until] { watch_drain(until); };
    phase_deadline_.set(now() + std::chrono::milliseconds(5));
    return;
  }
  cut("grace_over");
}

void Daemon::cut(std::string_view why) {
  std::size_t cut = 0;
  for (const auto& worker : workers_) {
    std::promise<std::size_t> calls;
    worker->post([&] { calls.set_value(worker->frontend().cut()); });
    cut += calls.get_future().get();
  }
  events_->emit(events::CallsCut{.reason = why, .calls = cut});
  finish(cut == 0 ? 0 : 3);
}

void Daemon::finish(int code) {
  phase_ = Phase::kStopping;
  exit_code_ = code;
  on_phase_deadline_ = [this] { loop_.io.stop(); };
  phase_deadline_.set(now() + config_->events.webhook.timeout);
  webhook_->finish([this] { loop_.io.stop(); });
}

void Daemon::every_second() {
  for (const auto& worker : workers_) worker->measure_lag();
  take_rates();
  const TimePoint time = now();
  vitals_.tick(time);
  second_.set(time + vitals::Vitals::kEvery);
}

}  // namespace sluice::app

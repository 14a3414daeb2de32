// SPDX-License-Identifier: Apache-2.0
// A reload is all or nothing: whatever can fail, fails before commit().
#include <utility>

#include <boost/asio/post.hpp>

#include "app/daemon.hpp"
#include "app/supervisor.hpp"
#include "base/log.hpp"

namespace sluice::app {

void Daemon::begin_reload() {
  if (phase_ != Phase::kServing && phase_ != Phase::kStarting) return;
  if (reloading_ || phase_ == Phase::kStarting) {
    // Signals that come meanwhile ask for one more reload, however many they are.
    reload_again_ = true;
    return;
  }
  reloading_ = true;
  for (auto& waiter : std::exchange(next_reload_waiters_, {}))
    reload_waiters_.push_back(std::move(waiter));
  notify_supervisor("RELOADING=1");
  if (loader_.joinable()) loader_.join();
  // Files and certificates are read aside: probes and scrapes go on.
  loader_ = std::thread([this] {
    config::Loaded loaded = config::load(options_.files, options_.overrides, environment_);
    Result<Materials> materials =
        loaded.config ? load_materials(*loaded.config) : Result<Materials>(Materials{});
    net::asio::post(loop_.io,
                    [this, loaded = std::move(loaded), materials = std::move(materials)]() mutable {
                      finish_reload(std::move(loaded), std::move(materials));
                    });
  });
}

std::optional<std::string> Daemon::forbids(const config::Config& next) const {
  const auto restart = config::restart_only_changes(*config_, next);
  if (!restart.empty()) {
    std::string keys;
    for (const auto& key : restart) keys += (keys.empty() ? "" : ", ") + key;
    return "these keys need a restart: " + keys;
  }
  const auto serves_root = [](const config::Config& config) {
    for (const auto& chain : config.chains) {
      if (chain.is_default) return true;
    }
    return false;
  };
  if (serves_root(*config_) && !serves_root(next)) {
    return "clients use the path /, and no chain would answer for it any more: mark one with "
           "default: true";
  }
  for (const auto& listen : next.listen) {
    for (const auto& running : config_->listen) {
      const bool same_port =
          listen.address.port == running.address.port && listen.address.port != 0;
      if (same_port && listen.address.host != running.address.host) {
        bool kept = false;
        for (const auto& other : next.listen) kept = kept || other.address == running.address;
        if (!kept)
          return "listen: moving port " + std::to_string(listen.address.port) +
                 " to another address needs a restart";
      }
    }
  }
  return std::nullopt;
}

void Daemon::finish_reload(config::Loaded loaded, Result<Materials> materials) {
  loader_.join();
  if (phase_ != Phase::kServing) return;
  reloading_ = false;
  if (!loaded.config) {
    std::string why;
    for (const auto& diagnostic : loaded.diagnostics)
      why += (why.empty() ? "" : "; ") + diagnostic.render();
    reload_failed(why);
  } else if (!materials) {
    reload_failed(materials.error().detail);
  } else if (const auto reason = forbids(*loaded.config)) {
    reload_failed(*reason);
  } else {
    Prepared prepared{.config = std::make_shared<const config::Config>(std::move(*loaded.config)),
                      .materials = std::move(*materials)};
    if (auto bound = bind_all(prepared); !bound) {
      reload_failed(bound.error().detail);
    } else {
      commit(std::move(prepared));
      ++reloads_ok_;
      last_reload_ok_ = true;
      last_reload_at_ = unix_time();
      events_->emit(events::Reloaded{.chains = config_->chains.size()});
      reload_over(true, {});
    }
  }
  notify_supervisor("READY=1");
  if (std::exchange(reload_again_, false)) begin_reload();
}

void Daemon::reload_failed(const std::string& why) {
  ++reloads_failed_;
  last_reload_ok_ = false;
  events_->emit(events::ReloadFailed{.reason = why});
  reload_over(false, why);
}

}  // namespace sluice::app

// SPDX-License-Identifier: Apache-2.0
// The command line: arguments to a command to its exit code, and nothing else.
#include <cstdio>
#include <exception>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>

#include "app/commands.hpp"
#include "app/ctl.hpp"
#include "app/daemon.hpp"
#include "config/load.hpp"
#include "config/suggest.hpp"

namespace {

using namespace sluice;

struct Arguments {
  app::RunOptions run;
  devnode::Options node;
  unsigned nodes = 1;
  double block_interval_s = 1;
  std::string listen, admin, socket, level, format, workers;
  std::string address = "127.0.0.1:9464";
  std::string path = "/livez";
  app::CtlOptions ctl;
  app::TopOptions top;
  std::string target, item, value, event_level;
  double drain_wait_s = 0;
  bool all_events = false;
};

void add_run_options(CLI::App& command, Arguments& arguments) {
  command
      .add_option("-c,--config", arguments.run.files,
                  "configuration file; several overlay each other")
      ->allow_extra_args(false);
  command.add_option("--listen", arguments.listen,
                     "address for clients, e.g. 127.0.0.1:4545 (port 0: any free one)");
  command.add_option("--admin-listen", arguments.admin,
                     "address for /metrics and the other admin pages");
  command.add_option("--socket", arguments.socket, "control socket for sluice ctl and sluice top");
  command.add_option("--workers", arguments.workers, "number of worker threads, or auto");
  command.add_option("--log-level", arguments.level, "trace, debug, info, warn, error or off");
  command.add_option("--log-format", arguments.format, "auto, text or json");
}

void take_overrides(Arguments& arguments) {
  const auto set = [](std::optional<std::string>& to, const std::string& from) {
    if (!from.empty()) to = from;
  };
  config::Overrides& overrides = arguments.run.overrides;
  set(overrides.listen, arguments.listen);
  set(overrides.admin_listen, arguments.admin);
  set(overrides.admin_socket, arguments.socket);
  set(overrides.workers, arguments.workers);
  set(overrides.log_level, arguments.level);
  set(overrides.log_format, arguments.format);
  arguments.node.block_interval = std::chrono::duration_cast<Duration>(
      std::chrono::duration<double>(arguments.block_interval_s));
}

/// The subcommands of `ctl`, by name.
using CtlCommands = std::map<std::string, CLI::App*>;

CtlCommands add_ctl(CLI::App& cli, Arguments& arguments) {
  auto* ctl = cli.add_subcommand("ctl", "tell a running Sluice what to do; exit code 0 or 1");
  ctl->require_subcommand(1);
  ctl->add_option("--socket", arguments.ctl.socket, "its control socket (admin.socket)");
  CtlCommands commands{{"", ctl}};
  const auto add = [&](const std::string& name, const std::string& what) {
    auto* command = ctl->add_subcommand(name, what);
    command->fallthrough();
    command->add_flag("--json", arguments.ctl.json, "the answer as JSON");
    commands[name] = command;
    return command;
  };
  const auto add_for_upstream = [&](const std::string& name, const std::string& what) {
    auto* command = add(name, what);
    command->add_option("upstream", arguments.target, "CHAIN/UPSTREAM, or the upstream alone")
        ->required();
    return command;
  };
  add("status", "chains and upstreams as a table");
  add("reload", "reload the configuration, and wait for it");
  add_for_upstream("drain", "send no new calls to an upstream")
      ->add_option("--wait", arguments.drain_wait_s,
                   "wait at most so many seconds until no call is under way there")
      ->check(CLI::Range(0.0, 86400.0));
  add_for_upstream("undrain", "take a drain back");
  add_for_upstream("weight", "set an upstream's weight")
      ->add_option("weight", arguments.value, "a number, or auto: as configured")
      ->required();
  auto* breaker = add_for_upstream("breaker", "force an upstream's breaker");
  breaker->add_option("class", arguments.item, "method class, e.g. logs")->required();
  breaker->add_option("state", arguments.value, "open, close or auto")
      ->required()
      ->check(CLI::IsMember({"open", "close", "auto"}));
  add_for_upstream("scale", "set how many connections a pool aims to have")
      ->add_option("connections", arguments.value, "a number, or auto: as the scaler plans")
      ->required();
  auto* events = add("events", "follow the events");
  events->add_option("--level", arguments.event_level, "least level, e.g. warn or debug")
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error"}));
  events->add_flag("--all", arguments.all_events, "begin with those that are kept");
  return commands;
}

int run_ctl(const CtlCommands& commands, const Arguments& arguments) {
  const auto parsed = [&](const char* name) { return commands.at(name)->parsed(); };
  if (parsed("status")) return app::ctl_status(arguments.ctl);
  if (parsed("events"))
    return app::ctl_events(arguments.ctl, arguments.event_level, arguments.all_events);
  if (parsed("drain"))
    return app::ctl_drain(arguments.ctl, arguments.target, arguments.drain_wait_s);
  for (const auto& [name, command] : commands) {
    if (!name.empty() && command->parsed())
      return app::ctl(arguments.ctl, name, arguments.target, arguments.item, arguments.value);
  }
  return 2;
}

int print(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  return 0;
}

/// Tells of it; CLI11 would only say that a command is required.
bool unknown_command(const CLI::App& cli, int argc, char** argv) {
  if (argc < 2 || argv[1][0] == '-') return false;
  std::vector<std::string> names;
  for (const CLI::App* command : cli.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(command->get_name());
    if (names.back() == argv[1]) return false;
  }
  const std::vector<std::string_view> candidates(names.begin(), names.end());
  const std::string meant = config::nearest(argv[1], candidates);
  std::fprintf(stderr, "error: there is no command '%s'%s\nRun with --help for more information.\n",
               argv[1], meant.empty() ? "" : ("; did you mean " + meant + "?").c_str());
  return true;
}

int dispatch(int argc, char** argv) {
  Arguments arguments;
  CLI::App cli("Sluice, a JSON-RPC reverse proxy for Ethereum nodes");
  cli.require_subcommand(1);
  auto* run = cli.add_subcommand("run", "serve, in the foreground, until SIGTERM");
  add_run_options(*run, arguments);
  run->add_option("url", arguments.run.overrides.urls, "upstreams, instead of a file");
  auto* demo = cli.add_subcommand("demo", "serve before simulated nodes");
  add_run_options(*demo, arguments);
  unsigned demo_nodes = 3;
  demo->add_option("--nodes", demo_nodes, "how many nodes")->check(CLI::Range(1, 16));
  auto* check = cli.add_subcommand("check", "check a configuration; exit code 0 or 1");
  add_run_options(*check, arguments);
  check->add_option("url", arguments.run.overrides.urls, "upstreams, instead of a file");
  auto* config = cli.add_subcommand("config", "print what there is to configure");
  config->require_subcommand(1);
  auto* example = config->add_subcommand("example", "a commented file with every key");
  auto* reference = config->add_subcommand("reference", "the reference of all keys, in Markdown");
  auto* schema = config->add_subcommand("schema", "the JSON Schema, for editors");
  auto* effective =
      config->add_subcommand("effective", "a configuration with all its defaults, secrets hidden");
  add_run_options(*effective, arguments);
  auto* devnode = cli.add_subcommand("devnode", "a simulated Ethereum node");
  devnode->add_option("--listen", arguments.node.listen,
                      "address of the first node; further ones follow port by port");
  devnode->add_option("--nodes", arguments.nodes, "how many nodes of the one chain")
      ->check(CLI::Range(1, 64));
  devnode->add_option("--seed", arguments.node.seed, "nodes of one seed serve the same chain");
  devnode->add_option("--chain-id", arguments.node.chain_id, "chain id");
  devnode->add_option("--block-interval", arguments.block_interval_s,
                      "seconds between blocks; 0: only when asked to mine");
  devnode->add_option("--threads", arguments.node.threads, "threads of each node")
      ->check(CLI::Range(1, 64));
  auto* healthcheck =
      cli.add_subcommand("healthcheck", "ask a running Sluice whether it lives; exit code 0 or 1");
  healthcheck->add_option("--admin", arguments.address, "its admin address");
  healthcheck->add_option("--path", arguments.path, "/livez or /readyz");
  const CtlCommands ctl = add_ctl(cli, arguments);
  auto* top = cli.add_subcommand("top", "a live view of a running Sluice");
  top->add_option("--socket", arguments.top.socket, "its control socket (admin.socket)");
  top->add_option("--interval", arguments.top.interval_s, "seconds between two looks")
      ->check(CLI::Range(0.1, 3600.0));
  top->add_flag("--once", arguments.top.once, "print one page and end");
  auto* version = cli.add_subcommand("version", "print the version");

  if (unknown_command(cli, argc, argv)) return 2;
  try {
    cli.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return cli.exit(error) == 0 ? 0 : 2;
  }
  take_overrides(arguments);
  if (run->parsed()) return app::Daemon().run(arguments.run);
  if (demo->parsed()) return app::demo(arguments.run, demo_nodes);
  if (check->parsed()) return app::check(arguments.run);
  if (effective->parsed()) return app::effective(arguments.run);
  if (example->parsed()) return print(config::example_yaml());
  if (reference->parsed()) return print(config::reference_markdown());
  if (schema->parsed()) return print(config::json_schema());
  if (devnode->parsed()) return app::devnode(arguments.node, arguments.nodes);
  if (healthcheck->parsed()) return app::healthcheck(arguments.address, arguments.path);
  if (ctl.at("")->parsed()) return run_ctl(ctl, arguments);
  if (top->parsed()) return app::top(arguments.top);
  if (version->parsed()) return print("sluice " SLUICE_VERSION " (" SLUICE_COMPILER ")\n");
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return dispatch(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "sluice: %s\n", error.what());
    return 1;
  }
}

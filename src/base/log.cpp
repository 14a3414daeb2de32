// SPDX-License-Identifier: Apache-2.0
#include "base/log.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <spdlog/logger.h>
#include <spdlog/sinks/sink.h>
#include <unistd.h>

#include "base/log_format.hpp"
#include "base/log_writer.hpp"

namespace sluice::log {
namespace detail {
std::atomic<Level> active_level{Level::kOff};
}
namespace {

constexpr std::array<std::string_view, 6> kLevelWords = {"trace", "debug", "info",
                                                         "warn",  "error", "off"};
constexpr std::array<std::string_view, 3> kFormatWords = {"auto", "text", "json"};

template <class Enum, std::size_t N>
std::optional<Enum> parse_word(const std::array<std::string_view, N>& words,
                               std::string_view word) noexcept {
  const auto* found = std::find(words.begin(), words.end(), word);
  if (found == words.end()) return std::nullopt;
  return static_cast<Enum>(found - words.begin());
}

/// Takes lines that are already rendered, so spdlog's patterns are not used.
class QueueSink final : public spdlog::sinks::sink {
 public:
  explicit QueueSink(Writer& writer) : writer_(writer) {}
  void log(const spdlog::details::log_msg& msg) override {
    writer_.push(std::string(msg.payload.data(), msg.payload.size()));
  }
  void flush() override {}
  void set_pattern(const std::string&) override {}
  void set_formatter(std::unique_ptr<spdlog::formatter>) override {}

 private:
  Writer& writer_;
};

void render(std::string& out, bool json, Level level, std::string_view event, std::string_view msg,
            const Field* fields, std::size_t count) {
  (json ? append_json : append_text)(out, unix_time(), level, event, msg, fields, count);
}

std::string lost_notice(bool json, std::uint64_t count) {
  const Field field("count", count);
  std::string line;
  render(line, json, Level::kWarn, "log_dropped", "log lines were lost", &field, 1);
  return line;
}

struct Instance {
  explicit Instance(const Options& options, bool as_json)
      : json(as_json),
        writer({options.fd, options.queue_max, options.drain,
                [as_json](std::uint64_t count) { return lost_notice(as_json, count); }}),
        logger("sluice", std::make_shared<QueueSink>(writer)) {
    logger.set_level(spdlog::level::trace);
  }

  bool json;
  Writer writer;
  spdlog::logger logger;
};

std::atomic<Instance*> current{nullptr};
std::atomic<std::uint64_t> dropped_before{0};

/// Instances are kept to the process's end: a worker may be inside one that was just replaced.
/// There is one per init().
std::vector<std::unique_ptr<Instance>>& instances() {
  static auto* const all = new std::vector<std::unique_ptr<Instance>>();
  return *all;
}

void write_fields(Level level, std::string_view event, std::string_view msg, const Field* fields,
                  std::size_t count) {
  Instance* const instance = current.load(std::memory_order_acquire);
  if (instance == nullptr) return;
  thread_local std::string line;
  line.clear();
  render(line, instance->json, level, event, msg, fields, count);
  instance->logger.log(static_cast<spdlog::level::level_enum>(level),
                       spdlog::string_view_t(line.data(), line.size()));
}

double to_micros(double seconds) noexcept {
  return std::round(seconds * 1e6) / 1e6;
}

/// A fixed array rather than a vector: an access line allocates nothing but its own text.
class AccessFields {
 public:
  void text(std::string_view key, std::string_view value) {
    if (!value.empty()) add(Field(key, value));
  }
  void code(std::string_view key, int value) {
    if (value != 0) add(Field(key, value));
  }
  void time(std::string_view key, double value) {
    if (value >= 0) add(Field(key, to_micros(value)));
  }
  void add(const Field& field) { fields_[count_++] = field; }
  [[nodiscard]] const Field* data() const { return fields_.data(); }
  [[nodiscard]] std::size_t count() const { return count_; }

 private:
  static constexpr std::size_t kFieldsMax = 18;  // the members of AccessEntry
  std::array<Field, kFieldsMax> fields_{};
  std::size_t count_ = 0;
};

}  // namespace

std::optional<Level> parse_level(std::string_view word) noexcept {
  return parse_word<Level>(kLevelWords, word);
}

std::string_view level_word(Level level) noexcept {
  return kLevelWords[static_cast<std::size_t>(level)];
}

std::optional<Format> parse_format(std::string_view word) noexcept {
  return parse_word<Format>(kFormatWords, word);
}

void init(const Options& options) {
  shutdown();
  const bool json =
      options.format == Format::kJson || (options.format == Format::kAuto && !isatty(options.fd));
  instances().push_back(std::make_unique<Instance>(options, json));
  current.store(instances().back().get(), std::memory_order_release);
  set_level(options.level);
}

void shutdown() {
  set_level(Level::kOff);
  Instance* const instance = current.exchange(nullptr, std::memory_order_acq_rel);
  if (instance == nullptr) return;
  instance->writer.stop();
  dropped_before.fetch_add(instance->writer.dropped(), std::memory_order_relaxed);
}

std::uint64_t dropped() noexcept {
  const Instance* const instance = current.load(std::memory_order_acquire);
  return dropped_before.load(std::memory_order_relaxed) +
         (instance != nullptr ? instance->writer.dropped() : 0);
}

void set_level(Level level) noexcept {
  detail::active_level.store(level, std::memory_order_relaxed);
}

Level level() noexcept {
  return detail::active_level.load(std::memory_order_relaxed);
}

void write(Level level, std::string_view event, std::string_view msg, Fields fields) {
  write_fields(level, event, msg, fields.begin(), fields.size());
}

void write(Level level, std::string_view event, std::string_view msg,
           std::span<const Field> fields) {
  write_fields(level, event, msg, fields.data(), fields.size());
}

void access(const AccessEntry& entry) {
  if (!enabled(Level::kInfo)) return;
  AccessFields fields;
  fields.text("request_id", entry.request_id);
  fields.text("client", entry.client);
  fields.text("address", entry.address);
  fields.text("transport", entry.transport);
  fields.text("chain", entry.chain);
  fields.text("method", entry.method);
  fields.text("upstream", entry.upstream);
  fields.add(Field("attempts", entry.attempts));
  fields.text("outcome", entry.outcome);
  fields.code("http_status", entry.http_status);
  fields.code("rpc_code", entry.rpc_code);
  fields.add(Field("bytes_in", entry.bytes_in));
  fields.add(Field("bytes_out", entry.bytes_out));
  fields.time("total_s", entry.total_s);
  fields.time("queue_s", entry.queue_s);
  fields.time("upstream_s", entry.upstream_s);
  fields.time("overhead_s", entry.overhead_s);
  fields.add(Field("sample_rate", entry.sample_rate));
  write_fields(Level::kInfo, "call", "call finished", fields.data(), fields.count());
}

}  // namespace sluice::log

// SPDX-License-Identifier: Apache-2.0
#include "metrics/process_stats.hpp"

#include <array>
#include <charconv>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>
#include <system_error>

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace sluice::metrics {
namespace {

// Positions in proc_pid_stat(5), counted from the state, which follows the command in parentheses.
constexpr std::size_t kUtime = 11, kStime = 12, kStartTime = 19, kVsize = 20, kRss = 21;

std::optional<double> number(std::string_view word) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc{} || end != word.data() + word.size()) return std::nullopt;
  return static_cast<double>(value);
}

std::string read_text(const char* path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

/// Not by /proc/stat, which a service that sees nothing but its own processes has not.
double read_boot_time() {
  timespec wall{};
  timespec since_boot{};
  clock_gettime(CLOCK_REALTIME, &wall);
  clock_gettime(CLOCK_BOOTTIME, &since_boot);
  return static_cast<double>(wall.tv_sec - since_boot.tv_sec) +
         static_cast<double>(wall.tv_nsec - since_boot.tv_nsec) * 1e-9;
}

double count_open_fds() {
  constexpr const char* kDirectory = "/proc/self/fd";
  // Since Linux 6.2 the directory's size is the count; walking 20000 entries would hold up the
  // thread.
  struct stat info{};
  if (stat(kDirectory, &info) == 0 && info.st_size > 0) return static_cast<double>(info.st_size);
  std::error_code error;
  double count = 0;
  for (std::filesystem::directory_iterator at(kDirectory, error), end; !error && at != end;
       at.increment(error)) {
    ++count;
  }
  return count > 0 ? count - 1 : 0;  // less the one that reads the directory
}

double read_max_fds() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  return limit.rlim_cur == RLIM_INFINITY ? std::numeric_limits<double>::infinity()
                                         : static_cast<double>(limit.rlim_cur);
}

}  // namespace

std::optional<ProcessStats> parse_process_stat(std::string_view stat, const MachineUnits& units) {
  // The command may hold spaces and parentheses: what follows the last one is in a fixed form.
  const std::size_t command_end = stat.rfind(") ");
  if (command_end == std::string_view::npos) return std::nullopt;
  std::string_view rest = stat.substr(command_end + 2);
  std::array<std::optional<double>, kRss + 1> fields{};
  for (std::optional<double>& field : fields) {
    const std::size_t end = rest.find_first_of(" \n");
    field = number(rest.substr(0, end));
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  for (const std::size_t wanted : {kUtime, kStime, kStartTime, kVsize, kRss}) {
    if (!fields.at(wanted)) return std::nullopt;
  }
  ProcessStats out;
  out.cpu_seconds = (*fields[kUtime] + *fields[kStime]) / units.ticks_per_second;
  out.start_time = units.boot_time + *fields[kStartTime] / units.ticks_per_second;
  out.virtual_bytes = *fields[kVsize];
  out.resident_bytes = *fields[kRss] * units.page_bytes;
  return out;
}

std::optional<ProcessStats> read_process_stats() {
  static const MachineUnits units{static_cast<double>(sysconf(_SC_CLK_TCK)),
                                  static_cast<double>(sysconf(_SC_PAGESIZE)), read_boot_time()};
  std::optional<ProcessStats> out = parse_process_stat(read_text("/proc/self/stat"), units);
  if (!out) return out;
  out->open_fds = count_open_fds();
  out->max_fds = read_max_fds();
  return out;
}

}  // namespace sluice::metrics

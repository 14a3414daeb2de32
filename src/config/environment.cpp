// SPDX-License-Identifier: Apache-2.0
#include "config/environment.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/load.hpp"

namespace sluice::config {
namespace {

std::unexpected<Error> refuse(ErrorKind kind, std::string detail) {
  return fail(kind, Origin::kSluice, Retry::kNever, std::move(detail));
}

std::unexpected<Error> refuse_errno() {
  return refuse(ErrorKind::kIo, std::generic_category().message(errno));
}

/// Owns a descriptor for the length of one read.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

bool same_version(const struct stat& a, const struct stat& b) {
  return a.st_size == b.st_size && a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
         a.st_mtim.tv_nsec == b.st_mtim.tv_nsec && a.st_ctim.tv_sec == b.st_ctim.tv_sec &&
         a.st_ctim.tv_nsec == b.st_ctim.tv_nsec;
}

std::unexpected<Error> too_large() {
  return refuse(ErrorKind::kTooLarge, fmt::format("larger than {} bytes", kFileBytesMax));
}

}  // namespace

Result<std::string> read_whole_file(const std::string& path,
                                    const std::function<void()>& before_check) {
  // Not blocking, so that a named pipe cannot stop a reload.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat before{};
  if (file.get() < 0 || ::fstat(file.get(), &before) != 0) return refuse_errno();
  if (S_ISDIR(before.st_mode)) return refuse(ErrorKind::kIo, "is a directory");
  if (!S_ISREG(before.st_mode)) return refuse(ErrorKind::kIo, "not a regular file");
  if (before.st_size > static_cast<off_t>(kFileBytesMax)) return too_large();
  std::string text(std::max<std::size_t>(static_cast<std::size_t>(before.st_size) + 1, 4096), '\0');
  std::size_t size = 0;
  while (true) {
    if (size == text.size()) text.resize(text.size() + 4096);
    const ssize_t got = ::read(file.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return refuse_errno();
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
    if (size > kFileBytesMax) return too_large();
  }
  if (before_check) before_check();
  struct stat after{};
  if (::fstat(file.get(), &after) != 0) return refuse_errno();
  // Files of /proc and the like have no size; for the others a short or long read is a change too.
  const bool whole = before.st_size == 0 || size == static_cast<std::size_t>(before.st_size);
  if (!whole || !same_version(before, after)) {
    return refuse(ErrorKind::kIo, "changed while it was read; try again");
  }
  text.resize(size);
  return text;
}

Environment system_environment() {
  return {.variable = [](std::string_view name) -> std::optional<std::string> {
            const char* value = std::getenv(std::string(name).c_str());
            if (value == nullptr) return std::nullopt;
            return value;
          },
          .read_file = [](const std::string& path) { return read_whole_file(path); }};
}

}  // namespace sluice::config

// SPDX-License-Identifier: Apache-2.0
#include "config/environment.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <sys/stat.h>
#include <unistd.h>

#include "config/load.hpp"
#include "support/catch.hpp"

using namespace sluice::config;

namespace {

/// A folder of its own for one test case, gone with it.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "sluice-config-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  [[nodiscard]] std::string file(const std::string& name, const std::string& text) const {
    const auto path = path_ / name;
    std::ofstream(path, std::ios::binary) << text;
    return path.string();
  }
  [[nodiscard]] std::string path(const std::string& name = {}) const {
    return (path_ / name).string();
  }

 private:
  std::filesystem::path path_;
};

std::string refusal(const std::string& path) {
  const auto text = read_whole_file(path);
  return text ? "(read)" : text.error().detail;
}

}  // namespace

TEST_CASE("regular files are read whole, up to 1 MiB") {
  const Folder folder;
  CHECK(read_whole_file(folder.file("empty", "")).value() == "");
  const std::string full(kFileBytesMax, 'x');
  CHECK(read_whole_file(folder.file("full", full)).value() == full);
  CHECK(refusal(folder.file("over", full + "x")) == "larger than 1048576 bytes");
  CHECK(read_whole_file("/proc/self/status").value().starts_with("Name:"));
}

TEST_CASE("a huge file is refused without being read") {
  const Folder folder;
  const std::string path = folder.file("huge", "");
  std::filesystem::resize_file(path, std::uintmax_t{1} << 40);
  CHECK(refusal(path) == "larger than 1048576 bytes");
  const Loaded loaded = load({path}, {}, system_environment());
  REQUIRE(loaded.diagnostics.size() == 1);
  CHECK(loaded.diagnostics[0].render() ==
        path + ": error: cannot be read: larger than 1048576 bytes");
}

TEST_CASE("a file that does not tell its size is bounded while it is read") {
  // Eight bytes for every page of the address space: without end for our purposes.
  const std::string path = "/proc/self/pagemap";
  if (!std::ifstream(path)) return;
  CHECK(refusal(path) == "larger than 1048576 bytes");
}

TEST_CASE("what is not a readable regular file is refused") {
  const Folder folder;
  CHECK(refusal(folder.path("nothing")) == "No such file or directory");
  CHECK(refusal(folder.path()) == "is a directory");
  REQUIRE(mkfifo(folder.path("pipe").c_str(), 0600) == 0);
  CHECK(refusal(folder.path("pipe")) == "not a regular file");
  CHECK(refusal("/dev/zero") == "not a regular file");
}

TEST_CASE("a file that changes while it is read is refused") {
  const Folder folder;
  const std::string path = folder.file("a.yaml", "upstreams: [http://a:1]");
  const auto change = [&](const std::string& text) {
    return [&, text] { std::ofstream(path, std::ios::app) << text; };
  };
  CHECK(read_whole_file(path, [] {}).has_value());
  const auto grown = read_whole_file(path, change("x"));
  REQUIRE_FALSE(grown);
  CHECK(grown.error().detail == "changed while it was read; try again");
  const auto cut = read_whole_file(path, [&] { std::filesystem::resize_file(path, 3); });
  REQUIRE_FALSE(cut);
  CHECK(cut.error().detail == "changed while it was read; try again");
  // Replaced as a whole, as editors and deployments do it: the old version was read in peace.
  const auto replaced =
      read_whole_file(path, [&] { std::filesystem::rename(folder.file("b.yaml", "other"), path); });
  CHECK_FALSE(replaced.has_value());
}

TEST_CASE("variables are those of the process") {
  REQUIRE(setenv("SLUICE_TEST_VARIABLE", "x", 1) == 0);
  const Environment environment = system_environment();
  CHECK(environment.variable("SLUICE_TEST_VARIABLE") == std::optional<std::string>("x"));
  REQUIRE(unsetenv("SLUICE_TEST_VARIABLE") == 0);
  CHECK_FALSE(environment.variable("SLUICE_TEST_VARIABLE"));
}

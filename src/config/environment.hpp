// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "base/error.hpp"

namespace sluice::config {

/// A regular file whole, at most kFileBytesMax; `detail` of an error is a few words without the
/// path. `before_check` runs after the last byte was read and before the file is looked at for a
/// second time; tests change it there.
[[nodiscard]] Result<std::string> read_whole_file(const std::string& path,
                                                  const std::function<void()>& before_check = {});

}  // namespace sluice::config

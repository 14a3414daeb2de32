// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "ethereum/method.hpp"

namespace sluice::ethereum {

/// One layer of the configuration. An entry is a method's name, a prefix with a star at its end
/// (`debug_*`, `debug_trace*`), or `*`.
struct MethodLists {
  std::vector<std::string> allow;
  std::vector<std::string> deny;
};

/// Which methods may be called. Made by the control thread for a snapshot, read by all workers;
/// immutable.
///
/// Of all entries that fit a method the most specific wins: the whole name over a longer prefix
/// over a shorter one over `*`. Among equals the narrower layer wins, and within a layer `deny`.
/// Below all layers lie the built-in denials: the rows that are denied by name, and the namespaces
/// that administer a node, sign with its keys or belong to development chains. They follow the same
/// rule, so an `allow` must name the method or be as specific as the built-in entry; `*` lifts
/// none. What nothing fits is allowed.
///
/// Names that are not in the table are compared without regard to case, since some servers do not
/// regard it either, and are denied when they hold anything but letters, digits and `_ . - : /`: an
/// escape could hide a denied name.
class MethodFilter {
 public:
  /// `layers` from the broadest to the narrowest: global, chain, upstream, client. kInvalid names
  /// the bad entry.
  [[nodiscard]] static Result<MethodFilter> build(std::span<const MethodLists> layers);

  /// The built-in denials alone.
  MethodFilter();

  /// `method` is find(name), `name` the text as the client wrote it. A bit test for the table's
  /// methods; for others a walk over the prefixes.
  [[nodiscard]] bool allowed(const Method& method, std::string_view name) const noexcept {
    return &method == &other_method() ? allows_unknown(name) : known_[method.index];
  }

  /// Whether an entry has the form that a layer takes.
  [[nodiscard]] static bool valid_entry(std::string_view entry) noexcept;

  /// The prefixes that are denied by default, such as `admin_*`: for the reference of the
  /// configuration.
  [[nodiscard]] static std::span<const std::string_view> built_in() noexcept;

 private:
  struct Rule {
    std::string
        text;  // a name, or a prefix without its star; in lower case for names outside the table
    std::uint8_t layer = 0;
    bool prefix = false;
    bool allow = false;
  };
  static constexpr std::size_t kMaxMethods = 512;

  explicit MethodFilter(std::vector<Rule> rules);

  static Rule parse(std::string_view entry, std::size_t layer, bool allow);
  static bool outranks(const Rule& a, const Rule& b) noexcept;
  [[nodiscard]] bool allows_unknown(std::string_view name) const noexcept;

  std::bitset<kMaxMethods> known_;
  // For names outside the table, each text once, its winning rule: whole names sorted by text;
  // prefixes by falling length.
  std::vector<Rule> names_;
  std::vector<Rule> prefixes_;
};

}  // namespace sluice::ethereum

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

#include "config/config.hpp"
#include "config/words.hpp"

/// The shape of a row of the table of keys, and how a row reaches the member that it fills.
namespace sluice::config {

/// Places where keys may stand; a row names all of its own. kTopChain is the top level read as a
/// single chain.
enum Place : std::uint8_t {
  kRoot = 1,
  kListener = 2,
  kDefaults = 4,
  kChain = 8,
  kTopChain = 16,
  kUpstream = 32,
  kClient = 64,
};
inline constexpr unsigned kEveryChain = kDefaults | kChain | kTopChain;
inline constexpr unsigned kEveryUpstream = kEveryChain | kUpstream;

enum class Type : std::uint8_t {
  kGroup,   // a map of further keys
  kBlock,   // the map of another place
  kBlocks,  // a list of such maps
  kBool,
  kCount,  // whole number
  kNumber,
  kDuration,
  kSize,
  kPercent,
  kRate,
  kWord,   // one of `words`
  kWords,  // a list of such
  kName,   // letters, digits, '.', '_', '-'
  kSlug,   // lower case letters, digits, '_', '-'
  kRoute,  // the path of an HTTP request
  kPath,   // of a file
  kSecret,
  kAddress,
  kUrl,
  kHosts,
  kOrigins,
  kMethods,
  kCidrs,
  kHeaders,
};

enum class Reload : std::uint8_t { kLive, kRestart };

/// The objects that a place's keys fill; null where a place has none.
struct Owner {
  Config* root = nullptr;
  ListenConfig* listener = nullptr;
  ChainConfig* chain = nullptr;
  PerUpstream* shared = nullptr;
  UpstreamConfig* upstream = nullptr;
  ClientConfig* client = nullptr;
  MethodRules* methods = nullptr;

  template <class T>
  [[nodiscard]] constexpr T* get() const {
    if constexpr (std::is_same_v<T, Config>) return root;
    if constexpr (std::is_same_v<T, ListenConfig>) return listener;
    if constexpr (std::is_same_v<T, ChainConfig>) return chain;
    if constexpr (std::is_same_v<T, PerUpstream>) return shared;
    if constexpr (std::is_same_v<T, UpstreamConfig>) return upstream;
    if constexpr (std::is_same_v<T, ClientConfig>) return client;
    if constexpr (std::is_same_v<T, MethodRules>) return methods;
  }
};

/// The C++ type behind a row.
enum class Stored : std::uint8_t {
  kNothing,
  kBool,
  kCount,
  kDouble,
  kDuration,
  kEnum,
  kBits,
  kText,
  kTexts,
  kSecret,
  kAddress,
  kUrl,
  kMaybeUrl,
  kCidrs,
  kHeaders,
};

struct Field {
  void* (*access)(const Owner&) = nullptr;
  Stored stored = Stored::kNothing;
};

namespace detail {

template <class T>
consteval Stored stored_as() {
  if constexpr (std::is_same_v<T, bool>)
    return Stored::kBool;
  else if constexpr (std::is_same_v<T, std::uint64_t>)
    return Stored::kCount;
  else if constexpr (std::is_same_v<T, double>)
    return Stored::kDouble;
  else if constexpr (std::is_same_v<T, Duration>)
    return Stored::kDuration;
  else if constexpr (std::is_enum_v<T>)
    return Stored::kEnum;
  else if constexpr (std::is_same_v<T, Permissions>)
    return Stored::kBits;
  else if constexpr (std::is_same_v<T, std::string>)
    return Stored::kText;
  else if constexpr (std::is_same_v<T, std::vector<std::string>>)
    return Stored::kTexts;
  else if constexpr (std::is_same_v<T, Secret>)
    return Stored::kSecret;
  else if constexpr (std::is_same_v<T, Address>)
    return Stored::kAddress;
  else if constexpr (std::is_same_v<T, Url>)
    return Stored::kUrl;
  else if constexpr (std::is_same_v<T, std::optional<Url>>)
    return Stored::kMaybeUrl;
  else if constexpr (std::is_same_v<T, std::vector<Cidr>>)
    return Stored::kCidrs;
  else if constexpr (std::is_same_v<T, std::vector<Header>>)
    return Stored::kHeaders;
}

template <class M>
struct MemberOf;
template <class C, class T>
struct MemberOf<T C::*> {
  using Class = C;
  using Value = T;
};
template <auto... Members>
struct Last;
template <auto Member>
struct Last<Member> {
  using Value = typename MemberOf<decltype(Member)>::Value;
};
template <auto Member, auto... Rest>
struct Last<Member, Rest...> : Last<Rest...> {};

template <auto First, auto... Rest, class Object>
auto& descend(Object& object) {
  if constexpr (sizeof...(Rest) == 0) {
    return object.*First;
  } else {
    return descend<Rest...>(object.*First);
  }
}

template <auto First, auto... Rest>
void* access(const Owner& owner) {
  auto& object = *owner.get<typename MemberOf<decltype(First)>::Class>();
  return &descend<First, Rest...>(object);
}

}  // namespace detail

/// The member reached from its place's object: `field<&Config::timeout, &TimeoutConfig::call>()`.
template <auto... Members>
consteval Field field() {
  return {&detail::access<Members...>,
          detail::stored_as<typename detail::Last<Members...>::Value>()};
}

// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): in the order in which a row is read.
struct Key {
  unsigned at = 0;        // the Places it may stand in
  std::string_view path;  // dotted, from its place
  Type type = Type::kGroup;
  std::string_view fallback = {};       // the default as written in a file; empty: none
  std::string_view min = {}, max = {};  // as written; of a list: how many items
  std::string_view zero = {};           // the word that stands for 0: "off", "auto"
  std::span<const Word> words = {};
  Reload reload = Reload::kLive;
  bool required = false;
  bool secret = false;  // never repeated in messages, hidden in dumps
  bool sample = true;   // whether the example file sets it, or only mentions it
  std::string_view doc = {};
  std::string_view example = {};  // where the default does not show what may be written
  Place place = kRoot;            // of kBlock and kBlocks: whose keys stand inside
  std::string_view brief =
      {};  // of kBlocks: the key that an item written as a plain text stands for
  Field field = {};
};

/// All keys, in the order in which they are shown.
[[nodiscard]] std::span<const Key> table();

}  // namespace sluice::config

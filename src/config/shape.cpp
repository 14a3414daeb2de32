// SPDX-License-Identifier: Apache-2.0
#include "config/shape.hpp"

#include <algorithm>
#include <array>

#include "config/values.hpp"

namespace sluice::config {
namespace {

constexpr std::array kPlaces{kRoot, kListener, kDefaults, kChain, kUpstream, kClient};

unsigned places_in(Place place) {
  return place == kRoot ? unsigned{kRoot | kTopChain} : unsigned{place};
}

Shape* child(Shape& parent, std::string_view name) {
  const auto found = std::find_if(parent.children.begin(), parent.children.end(),
                                  [&](const Shape& shape) { return shape.name == name; });
  return found == parent.children.end() ? nullptr : &*found;
}

/// In a chain and an upstream what it is comes first, then what it inherits, then what is inside
/// it.
int rank(const Key& key, Place place) {
  if (place != kChain && place != kUpstream) return 0;
  if (key.type == Type::kBlocks) return 2;
  return (key.at & kDefaults) != 0 ? 1 : 0;
}

Shape build(Place place) {
  std::vector<const Key*> keys;
  for (const int wanted : {0, 1, 2}) {
    for (const Key& key : table()) {
      if ((key.at & places_in(place)) != 0 && rank(key, place) == wanted) keys.push_back(&key);
    }
  }
  Shape top;
  for (const Key* row : keys) {
    const Key& key = *row;
    Shape* parent = &top;
    std::string_view rest = key.path;
    for (auto dot = rest.find('.'); dot != std::string_view::npos; dot = rest.find('.')) {
      const std::string_view name = rest.substr(0, dot);
      Shape* next = child(*parent, name);
      if (next == nullptr) next = &parent->children.emplace_back(Shape{name, nullptr, {}});
      parent = next;
      rest.remove_prefix(dot + 1);
    }
    parent->children.push_back({rest, &key, {}});
  }
  return top;
}

template <class Item>
void each(std::vector<Item>& items, const std::function<void(std::size_t, const Owner&)>& visit) {
  for (std::size_t i = 0; i < items.size(); ++i) visit(i, owner_of(items[i]));
}

}  // namespace

const Shape* Shape::find(std::string_view wanted) const {
  const auto found = std::find_if(children.begin(), children.end(),
                                  [&](const Shape& shape) { return shape.name == wanted; });
  return found == children.end() ? nullptr : &*found;
}

const Shape& shape_of(Place place) {
  static const std::vector<Shape> kShapes = [] {
    std::vector<Shape> shapes;
    shapes.reserve(kPlaces.size());
    for (const Place each_place : kPlaces) shapes.push_back(build(each_place));
    return shapes;
  }();
  const auto index = std::find(kPlaces.begin(), kPlaces.end(), place) - kPlaces.begin();
  return kShapes.at(static_cast<std::size_t>(index));
}

std::string_view place_path(Place place) {
  switch (place) {
    case kListener:
      return "listen[]";
    case kDefaults:
      return "defaults";
    case kChain:
      return "chains[]";
    case kUpstream:
      return "chains[].upstreams[]";
    case kClient:
      return "clients[]";
    case kRoot:
    case kTopChain:
      break;
  }
  return {};
}

std::string join_path(std::string_view path, std::string_view name) {
  std::string out(path);
  if (!out.empty()) out += '.';
  return out.append(name);
}

void set_defaults(Place place, const Owner& owner) {
  for (const Key& key : table()) {
    const bool inherited = place != kDefaults && (key.at & kDefaults) != 0;
    if ((key.at & place) != 0 && !inherited) set_default(key, owner);
  }
}

Owner owner_of(Config& config) {
  return {.root = &config, .methods = &config.methods};
}

Owner owner_of(ListenConfig& listener) {
  return {.listener = &listener};
}

Owner owner_of(ChainConfig& chain) {
  return {.chain = &chain, .shared = &chain, .methods = &chain.methods};
}

Owner owner_of(UpstreamConfig& upstream) {
  return {.shared = &upstream, .upstream = &upstream, .methods = &upstream.methods};
}

Owner owner_of(ClientConfig& client) {
  return {.client = &client, .methods = &client.methods};
}

void for_each_item(const Key& blocks, const Owner& owner,
                   const std::function<void(std::size_t, const Owner&)>& visit) {
  switch (blocks.place) {
    case kListener:
      return each(owner.root->listen, visit);
    case kChain:
      return each(owner.root->chains, visit);
    case kUpstream:
      return each(owner.chain->upstreams, visit);
    case kClient:
      return each(owner.root->clients, visit);
    default:
      return;
  }
}

}  // namespace sluice::config

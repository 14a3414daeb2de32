// SPDX-License-Identifier: Apache-2.0
#include "config/yaml_reader.hpp"

#include <map>
#include <sstream>
#include <utility>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

namespace sluice::config {
namespace {

constexpr std::size_t kDepthMax = 32;
constexpr std::size_t kNodesMax = 200'000;
constexpr std::size_t kEntriesMax = 1000;  // of one map: keeps the search for duplicates short

/// Leaves yaml-cpp's parser with a complaint of ours.
struct Refused {
  Position at;
  std::string message;
};

std::size_t count_nodes(const Node& node) {
  std::size_t count = 1;
  for (const Node& item : node.items) count += count_nodes(item);
  for (const Entry& entry : node.entries) count += count_nodes(entry.value);
  return count;
}

/// Builds the tree from yaml-cpp's events. Lives for one document, on the stack of read_yaml().
/// Works on events, not on YAML::Node, because only they show duplicate keys, positions of keys,
/// and aliases before they are followed.
class Builder final : public YAML::EventHandler {
 public:
  Builder(std::size_t source, Report& report) : source_(source), report_(report) {}

  [[nodiscard]] Node take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (documents_++ != 0) {
      throw Refused{position(mark), "more than one YAML document in a file"};
    }
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    leaf({.kind = Node::Kind::kNull, .at = position(mark)}, anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) throw Refused{position(mark), "an alias inside its own anchor"};
    spend(found->second.nodes, position(mark));
    place(Node(found->second.node), position(mark));
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse_tag(mark, tag);
    leaf({.kind = Node::Kind::kScalar, .at = position(mark), .text = value}, anchor);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    refuse_tag(mark, tag);
    open({.kind = Node::Kind::kList, .at = position(mark)}, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    refuse_tag(mark, tag);
    open({.kind = Node::Kind::kMap, .at = position(mark)}, anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  /// A list or map whose end has not come yet; of a map also the key that waits for its value.
  struct Open {
    Node node;
    YAML::anchor_t anchor = 0;
    bool has_key = false;
    std::string key{};
    Position key_at{};
  };
  struct Anchored {
    Node node;
    std::size_t nodes;
  };

  [[nodiscard]] Position position(const YAML::Mark& mark) const {
    return {source_, mark.line + 1, mark.column + 1};
  }
  void refuse_tag(const YAML::Mark& mark, const std::string& tag) const {
    // yaml-cpp reports "?" for plain and "!" for quoted scalars.
    if (tag.empty() || tag == "?" || tag == "!") return;
    throw Refused{position(mark), "YAML tags are not supported"};
  }
  void spend(std::size_t nodes, Position at) {
    nodes_ += nodes;
    if (nodes_ > kNodesMax) {
      throw Refused{at, fmt::format("more than {} values, aliases unfolded", kNodesMax)};
    }
  }
  void leaf(Node node, YAML::anchor_t anchor) {
    spend(1, node.at);
    if (anchor != 0) anchors_[anchor] = {node, 1};
    const Position at = node.at;
    place(std::move(node), at);
  }
  void open(Node node, YAML::anchor_t anchor) {
    spend(1, node.at);
    if (!open_.empty() && open_.back().node.is_map() && !open_.back().has_key) {
      throw Refused{node.at, "a key must be a plain word"};
    }
    if (open_.size() >= kDepthMax) {
      throw Refused{node.at, fmt::format("nested deeper than {} levels", kDepthMax)};
    }
    open_.push_back({std::move(node), anchor});
  }
  void close() {
    Open done = std::move(open_.back());
    open_.pop_back();
    if (done.anchor != 0) anchors_[done.anchor] = {done.node, count_nodes(done.node)};
    const Position at = done.node.at;
    place(std::move(done.node), at);
  }
  void place(Node node, Position at) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& parent = open_.back();
    if (parent.node.is_list()) {
      parent.node.items.push_back(std::move(node));
    } else if (parent.has_key) {
      parent.has_key = false;
      add_entry(parent, std::move(node));
    } else {
      if (!node.is_scalar()) throw Refused{at, "a key must be a plain word"};
      parent.has_key = true;
      parent.key = std::move(node.text);
      parent.key_at = at;
    }
  }
  void add_entry(Open& parent, Node value) {
    if (parent.key == "<<") {
      report_.error(parent.key_at, "merge keys ('<<') are not supported; use 'defaults'");
      return;
    }
    if (const Entry* first = parent.node.find(parent.key)) {
      report_.error(parent.key_at, fmt::format("duplicate key '{}', first on line {}",
                                               printable(parent.key), first->at.line));
      return;
    }
    if (parent.node.entries.size() >= kEntriesMax) {
      throw Refused{parent.key_at, fmt::format("more than {} keys in one map", kEntriesMax)};
    }
    parent.node.entries.push_back({std::move(parent.key), parent.key_at, std::move(value)});
  }

  std::size_t source_;
  Report& report_;
  int documents_ = 0;
  std::size_t nodes_ = 0;
  Node root_{};
  std::vector<Open> open_{};
  std::map<YAML::anchor_t, Anchored> anchors_{};
};

/// Length of the UTF-8 character at the front of `text`, 0 where there is none that YAML allows
/// (RFC 3629, YAML 1.2 5.1: no controls but tab and line ends).
std::size_t character_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) {
    const bool fits =
        first >= 0x20 ? first != 0x7f : first == '\t' || first == '\n' || first == '\r';
    return fits ? 1 : 0;
  }
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0U) != 0x80U) return 0;
  }
  const unsigned char second = byte(1);
  const bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool outside = (first == 0xed && second > 0x9f) || (first == 0xf4 && second > 0x8f);
  return overlong || outside ? 0 : length;
}

/// Whether the text may be given to yaml-cpp, whose own words on these are hard to understand.
bool check_text(std::size_t source, std::string_view text, Report& report) {
  bool good = true;
  bool indenting = true;
  Position tab{source, 0, 0};
  Position at{source, 1, 1};
  while (!text.empty()) {
    const std::size_t length = character_length(text);
    if (length == 0) {
      report.error(at, "not a text file: a byte that is not UTF-8 or not printable");
      return false;
    }
    const char c = text.front();
    if (indenting && c == '\t' && tab.line == 0) tab = at;
    if (indenting && c != '\t' && c != ' ') {
      const bool matters = c != '\n' && c != '\r' && c != '#';
      if (matters && tab.line != 0) {
        report.error(tab, "a tab in the indentation; YAML wants spaces");
        good = false;
      }
      indenting = false;
    }
    text.remove_prefix(length);
    ++at.column;
    if (c == '\n') {
      at = {source, at.line + 1, 1};
      indenting = true;
      tab.line = 0;
    }
  }
  return good;
}

}  // namespace

std::optional<Node> read_yaml(std::size_t source, std::string_view text, Report& report) {
  if (!check_text(source, text, report)) return std::nullopt;
  Builder builder(source, report);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Refused& refused) {
    report.error(refused.at, refused.message);
    return std::nullopt;
  } catch (const YAML::Exception& wrong) {
    const bool known = !wrong.mark.is_null();
    report.error({source, known ? wrong.mark.line + 1 : 0, known ? wrong.mark.column + 1 : 0},
                 "not valid YAML: " + printable(wrong.msg));
    return std::nullopt;
  }
  Node root = builder.take();
  if (root.is_null()) root = {.kind = Node::Kind::kMap, .at = {source, 1, 1}};
  if (!root.is_map()) {
    report.error(root.at,
                 fmt::format("a configuration is a map of keys, not {}", root.kind_name()));
    return std::nullopt;
  }
  return root;
}

}  // namespace sluice::config

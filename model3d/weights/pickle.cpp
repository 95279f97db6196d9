// SPDX-License-Identifier: Apache-2.0
#include "model3d/weights/pickle.h"

#include <algorithm>
#include <cstdio>
#include <optional>
#include <unordered_map>

#include "pipeline/require.h"
#include "pipeline/utf8.h"

namespace larkspur::model3d {
namespace {

using pipeline::Errc;
using pipeline::one_line;
using pipeline::require;

/// The stack machine. One object reads one pickle.
class Machine {
 public:
  Machine(std::string_view bytes,
          const std::string& origin,
          std::span<const std::string_view> allowed)
      : bytes_(bytes), origin_(origin), allowed_(allowed) {}

  /// Runs to STOP; the value on top.
  PickleIndex run() {
    for (;;) {
      const auto op = static_cast<unsigned char>(take(1)[0]);
      if (op == '.') return pop();
      if (scalar(op) || container(op) || memory(op) || object(op)) continue;
      char code[8];
      std::snprintf(code, sizeof code, "0x%02x", op);
      throw pipeline::Error(
          Errc::kUnsupported,
          pipeline::text_of(origin_, ": a pickle with opcode ", code, ", which no weights need"));
    }
  }

  std::vector<PickleNode> take_nodes() { return std::move(nodes_); }

 private:
  void check(bool good, const char* what) const {
    require(good, Errc::kCorruptData, origin_, ": the pickle ", what, " at byte ", at_);
  }

  std::string_view take(std::uint64_t size) {
    check(size <= bytes_.size() - at_, "is cut short");
    const auto piece = bytes_.substr(at_, size);
    at_ += size;
    return piece;
  }

  std::uint64_t number(std::size_t width) {
    std::uint64_t value = 0;
    const auto bytes = take(width);
    for (std::size_t i = 0; i < width; ++i) {
      value |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
    }
    return value;
  }

  std::string_view text_line() {
    const auto end = bytes_.find('\n', at_);
    check(end != std::string_view::npos, "is cut short");
    const auto line = take(end - at_);
    take(1);
    return line;
  }

  void push(PickleNode node) {
    stack_.push_back(static_cast<PickleIndex>(nodes_.size()));
    nodes_.push_back(std::move(node));
  }
  void push(PickleKind kind, std::int64_t integer) { push({kind, integer, {}, {}}); }
  void push_text(std::string_view text) { push({PickleKind::kText, 0, std::string(text), {}}); }

  PickleIndex top() const {
    check(stack_.size() > (marks_.empty() ? 0 : marks_.back()), "takes from an empty stack");
    return stack_.back();
  }
  PickleIndex pop() {
    const PickleIndex index = top();
    stack_.pop_back();
    return index;
  }

  /// What was pushed since the last mark, which goes too.
  std::vector<PickleIndex> pop_to_mark() {
    check(!marks_.empty(), "looks for a mark that is not there");
    std::vector<PickleIndex> items(stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back()),
                                   stack_.end());
    stack_.resize(marks_.back());
    marks_.pop_back();
    return items;
  }

  void push_tuple(std::size_t size) {
    std::vector<PickleIndex> items(size);
    for (std::size_t i = size; i > 0; --i) items[i - 1] = pop();
    push({PickleKind::kTuple, 0, {}, std::move(items)});
  }

  void add(PickleKind kind, const std::vector<PickleIndex>& items) {
    PickleNode& node = nodes_[top()];
    check(node.kind == kind && (kind == PickleKind::kList || items.size() % 2 == 0),
          "adds to what takes no items");
    node.items.insert(node.items.end(), items.begin(), items.end());
  }

  bool scalar(unsigned char op) {
    switch (op) {
      case 'N':
        return push(PickleKind::kNone, 0), true;
      case 0x88:
      case 0x89:
        return push(PickleKind::kBool, op == 0x88 ? 1 : 0), true;
      case 'K':
        return push(PickleKind::kInteger, static_cast<std::int64_t>(number(1))), true;
      case 'M':
        return push(PickleKind::kInteger, static_cast<std::int64_t>(number(2))), true;
      case 'J':
        return push(PickleKind::kInteger, static_cast<std::int32_t>(number(4))), true;
      case 0x8a:
        return push_long(), true;
      case 'G':
        take(8);
        return push(PickleKind::kReal, 0), true;
      default:
        return text(op);
    }
  }

  /// Little-endian two's complement of as many bytes as told.
  void push_long() {
    const std::size_t width = number(1);
    check(width <= 8, "holds an integer beyond 64 bits");
    const std::uint64_t value = number(width);
    const std::size_t unused = 64 - 8 * width;
    const auto high = static_cast<std::int64_t>(width == 0 ? 0 : value << unused);
    push(PickleKind::kInteger, width == 0 ? 0 : high >> unused);
  }

  bool text(unsigned char op) {
    switch (op) {
      case 'X':
      case 'T':
      case 'B':
        return push_text(take(number(4))), true;
      case 'U':
      case 'C':
      case 0x8c:
        return push_text(take(number(1))), true;
      case 0x8d:
      case 0x8e:
        return push_text(take(number(8))), true;
      default:
        return false;
    }
  }

  bool container(unsigned char op) {
    switch (op) {
      case ')':
        return push_tuple(0), true;
      case 0x85:
      case 0x86:
      case 0x87:
        return push_tuple(op - 0x84U), true;
      case 't':
        return push({PickleKind::kTuple, 0, {}, pop_to_mark()}), true;
      case ']':
        return push(PickleKind::kList, 0), true;
      case 'l':
        return push({PickleKind::kList, 0, {}, pop_to_mark()}), true;
      case '}':
        return push(PickleKind::kDict, 0), true;
      case 'a':
        return add(PickleKind::kList, {pop()}), true;
      case 'e':
        return add(PickleKind::kList, pop_to_mark()), true;
      case 's': {
        const PickleIndex value = pop();
        const PickleIndex key = pop();
        return add(PickleKind::kDict, {key, value}), true;
      }
      case 'u':
        return add(PickleKind::kDict, pop_to_mark()), true;
      default:
        return false;
    }
  }

  bool memory(unsigned char op) {
    switch (op) {
      case 'q':
      case 'r':
        memo_[number(op == 'q' ? 1 : 4)] = top();
        return true;
      case 0x94:
        memo_[memo_.size()] = top();
        return true;
      case 'h':
      case 'j': {
        const auto kept = memo_.find(number(op == 'h' ? 1 : 4));
        check(kept != memo_.end(), "asks for what was not kept");
        stack_.push_back(kept->second);
        return true;
      }
      case '(':
        marks_.push_back(stack_.size());
        return true;
      case '0':
        pop();
        return true;
      case 0x80:  // protocol
        take(1);
        return true;
      case 0x95:  // frame
        take(8);
        return true;
      default:
        return false;
    }
  }

  bool object(unsigned char op) {
    switch (op) {
      case 'c': {
        const auto module = text_line();
        return push_global(module, text_line()), true;
      }
      case 0x93: {
        const PickleNode name = nodes_[pop()];
        const PickleNode module = nodes_[pop()];
        return push_global(module.text, name.text), true;
      }
      case 'R':
        return call(), true;
      case 'b':  // attributes of a dictionary, which say nothing about weights
        pop();
        check(nodes_[top()].kind == PickleKind::kDict, "sets attributes of no dictionary");
        return true;
      case 'Q':
        return push({PickleKind::kPersistent, 0, {}, {pop()}}), true;
      default:
        return false;
    }
  }

  void push_global(std::string_view module, std::string_view name) {
    const std::string whole = std::string(module) + "." + std::string(name);
    require(std::ranges::find(allowed_, whole) != allowed_.end(),
            Errc::kUnsupported,
            origin_,
            ": the pickle names ",
            one_line(whole),
            ", which no weights need; nothing was executed. Save the state dict alone");
    push({PickleKind::kGlobal, 0, whole, {}});
  }

  void call() {
    const PickleIndex arguments = pop();
    const PickleIndex callee = pop();
    check(
        nodes_[callee].kind == PickleKind::kGlobal && nodes_[arguments].kind == PickleKind::kTuple,
        "calls what is no name");
    if (nodes_[callee].text == "collections.OrderedDict" && nodes_[arguments].items.empty()) {
      push(PickleKind::kDict, 0);
    } else {
      push({PickleKind::kCall, 0, {}, {callee, arguments}});
    }
  }

  std::string_view bytes_;
  const std::string& origin_;
  std::span<const std::string_view> allowed_;
  std::size_t at_ = 0;
  std::vector<PickleNode> nodes_;
  std::vector<PickleIndex> stack_;
  std::vector<std::size_t> marks_;
  std::unordered_map<std::uint64_t, PickleIndex> memo_;
};

}  // namespace

Pickle::Pickle(std::string_view bytes,
               const std::string& origin,
               std::span<const std::string_view> allowed) {
  require(bytes.size() <= kMaxPickleBytes,
          Errc::kUnsupported,
          origin,
          ": a pickle of ",
          bytes.size(),
          " bytes, more than the ",
          kMaxPickleBytes,
          " that are read");
  Machine machine(bytes, origin, allowed);
  root_ = machine.run();
  nodes_ = machine.take_nodes();
}

const PickleNode* Pickle::find(const PickleNode& dict, std::string_view key) const {
  const PickleNode* found = nullptr;
  for (std::size_t i = 0; dict.kind == PickleKind::kDict && i + 1 < dict.items.size(); i += 2) {
    const PickleNode& name = at(dict.items[i]);
    if (name.kind == PickleKind::kText && name.text == key) found = &at(dict.items[i + 1]);
  }
  return found;
}

}  // namespace larkspur::model3d

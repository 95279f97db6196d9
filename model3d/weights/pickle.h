// SPDX-License-Identifier: Apache-2.0
// A pickle read as data: Python's serialised objects, of which weights need a few kinds. Nothing
// that a pickle names is executed; a call is kept as what it is, a name and its arguments, and only
// names on a short list are let in.
//
//   opcodes --machine (stack, memo)--> nodes in one array, items by index --> root()
//
// Source: the opcodes of protocols 2 to 5 as Python's pickletools describes them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace larkspur::model3d {

enum class PickleKind : std::uint8_t {
  kNone,
  kBool,        ///< integer: 0 or 1
  kInteger,     ///< integer
  kReal,        ///< its value is not kept
  kText,        ///< text, of characters or bytes
  kTuple,       ///< items
  kList,        ///< items
  kDict,        ///< items: key, value, key, value, ...; a later key replaces an equal one
  kGlobal,      ///< text: "torch.FloatStorage"
  kCall,        ///< items: a global and a tuple of arguments
  kPersistent,  ///< items: the one value that is the persistent id
};

/// Index of a node in its pickle.
using PickleIndex = std::uint32_t;

struct PickleNode {
  PickleKind kind = PickleKind::kNone;
  std::int64_t integer = 0;
  std::string text;
  std::vector<PickleIndex> items;
};

/// Const and callable from many threads. Values may be shared and may even contain themselves: walk
/// with a bound.
class Pickle {
 public:
  /// Reads the first value of `bytes`; `origin` stands for the file in messages. Globals other than
  /// `allowed` are refused. Memory is bounded by some hundred times the bytes, of which there are
  /// kMaxPickleBytes at most. Throws kUnsupported naming the global or the opcode, kCorruptData.
  Pickle(std::string_view bytes,
         const std::string& origin,
         std::span<const std::string_view> allowed);

  const PickleNode& root() const { return nodes_[root_]; }
  const PickleNode& at(PickleIndex index) const { return nodes_.at(index); }

  /// The value of a text key in a dictionary; null where there is none or `dict` is none.
  const PickleNode* find(const PickleNode& dict, std::string_view key) const;

 private:
  std::vector<PickleNode> nodes_;
  PickleIndex root_ = 0;
};

inline constexpr std::size_t kMaxPickleBytes = 4U << 20U;

}  // namespace larkspur::model3d

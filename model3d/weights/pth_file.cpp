// SPDX-License-Identifier: Apache-2.0
#include "model3d/weights/pth_file.h"

#include <algorithm>
#include <memory>
#include <optional>

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include "model3d/weights/pickle.h"
#include "pipeline/require.h"
#include "pipeline/utf8.h"

namespace larkspur::model3d {
namespace {

using pipeline::Errc;
using pipeline::one_line;
using pipeline::require;

constexpr std::size_t kMostAxes = 16;

// Keys that training programs keep a state dict under, the first that is there is taken.
constexpr std::string_view kUsualParts[] = {"model", "state_dict", "model_ema", "state_dict_ema"};

constexpr std::string_view kRebuildTensor = "torch._utils._rebuild_tensor_v2";
constexpr std::string_view kRebuildParameter = "torch._utils._rebuild_parameter";

constexpr std::string_view kAllowed[] = {
    "collections.OrderedDict",
    kRebuildTensor,
    kRebuildParameter,
    "torch.FloatStorage",
    "torch.HalfStorage",
    "torch.BFloat16Storage",
    "torch.DoubleStorage",
    "torch.LongStorage",
    "torch.IntStorage",
    "torch.ShortStorage",
    "torch.CharStorage",
    "torch.ByteStorage",
    "torch.BoolStorage",
};

struct StorageType {
  std::string_view name;
  std::int64_t bytes;
  std::optional<at::ScalarType> real{};  ///< where weights may be of it
};

constexpr StorageType kStorageTypes[] = {
    {"torch.FloatStorage", 4, at::kFloat},
    {"torch.HalfStorage", 2, at::kHalf},
    {"torch.BFloat16Storage", 2, at::kBFloat16},
    {"torch.DoubleStorage", 8, at::kDouble},
    {"torch.LongStorage", 8},
    {"torch.IntStorage", 4},
    {"torch.ShortStorage", 2},
    {"torch.CharStorage", 1},
    {"torch.ByteStorage", 1},
    {"torch.BoolStorage", 1},
};

const StorageType* find_storage_type(std::string_view name) {
  const auto* row = std::ranges::find(kStorageTypes, name, &StorageType::name);
  return row == std::end(kStorageTypes) ? nullptr : row;
}

/// The element behind the last that a strided tensor touches; nothing beyond 64 bits.
std::optional<std::int64_t> end_of(std::int64_t offset,
                                   const std::vector<std::int64_t>& sizes,
                                   const std::vector<std::int64_t>& strides) {
  if (std::ranges::find(sizes, 0) != sizes.end()) return 0;
  std::int64_t last = offset;
  std::int64_t count = 1;
  for (std::size_t axis = 0; axis < sizes.size(); ++axis) {
    std::int64_t step = 0;
    if (__builtin_mul_overflow(sizes[axis] - 1, strides[axis], &step) ||
        __builtin_add_overflow(last, step, &last) ||
        __builtin_mul_overflow(count, sizes[axis], &count)) {
      return std::nullopt;
    }
  }
  return last + 1;
}

/// Of sizes that end_of() took.
std::int64_t count_of(const std::vector<std::int64_t>& sizes) {
  std::int64_t count = 1;
  if (std::ranges::find(sizes, 0) != sizes.end()) return 0;
  for (const std::int64_t size : sizes) count *= size;
  return count;
}

}  // namespace

/// Walks the pickle of one file.
struct PthFile::Reading {
  const Pickle& pickle;
  const std::string& origin;

  bool calls(const PickleNode& node, std::string_view name) const {
    return node.kind == PickleKind::kCall && pickle.at(node.items[0]).text == name;
  }

  /// The call that makes the tensor a value is, through at most one parameter around it.
  const PickleNode* tensor_call(const PickleNode& value) const {
    const PickleNode* node = &value;
    if (calls(*node, kRebuildParameter)) {
      const PickleNode& arguments = pickle.at(node->items[1]);
      if (arguments.items.empty()) return nullptr;
      node = &pickle.at(arguments.items[0]);
    }
    return calls(*node, kRebuildTensor) ? node : nullptr;
  }

  bool holds_tensors(const PickleNode& dict) const {
    bool holds = false;
    for (std::size_t i = 1; dict.kind == PickleKind::kDict && i < dict.items.size(); i += 2) {
      holds = holds || tensor_call(pickle.at(dict.items[i])) != nullptr;
    }
    return holds;
  }

  /// The keys at the top whose values hold tensors by name, the one that is taken first in front.
  std::vector<std::string> parts() const {
    std::vector<std::string> parts;
    const PickleNode& root = pickle.root();
    for (std::size_t i = 0; root.kind == PickleKind::kDict && i + 1 < root.items.size(); i += 2) {
      const PickleNode& key = pickle.at(root.items[i]);
      const bool is_part = key.kind == PickleKind::kText &&
                           std::ranges::find(parts, key.text) == parts.end() &&
                           holds_tensors(pickle.at(root.items[i + 1]));
      if (is_part) parts.push_back(key.text);
    }
    const auto rank = [](const std::string& part) {
      return std::ranges::find(kUsualParts, part) - std::begin(kUsualParts);
    };
    std::ranges::stable_sort(parts, {}, rank);
    return parts;
  }

  /// The dictionary of a key, the whole where that is empty.
  const PickleNode& part(const std::string& key) const {
    const PickleNode* const value = key.empty() ? nullptr : pickle.find(pickle.root(), key);
    return value == nullptr ? pickle.root() : *value;
  }

  std::vector<std::int64_t> integers(const PickleNode& tuple, const std::string& name) const {
    bool good = tuple.kind == PickleKind::kTuple && tuple.items.size() <= kMostAxes;
    std::vector<std::int64_t> values;
    for (std::size_t i = 0; good && i < tuple.items.size(); ++i) {
      const PickleNode& item = pickle.at(tuple.items[i]);
      good = item.kind == PickleKind::kInteger && item.integer >= 0;
      values.push_back(item.integer);
    }
    require(good,
            Errc::kCorruptData,
            origin,
            ": ",
            one_line(name),
            " has sizes or strides that are none");
    return values;
  }

  /// storage, offset, sizes, strides of a tensor's call.
  StoredTensor place_of(const std::string& name, const PickleNode& call) const {
    const auto refuse_unless = [&](bool good) {
      require(good, Errc::kCorruptData, origin, ": ", one_line(name), " is no well-formed tensor");
    };
    const PickleNode& arguments = pickle.at(call.items[1]);
    refuse_unless(arguments.items.size() >= 4);
    const PickleNode& persistent = pickle.at(arguments.items[0]);
    const PickleNode& offset = pickle.at(arguments.items[1]);
    refuse_unless(persistent.kind == PickleKind::kPersistent &&
                  offset.kind == PickleKind::kInteger && offset.integer >= 0);
    // ("storage", type, key, device, elements)
    const PickleNode& id = pickle.at(persistent.items[0]);
    refuse_unless(id.kind == PickleKind::kTuple && id.items.size() == 5);
    const PickleNode& elements = pickle.at(id.items[4]);
    StoredTensor place;
    place.type = pickle.at(id.items[1]).text;
    place.storage = pickle.at(id.items[2]).text;
    place.elements = elements.integer;
    place.offset = offset.integer;
    place.sizes = integers(pickle.at(arguments.items[2]), name);
    place.strides = integers(pickle.at(arguments.items[3]), name);
    refuse_unless(elements.kind == PickleKind::kInteger &&
                  find_storage_type(place.type) != nullptr &&
                  place.sizes.size() == place.strides.size());
    return place;
  }

  std::map<std::string, StoredTensor> places_in(const PickleNode& dict) const {
    std::map<std::string, StoredTensor> places;
    for (std::size_t i = 0; dict.kind == PickleKind::kDict && i + 1 < dict.items.size(); i += 2) {
      const PickleNode& key = pickle.at(dict.items[i]);
      const PickleNode* call = tensor_call(pickle.at(dict.items[i + 1]));
      if (key.kind != PickleKind::kText || call == nullptr) continue;
      places[key.text] = place_of(key.text, *call);
    }
    return places;
  }
};

namespace {

bool is_usual(const std::string& part) {
  return std::ranges::find(kUsualParts, part) != std::end(kUsualParts);
}

std::string listed(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ", ") + one_line(part);
  return text.empty() ? "none" : text;
}

/// The folder that all records are in, after the first of them, with its slash.
std::string folder_of(const ZipArchive& archive) {
  if (archive.members().empty()) return "";
  const std::string& name = archive.members().front().name;
  const auto slash = name.find('/');
  return slash == std::string::npos ? "" : name.substr(0, slash + 1);
}

/// Strides of the same sizes without holes, last axis fastest.
bool is_dense(const std::vector<std::int64_t>& sizes, const std::vector<std::int64_t>& strides) {
  std::int64_t step = 1;
  for (std::size_t axis = sizes.size(); axis-- > 0;) {
    if (sizes[axis] != 1 && strides[axis] != step) return false;
    step *= sizes[axis];
  }
  return true;
}

}  // namespace

PthFile::PthFile(std::filesystem::path path, std::string part)
    : path_(std::move(path)), archive_(path_), folder_(folder_of(archive_)) {
  const std::string origin = path_.string();
  require(
      archive_.find(folder_ + "byteorder") == nullptr || text_of_record("byteorder") == "little",
      Errc::kUnsupported,
      origin,
      ": values are big-endian");
  const Pickle pickle(text_of_record("data.pkl"), origin, kAllowed);
  const Reading reading{pickle, origin};
  const std::vector<std::string> parts = reading.parts();
  const bool is_there = part.empty() || std::ranges::find(parts, part) != parts.end();
  require(is_there,
          Errc::kNotFound,
          origin,
          ": no weights under ",
          part,
          "; there are: ",
          listed(parts));
  if (part.empty() && !parts.empty() && is_usual(parts.front())) {
    part = parts.front();
    if (parts.size() > 1) {
      notes_.push_back(pipeline::text_of("it holds weights under ",
                                         listed(parts),
                                         ", those under ",
                                         part,
                                         " are read; write ",
                                         origin,
                                         "#",
                                         parts[1],
                                         " for others"));
    }
  }
  places_ = reading.places_in(reading.part(part));
  for (const auto& [name, place] : places_) check_storage(name, place);
  require(!places_.empty(),
          Errc::kUnsupported,
          origin,
          ": no tensors by name, neither at the top nor under ",
          listed({std::begin(kUsualParts), std::end(kUsualParts)}));
}

const ZipMember& PthFile::record(const std::string& name) const {
  const ZipMember* member = archive_.find(folder_ + name);
  require(member != nullptr,
          Errc::kCorruptData,
          path_.string(),
          ": the archive has no record ",
          one_line(folder_ + name));
  return *member;
}

std::string PthFile::text_of_record(const std::string& name) const {
  const ZipMember& member = record(name);
  require(member.size <= kMaxPickleBytes,
          Errc::kUnsupported,
          path_.string(),
          ": the record ",
          name,
          " is larger than any that weights need");
  archive_.check(member);
  std::string text(member.size, '\0');
  archive_.read(member, 0, member.size, text.data());
  return text;
}

void PthFile::check_storage(const std::string& name, const StoredTensor& place) const {
  const StorageType& type = *find_storage_type(place.type);
  const auto bytes = static_cast<std::int64_t>(record("data/" + place.storage).size);
  const auto end = end_of(place.offset, place.sizes, place.strides);
  const bool good = bytes % type.bytes == 0 && bytes / type.bytes == place.elements && end &&
                    *end <= place.elements;
  require(good,
          Errc::kCorruptData,
          path_.string(),
          ": ",
          one_line(name),
          " does not lie inside its storage of ",
          bytes,
          " bytes");
  // Strides of zero repeat values without end.
  require(static_cast<std::uint64_t>(count_of(place.sizes)) <= archive_.file_bytes(),
          Errc::kUnsupported,
          path_.string(),
          ": ",
          one_line(name),
          " has ",
          count_of(place.sizes),
          " values, more than the file has bytes");
}

const PthFile::StoredTensor& PthFile::place(const std::string& name) const {
  const auto found = places_.find(name);
  require(
      found != places_.end(), Errc::kCorruptData, path_.string(), " has no entry ", one_line(name));
  return found->second;
}

std::vector<std::string> PthFile::names() const {
  std::vector<std::string> names;
  for (const auto& [name, place] : places_) names.push_back(name);
  return names;
}

std::vector<std::int64_t> PthFile::shape(const std::string& name) const {
  return place(name).sizes;
}

void PthFile::check_once(const ZipMember& member) const {
  const std::lock_guard lock(checking_);
  if (checked_.contains(member.name)) return;
  archive_.check(member);
  checked_.insert(member.name);
}

at::Tensor PthFile::tensor(const std::string& name) const {
  const StoredTensor& wanted = place(name);
  const StorageType& type = *find_storage_type(wanted.type);
  require(type.real.has_value(),
          Errc::kUnsupported,
          path_.string(),
          ": ",
          one_line(name),
          " is of ",
          wanted.type,
          ", which is no type of weights");
  const ZipMember& member = record("data/" + wanted.storage);
  check_once(member);
  at::Tensor values = at::empty(wanted.sizes, at::TensorOptions(at::kFloat));
  if (values.numel() == 0) return values;  // wherever it claims to lie
  const auto end = *end_of(wanted.offset, wanted.sizes, wanted.strides);
  const std::int64_t spanned = std::max<std::int64_t>(0, end - wanted.offset);
  const auto begin = static_cast<std::uint64_t>(wanted.offset * type.bytes);
  const auto bytes = static_cast<std::uint64_t>(spanned * type.bytes);
  if (*type.real == at::kFloat && is_dense(wanted.sizes, wanted.strides)) {
    archive_.read(member, begin, bytes, values.mutable_data_ptr());
    return values;
  }
  const auto raw = std::make_unique_for_overwrite<char[]>(bytes);
  archive_.read(member, begin, bytes, raw.get());
  values.copy_(
      at::from_blob(raw.get(), wanted.sizes, wanted.strides, at::TensorOptions(*type.real)));
  return values;
}

}  // namespace larkspur::model3d

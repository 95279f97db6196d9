// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <sstream>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/from_blob.h>

#include "pipeline/all_or_none.h"
#include "pipeline/checkpoint/checkpoint.h"
#include "pipeline/checkpoint/newest_first.h"
#include "pipeline/finite.h"
#include "pipeline/log.h"
#include "pipeline/require.h"

namespace larkspur::pipeline {
namespace {

/// The ranges a logical tensor of a known size is cut into, or an error that names it.
std::vector<ElementRange> pieces_of(const Checkpoint& checkpoint,
                                    const char* kind,
                                    const std::string& name,
                                    std::int64_t elements) {
  const std::vector<ElementRange> pieces = checkpoint.pieces(kind, name);
  require(pieces.back().end == elements,
          Errc::kInvalidArgument,
          checkpoint.folder().string(),
          ": ",
          kind,
          " ",
          name,
          " has ",
          pieces.back().end,
          " elements, the model ",
          elements);
  return pieces;
}

void require_finite_values(const Checkpoint& checkpoint,
                           std::string_view kind,
                           const std::string& name,
                           const at::Tensor& values) {
  if (!is_of_network(kind)) return;
  require(!first_not_finite(values),
          Errc::kCorruptData,
          checkpoint.folder().string(),
          ": ",
          kind,
          " ",
          name,
          " has values that are not finite");
}

void warn_of_unknown_kinds(const Checkpoint& checkpoint) {
  std::string unknown;
  for (const auto& [kind, name] : checkpoint.tensors()) {
    const bool known = std::ranges::find(kStateKinds, kind) != kStateKinds.end();
    if (known || unknown.ends_with(" " + kind)) continue;  // sorted: equal kinds are neighbours
    unknown += (unknown.empty() ? " " : ", ") + kind;
  }
  if (unknown.empty()) return;
  log_warn(text_of(checkpoint.folder().string(),
                   " was written by a later version and holds tensors that this one does not "
                   "know; left out:",
                   unknown));
}

void warn_of_other_arithmetic(const Checkpoint& checkpoint) {
  const int saved = checkpoint.manifest().arithmetic;
  if (saved == kArithmetic) return;
  log_warn(text_of(checkpoint.folder().string(),
                   " was written with arithmetic ",
                   saved,
                   ", this version has ",
                   kArithmetic,
                   ": bits may differ from an unbroken run"));
}

/// What this rank holds of one piece. Whole pieces are read, because a checksum is one of a whole
/// piece; they are cut as the job that wrote them was, so one may reach beyond what this rank
/// holds.
void restore_piece(const Checkpoint& checkpoint,
                   const StateTensor& tensor,
                   std::size_t index,
                   ElementRange piece) {
  const std::int64_t begin = std::max(piece.begin, tensor.held.begin);
  const std::int64_t end = std::min(piece.end, tensor.held.end);
  if (begin >= end) return;
  const at::Tensor held = tensor.values.narrow(0, begin - tensor.held.begin, end - begin);
  if (held.is_cpu() && end - begin == piece.size()) {
    checkpoint.read_piece(tensor.kind, tensor.name, index, held.mutable_data_ptr<float>());
  } else {
    const at::Tensor values = checkpoint.read_piece(tensor.kind, tensor.name, index);
    held.copy_(values.narrow(0, begin - piece.begin, end - begin));
  }
}

void restore_alone(const Checkpoint& checkpoint, const StateTensor& tensor) {
  const auto pieces = pieces_of(checkpoint, tensor.kind, tensor.name, tensor.elements);
  for (std::size_t i = 0; i < pieces.size(); ++i) restore_piece(checkpoint, tensor, i, pieces[i]);
  require_finite_values(checkpoint, tensor.kind, tensor.name, tensor.values);
}

/// A piece of something that every rank holds.
struct SharedPiece {
  const StateTensor* tensor;
  std::size_t index;
  ElementRange range;
};

/// Each piece is read by one rank and handed to all, a piece a rank at a time: nobody holds more
/// than that beside its state.
void restore_together(const Checkpoint& checkpoint,
                      const std::vector<StateTensor>& tensors,
                      Communicator& communicator) {
  std::vector<SharedPiece> shared;
  for (const StateTensor& tensor : tensors) {
    const auto pieces = pieces_of(checkpoint, tensor.kind, tensor.name, tensor.elements);
    for (std::size_t i = 0; i < pieces.size(); ++i) shared.push_back({&tensor, i, pieces[i]});
  }
  const auto ranks = static_cast<std::size_t>(communicator.size());
  for (std::size_t first = 0; first < shared.size(); first += ranks) {
    auto bytes = all_or_none(communicator, [&]() -> std::string {
      const std::size_t mine = first + static_cast<std::size_t>(communicator.rank());
      if (mine >= shared.size()) return "";
      const auto& [tensor, index, range] = shared[mine];
      const at::Tensor values = checkpoint.read_piece(tensor->kind, tensor->name, index);
      require_finite_values(checkpoint, tensor->kind, tensor->name, values);
      return {static_cast<const char*>(values.const_data_ptr()), values.nbytes()};
    });
    for (std::size_t i = first; i < std::min(first + ranks, shared.size()); ++i) {
      const auto& [tensor, index, range] = shared[i];
      require(bytes[i - first].size() == static_cast<std::size_t>(range.size()) * sizeof(float),
              Errc::kCollective,
              "[restore] ranks are at different pieces of a checkpoint");
      const at::Tensor values = at::from_blob(bytes[i - first].data(), {range.size()}, at::kFloat);
      tensor->values.narrow(0, range.begin, range.size()).copy_(values);
    }
  }
}

bool holds_average(const Checkpoint& checkpoint) {
  const auto tensors = checkpoint.tensors();
  return std::ranges::any_of(tensors,
                             [](const auto& tensor) { return tensor.first == kAverageWeight; });
}

void restore_whole(const Checkpoint& checkpoint,
                   const char* kind,
                   const std::string& name,
                   const at::Tensor& tensor) {
  (void)pieces_of(checkpoint, kind, name, tensor.numel());
  const at::Tensor values = checkpoint.read(kind, name);
  require_finite_values(checkpoint, kind, name, values);
  tensor.copy_(values.view(tensor.sizes()));
}

}  // namespace

void restore(const Checkpoint& checkpoint, TrainState& state, Communicator& communicator) {
  const at::NoGradGuard no_grad;
  if (communicator.rank() == 0) {
    warn_of_unknown_kinds(checkpoint);
    warn_of_other_arithmetic(checkpoint);
  }
  std::vector<StateTensor> shared;
  std::vector<StateTensor> own;
  for (const StateTensor& tensor : state.tensors()) {
    const bool is_shared = tensor.sharding == Sharding::kReplicated && communicator.size() > 1;
    (is_shared ? shared : own).push_back(tensor);
  }
  restore_together(checkpoint, shared, communicator);
  all_or_none(communicator, [&] {
    for (const StateTensor& tensor : own) restore_alone(checkpoint, tensor);
    return std::string();
  });
  state.step = checkpoint.manifest().step;
  state.bad = checkpoint.manifest().bad;
  state.scaler = checkpoint.manifest().scaler;
}

namespace {

/// What has other tensors is no damaged checkpoint, as headers have checksums of their own: it is
/// another network's, and so would be those before it.
void require_tensors_of(const TrainState& state, const Checkpoint& checkpoint) {
  const auto there = checkpoint.tensors();  // sorted
  for (const StateTensor& tensor : state.tensors()) {
    require(std::ranges::binary_search(there, std::pair(std::string(tensor.kind), tensor.name)),
            Errc::kInvalidArgument,
            checkpoint.folder().string(),
            " has no ",
            tensor.kind,
            " ",
            tensor.name);
    (void)pieces_of(checkpoint, tensor.kind, tensor.name, tensor.elements);
  }
}

/// On all ranks or on none, and never as damage.
void require_fit(const std::function<void(const Checkpoint&)>& fits,
                 const Checkpoint& checkpoint,
                 Communicator& communicator) {
  try {
    all_or_none(communicator, [&] {
      fits(checkpoint);
      return std::string();
    });
  } catch (const Error& error) {
    if (error.code() == Errc::kCollective) throw;
    throw Error(Errc::kInvalidArgument, error.what());
  }
}

}  // namespace

std::optional<Checkpoint> restore_newest(const std::filesystem::path& folder,
                                         TrainState& state,
                                         Communicator& communicator,
                                         const std::function<void(const Checkpoint&)>& fits) {
  const bool first = communicator.rank() == 0;
  const auto told = all_or_none(communicator, [&] {
    std::string paths;
    if (!first) return paths;
    for (const auto& path : newest_first(folder)) paths += path.string() + '\0';
    return paths;
  });
  std::vector<std::filesystem::path> paths;
  std::istringstream words(told.front());
  for (std::string path; std::getline(words, path, '\0');) paths.emplace_back(path);
  return first_whole(folder, paths, first, [&](const std::filesystem::path& path) {
    Checkpoint checkpoint = open_checkpoint(path, communicator);
    require_fit(fits, checkpoint, communicator);
    require_tensors_of(state, checkpoint);
    restore(checkpoint, state, communicator);
    return checkpoint;
  });
}

void restore_network(const Checkpoint& checkpoint, const Classifier& classifier, WeightSet set) {
  const at::NoGradGuard no_grad;
  warn_of_unknown_kinds(checkpoint);
  const bool last = set == WeightSet::kLast;
  require(last || holds_average(checkpoint),
          Errc::kNotFound,
          checkpoint.folder().string(),
          " holds no averaged weights: its run had train.average_decay=0");
  for (const Parameter& parameter : classifier.parameters()) {
    restore_whole(checkpoint, last ? kWeight : kAverageWeight, parameter.name, parameter.tensor);
  }
  for (const Statistic& statistic : classifier.statistics()) {
    restore_whole(
        checkpoint, last ? kStatistic : kAverageStatistic, statistic.name, statistic.tensor);
  }
}

}  // namespace larkspur::pipeline

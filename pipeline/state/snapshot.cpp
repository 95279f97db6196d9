// SPDX-License-Identifier: Apache-2.0
#include "pipeline/state/snapshot.h"

#include <utility>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>

#include "pipeline/finite.h"
#include "pipeline/require.h"

namespace larkspur::pipeline {

namespace {

/// The piece of an earlier snapshot that has this one's place; null where there is none.
SnapshotPiece* same_piece(StateSnapshot& earlier, std::size_t index, const StateTensor& tensor) {
  if (index >= earlier.pieces.size()) return nullptr;
  SnapshotPiece& piece = earlier.pieces[index];
  const bool same =
      piece.kind == tensor.kind && piece.name == tensor.name && piece.range == tensor.owned;
  return same ? &piece : nullptr;
}

}  // namespace

StateSnapshot take_snapshot(const TrainState& state, StateSnapshot reuse) {
  const at::NoGradGuard no_grad;
  StateSnapshot snapshot{state.step, state.bad, state.scaler, {}};
  for (const StateTensor& tensor : state.tensors()) {
    const std::int64_t elements = tensor.owned.size();
    if (elements == 0) continue;
    const at::Tensor owned =
        tensor.values.narrow(0, tensor.owned.begin - tensor.held.begin, elements);
    SnapshotPiece* const earlier = same_piece(reuse, snapshot.pieces.size(), tensor);
    at::Tensor copied = earlier != nullptr
                            ? std::move(earlier->values)
                            : at::empty({elements}, owned.options().device(at::kCPU));
    copied.copy_(owned);
    snapshot.pieces.push_back({tensor.kind, tensor.name, tensor.owned, std::move(copied)});
  }
  return snapshot;
}

void require_finite(const StateSnapshot& snapshot) {
  for (const SnapshotPiece& piece : snapshot.pieces) {
    if (!is_of_network(piece.kind)) continue;
    const auto place = first_not_finite(piece.values);
    require(!place,
            Errc::kInvalidArgument,
            piece.kind,
            " ",
            piece.name,
            " is not finite at element ",
            piece.range.begin + place.value_or(0),
            " after step ",
            snapshot.step,
            ": no checkpoint is written; lower train.learning_rate or set train.clip_norm");
  }
}

}  // namespace larkspur::pipeline

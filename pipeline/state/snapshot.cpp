// SPDX-License-Identifier: Apache-2.0
#include "pipeline/state/snapshot.h"

#include <ATen/core/grad_mode.h>

#include "pipeline/finite.h"
#include "pipeline/require.h"

namespace larkspur::pipeline {

StateSnapshot take_snapshot(const TrainState& state) {
  const at::NoGradGuard no_grad;
  StateSnapshot snapshot{state.step, state.bad, state.scaler, {}, {}};
  if (state.held_out && state.held_out->step == state.step) {
    snapshot.held_out = state.held_out->percent;
  }
  for (const StateTensor& tensor : state.tensors()) {
    const std::int64_t elements = tensor.owned.size();
    if (elements == 0) continue;
    const at::Tensor owned =
        tensor.values.narrow(0, tensor.owned.begin - tensor.held.begin, elements);
    // `copy`: without it a tensor in host memory would come back as itself.
    const at::Tensor copied =
        owned.to(owned.options().device(at::kCPU), /*non_blocking=*/false, /*copy=*/true);
    snapshot.pieces.push_back({tensor.kind, tensor.name, tensor.owned, copied.contiguous()});
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

// SPDX-License-Identifier: Apache-2.0
// Maxima over the neighbours of one point as each instruction set compiles them.
#pragma once

#include <cstdint>

#include "model3d/kernels/instruction_set.h"

namespace larkspur::model3d {

/// Rows of `columns` values, one after the other, and which `count` of them are looked at.
struct ChosenRows {
  const float* rows;
  std::int64_t columns;
  const std::int64_t* numbers;  ///< [count], count >= 1
  std::int64_t count;
};

struct NeighbourMaxLoops {
  /// best [columns], and in `winner` [columns] the number of the row it is from, the first of equal
  /// ones.
  void (*strongest)(float* best, std::int32_t* winner, const ChosenRows& from);

  /// edges [count][columns] = max(0, row - taken)
  void (*edges)(float* edges, const float* taken, const ChosenRows& given);

  /// What gradient g of an output does: dedge += g * weight, dweight += g * edge; all [columns].
  void (*add_gradient)(float* dedge,
                       float* dweight,
                       float g,
                       const float* edge,
                       const float* weight,
                       std::int64_t columns);

  /// Gradients dedges [count][columns] where edges are above 0: added to the rows of dgiven that
  /// `given` names, taken from dtaken.
  void (*add_edges)(float* dgiven,
                    float* dtaken,
                    const float* dedges,
                    const float* edges,
                    const ChosenRows& given);
};

extern const NeighbourMaxLoops kNeighbourMaxPortable;
extern const NeighbourMaxLoops kNeighbourMaxAvx2;
extern const NeighbourMaxLoops kNeighbourMaxAvx512;

inline const NeighbourMaxLoops& neighbour_max_loops(InstructionSet set) {
  return loops_for(set, kNeighbourMaxPortable, kNeighbourMaxAvx2, kNeighbourMaxAvx512);
}

}  // namespace larkspur::model3d

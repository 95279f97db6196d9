// SPDX-License-Identifier: Apache-2.0
// Which layers learn at one rate when rates fall towards the input (layer-wise decay).
//
//   group   0     1        2               3 ... 2 + T           3 + T           4 + T
//           stem  stage 1  down + stage 2  down + stage 3        down + stage 4  norm, head, others
//                                          in threes of blocks
//
// T is the number of threes in stage 3, the last one perhaps shorter. As ConvNeXt was fine-tuned
// (Liu et al. 2022, arXiv 2201.03545, appendix A: three consecutive blocks are a group): with the
// depths 3 3 27 3 of variants S to XL these are its 12 groups between stem and head. A downsampling
// goes with the blocks behind it. What is neither of stem, stage nor downsampling (norm, head, what
// a form adds of its own) learns at the full rate, or at a multiple of it (head_rate): it is what a
// fine-tuning to other classes, or from another form, begins anew.
// Form cells has its stem (edges, their norm, block 0) and stage 1 (the other blocks, the norm
// behind them) on points: "point_to_cells.*" are groups 0 and 1. The halves of form joint are
// grouped alike, whatever each of them starts from.
#pragma once

#include <string>

#include "model3d/variants.h"

namespace larkspur::model3d {

/// Groups from 0 to the last, both counted: 5 + T.
int layer_groups(const Variant& variant);

/// Groups behind the one an entry belongs to; 0 for the last group. The entry's published name may
/// stand behind a prefix of its own ("views.stages.2.5.gamma").
int groups_behind(const std::string& entry, const Variant& variant);

}  // namespace larkspur::model3d

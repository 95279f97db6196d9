// SPDX-License-Identifier: Apache-2.0
#include "model3d/ops/channel_mixer/channel_mixer_loops.inc"

namespace larkspur::model3d {

const MixerLoops kMixerPortable = make_mixer_loops<4>();

}  // namespace larkspur::model3d

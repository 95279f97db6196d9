// SPDX-License-Identifier: Apache-2.0
#include "pipeline/plan/protocol.h"

#include <algorithm>

#include "pipeline/require.h"

namespace larkspur::pipeline {
namespace {

using enum ClipPlaces;
using enum CropPlaces;

Protocol of_videos(std::string_view name, const ClipViews& clips, std::string_view source) {
  return {name, {SampleKind::kVideo}, clips, {}, ViewFusion::kProbabilities, source};
}

Protocol of_clouds(std::string_view name,
                   const CloudViews& clouds,
                   ViewFusion fusion,
                   std::string_view source) {
  return {name, {SampleKind::kCloud}, {}, clouds, fusion, source};
}

// A new protocol is a row here; a new rule is an enumerator of clip_views.h or cloud_views.h too.
std::vector<Protocol> protocols_of_pictures() {
  constexpr auto kProbabilities = ViewFusion::kProbabilities;
  return {
      {"center",
       {SampleKind::kVideo, SampleKind::kImage, SampleKind::kCloud},
       {},
       {},
       kProbabilities,
       "ours: the middle clip, the largest centred square; a cloud as it lies"},
      {"imagenet",
       {SampleKind::kImage},
       {kMiddle, kRoundCentre, 1, 1, 256, 224},
       {},
       kProbabilities,
       "torchvision Resize(256), CenterCrop(224); UniRepLKNet resizes bicubically"},
      of_videos("videomae_5x3",
                {kStrided, kSpread, 5, 3, 224, 224},
                "VideoMAE kinetics.py 137-152, UniRepLKNet Video/dataset/datasets.py 168-199"),
      of_videos("slowfast_10x3",
                {kSeconds30, kCeilCentre, 10, 3, 256, 256},
                "PySlowFast decoder.py 59-76, kinetics.py 217-237: ResNets"),
      of_videos("mvit_5x1",
                {kSeconds30Offset, kCeilCentre, 5, 1, 256, 224},
                "PySlowFast MVITv2_*.yaml: USE_OFFSET_SAMPLING, 256 to 224"),
      of_videos("mmaction2_mvit_5x1",
                {kRounded, kFloorCentre, 5, 1, 224, 224},
                "mmaction2 configs/recognition/mvit: short side 224"),
      of_videos("x3d_s_10", {kSeconds30, kCeilCentre, 10, 1, 182, 160}, "PySlowFast X3D_S.yaml"),
      of_videos("x3d_s_30", {kSeconds30, kCeilCentre, 10, 3, 182, 182}, "PySlowFast X3D_S.yaml"),
      of_videos("x3d_m_10", {kSeconds30, kCeilCentre, 10, 1, 256, 224}, "PySlowFast X3D_M.yaml"),
      of_videos("x3d_m_30", {kSeconds30, kCeilCentre, 10, 3, 256, 256}, "PySlowFast X3D_M.yaml"),
      of_videos("x3d_l_10", {kSeconds30, kCeilCentre, 10, 1, 356, 312}, "PySlowFast X3D_L.yaml"),
      of_videos("x3d_l_30", {kSeconds30, kCeilCentre, 10, 3, 356, 356}, "PySlowFast X3D_L.yaml"),
      of_videos("mmaction2_10x3",
                {kRounded, kFloorCentre, 10, 3, 256, 256},
                "mmaction2 loading.py 275-314, processing.py 1165-1183"),
      of_videos("mmaction2_x3d_s_10x3",
                {kRounded30, kFloorCentre, 10, 3, 182, 182},
                "mmaction2 configs/recognition/x3d: target_fps 30"),
      of_videos("mmaction2_x3d_m_10x3",
                {kRounded30, kFloorCentre, 10, 3, 256, 256},
                "mmaction2 configs/recognition/x3d: target_fps 30"),
      of_videos("pytorchvideo",
                {kSeconds, kCeilCentre, 10, 3, 256, 256},
                "pytorchvideo clip_sampling.py: ConstantClipsPerVideoSampler"),
  };
}

std::vector<Protocol> protocols_of_clouds() {
  using enum PointChoice;
  using enum CloudTurns;
  constexpr auto kProbabilities = ViewFusion::kProbabilities;
  constexpr auto kLogits = ViewFusion::kLogits;
  return {
      of_clouds("fixed",
                {kFirst, kNone, 1},
                kProbabilities,
                "the first points of a file, once: published ModelNet-40 figures without a vote"),
      of_clouds("vote10",
                {kFarthestDrawn, kScaleAndShift, 10},
                kLogits,
                "Point-BERT runner_BERT_finetune.py 259-311; run once, not the best of 9"),
      of_clouds("rotate40",
                {kFarthest, kTenByFour, 40},
                kLogits,
                "P2P tool/test.py 172-216, util/rotate.py; UniRepLKNet's figure"),
      of_clouds("rotate12",
                {kSubset, kAround, 12},
                kProbabilities,
                "VoxNet (Maturana, Scherer 2015): 12 angles around the up axis"),
  };
}

std::vector<Protocol> all_protocols() {
  std::vector<Protocol> all = protocols_of_pictures();
  for (const Protocol& protocol : protocols_of_clouds()) all.push_back(protocol);
  return all;
}

}  // namespace

bool Protocol::fits(SampleKind kind) const {
  return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
}

std::int64_t Protocol::views(SampleKind kind) const {
  return kind == SampleKind::kCloud ? clouds.count : clips.count();
}

std::span<const Protocol> protocols() {
  static const std::vector<Protocol> table = all_protocols();
  return table;
}

std::span<const std::string_view> protocol_names() {
  static const std::vector<std::string_view> names = [] {
    std::vector<std::string_view> list;
    for (const Protocol& protocol : protocols()) list.push_back(protocol.name);
    return list;
  }();
  return names;
}

const Protocol& find_protocol(std::string_view name) {
  const auto found = std::ranges::find(protocols(), name, &Protocol::name);
  require(found != protocols().end(), Errc::kInvalidArgument, "no protocol '", name, "'");
  return *found;
}

std::string protocols_of(SampleKind kind) {
  std::string list;
  for (const Protocol& protocol : protocols()) {
    if (protocol.fits(kind)) list.append(list.empty() ? "" : ", ").append(protocol.name);
  }
  return list;
}

}  // namespace larkspur::pipeline

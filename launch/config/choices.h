// SPDX-License-Identifier: Apache-2.0
// Keys that take one of a few words: the choices, and how each is spelled.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "model3d/network.h"
#include "pipeline/plan/cloud_plan.h"
#include "pipeline/plan/protocol.h"
#include "pipeline/precision.h"
#include "readers/cloud/voxel_grid.h"

namespace larkspur::launch {

/// Where the network runs; auto: on an accelerator when there is one.
enum class DeviceChoice : std::uint8_t { kAuto, kCpu, kCuda };

/// Whether a run goes on from the newest checkpoint in its output folder.
enum class ResumeChoice : std::uint8_t { kAuto, kNever };

/// What a sample is.
using DataKind = pipeline::SampleKind;

/// How the network looks at a cloud (voxel, views, joint, points, cells), a picture or a clip (the
/// rest).
enum class ModelForm : std::uint8_t {
  kVoxel,
  kClip,
  kDifferences,
  kRaw,
  kGrid,
  kFrames,
  kImage,
  kViews,
  kJoint,
  kPoints,
  kCells
};

/// What a picture's values are from the reader to the device.
enum class PixelType : std::uint8_t { kFloat32, kBfloat16, kUint8 };

/// How the features of a sample's pictures become one row.
enum class ViewPooling : std::uint8_t { kMax, kMean };

/// Whether the last layer starts from the seed beside weights: where class names or their number
/// differ; always; only where their number differs.
enum class NewHead : std::uint8_t { kAuto, kTrue, kFalse };

/// How an evaluation counts a sample that cannot be read.
enum class BadSampleRule : std::uint8_t { kWrong, kExclude };

/// What an evaluation scores: data.eval, or the part of data.train that data.holdout keeps out.
enum class EvalPart : std::uint8_t { kEval, kHoldout };

/// The spellings of a choice, in the order of its values, whatever the value.
std::span<const std::string_view> enum_names(DeviceChoice any);
std::span<const std::string_view> enum_names(ResumeChoice any);
std::span<const std::string_view> enum_names(DataKind any);
std::span<const std::string_view> enum_names(ModelForm any);
std::span<const std::string_view> enum_names(PixelType any);
std::span<const std::string_view> enum_names(ViewPooling any);
std::span<const std::string_view> enum_names(NewHead any);
std::span<const std::string_view> enum_names(BadSampleRule any);
std::span<const std::string_view> enum_names(EvalPart any);
std::span<const std::string_view> enum_names(pipeline::PointSubset any);
std::span<const std::string_view> enum_names(pipeline::FrameSampling any);
std::span<const std::string_view> enum_names(readers::VoxelValue any);
std::span<const std::string_view> enum_names(pipeline::Precision any);
std::span<const std::string_view> enum_names(model3d::TimePadding any);
std::span<const std::string_view> enum_names(model3d::MapPooling any);
std::span<const std::string_view> enum_names(model3d::Inflation any);
std::span<const std::string_view> enum_names(model3d::Enlargement any);
std::span<const std::string_view> enum_names(pipeline::NormScope any);

}  // namespace larkspur::launch

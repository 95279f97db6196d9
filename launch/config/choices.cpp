// SPDX-License-Identifier: Apache-2.0
#include "launch/config/choices.h"

namespace larkspur::launch {
namespace {

constexpr std::string_view kDevices[] = {"auto", "cpu", "cuda"};
constexpr std::string_view kResumes[] = {"auto", "never"};
constexpr std::string_view kKinds[] = {"cloud", "video", "image"};
constexpr std::string_view kForms[] = {"voxel",
                                       "clip",
                                       "differences",
                                       "raw",
                                       "grid",
                                       "frames",
                                       "image",
                                       "views",
                                       "joint",
                                       "points",
                                       "cells"};
constexpr std::string_view kPixelTypes[] = {"float32", "bfloat16", "uint8"};
constexpr std::string_view kViewPoolings[] = {"max", "mean"};
constexpr std::string_view kNewHeads[] = {"auto", "true", "false"};
constexpr std::string_view kBadSampleRules[] = {"wrong", "exclude"};
constexpr std::string_view kEvalParts[] = {"eval", "holdout"};
constexpr std::string_view kFrameSamplings[] = {"stride", "seconds", "segments"};
constexpr std::string_view kPointSubsets[] = {"drawn", "first"};
constexpr std::string_view kCells[] = {"occupancy", "rich"};
constexpr std::string_view kPrecisions[] = {"float32", "bfloat16", "float16"};
constexpr std::string_view kTimePaddings[] = {"zeros", "replicate"};
constexpr std::string_view kMapPoolings[] = {"mean", "mean_max"};
constexpr std::string_view kInflations[] = {"centre", "mean"};
constexpr std::string_view kEnlargements[] = {"none", "centre", "resize"};
constexpr std::string_view kNormScopes[] = {"lane", "synchronised"};

}  // namespace

std::span<const std::string_view> enum_names(DeviceChoice) { return kDevices; }
std::span<const std::string_view> enum_names(ResumeChoice) { return kResumes; }
std::span<const std::string_view> enum_names(DataKind) { return kKinds; }
std::span<const std::string_view> enum_names(ModelForm) { return kForms; }
std::span<const std::string_view> enum_names(PixelType) { return kPixelTypes; }
std::span<const std::string_view> enum_names(ViewPooling) { return kViewPoolings; }
std::span<const std::string_view> enum_names(NewHead) { return kNewHeads; }
std::span<const std::string_view> enum_names(BadSampleRule) { return kBadSampleRules; }
std::span<const std::string_view> enum_names(EvalPart) { return kEvalParts; }
std::span<const std::string_view> enum_names(pipeline::PointSubset) { return kPointSubsets; }
std::span<const std::string_view> enum_names(pipeline::FrameSampling) { return kFrameSamplings; }
std::span<const std::string_view> enum_names(readers::VoxelValue) { return kCells; }
std::span<const std::string_view> enum_names(pipeline::Precision) { return kPrecisions; }
std::span<const std::string_view> enum_names(model3d::TimePadding) { return kTimePaddings; }
std::span<const std::string_view> enum_names(model3d::MapPooling) { return kMapPoolings; }
std::span<const std::string_view> enum_names(model3d::Inflation) { return kInflations; }
std::span<const std::string_view> enum_names(model3d::Enlargement) { return kEnlargements; }
std::span<const std::string_view> enum_names(pipeline::NormScope) { return kNormScopes; }

}  // namespace larkspur::launch

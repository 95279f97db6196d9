// SPDX-License-Identifier: Apache-2.0
#include "launch/run/view_listing.h"

#include <charconv>
#include <numbers>
#include <sstream>

#include <nlohmann/json.hpp>

#include "launch/config/config_file.h"
#include "launch/config/config_schema.h"
#include "launch/run/dataset.h"
#include "pipeline/require.h"
#include "pipeline/result.h"
#include "readers/file_kind.h"
#include "readers/list/folder_walk.h"

namespace larkspur::launch {
namespace {

using nlohmann::ordered_json;
using pipeline::ClipPlan;
using pipeline::SampleKey;

std::vector<SampleKey> keys_of_views(std::int64_t count) {
  std::vector<SampleKey> keys(static_cast<std::size_t>(count));
  for (std::size_t v = 0; v < keys.size(); ++v) keys[v].view = static_cast<std::uint16_t>(v);
  return keys;
}

std::string fusion_name(pipeline::ViewFusion fusion) {
  return fusion == pipeline::ViewFusion::kLogits ? "logits" : "probabilities";
}

std::string size_text(std::int64_t width, std::int64_t height) {
  return pipeline::text_of(width, "x", height);
}

/// What both kinds of files begin with.
ordered_json head_of(const std::filesystem::path& file, const pipeline::Protocol& protocol) {
  return {{"file", file.string()},
          {"protocol", protocol.name},
          {"fusion", fusion_name(protocol.fusion)}};
}

std::string protocol_text(const pipeline::Protocol& protocol, std::int64_t views) {
  std::string text =
      pipeline::text_of("protocol ", protocol.name, ": ", views, views == 1 ? " view" : " views");
  if (views > 1) text += ", mean of " + fusion_name(protocol.fusion);
  return text;
}

ordered_json clip_json(const ClipPlan& plan, std::int64_t view) {
  const pipeline::CropBox& box = plan.box;
  ordered_json json = {{"view", view}, {"frames", plan.frames}};
  const bool is_resized = plan.resized != pipeline::FrameSize{};
  if (is_resized) json["resized"] = {plan.resized.width, plan.resized.height};
  json["crop"] = {
      {"left", box.left}, {"top", box.top}, {"width", box.width}, {"height", box.height}};
  json["size"] = plan.size;
  json["mirror"] = plan.mirror;
  return json;
}

std::string crop_text(const ClipPlan& plan) {
  const pipeline::CropBox& box = plan.box;
  const bool is_resized = plan.resized != pipeline::FrameSize{};
  std::string text =
      pipeline::text_of(size_text(box.width, box.height),
                        " at left ",
                        box.left,
                        ", top ",
                        box.top,
                        is_resized ? " of frames resized to " : " of the frame",
                        is_resized ? size_text(plan.resized.width, plan.resized.height)
                                   : ", resized to " + size_text(plan.size, plan.size));
  return text + (plan.mirror ? ", mirrored" : "");
}

std::string rate_text(const pipeline::VideoShape& shape) {
  return shape.frames_per_second > 0 ? pipeline::text_of(shape.frames_per_second, " a second")
                                     : "of no known rate: taken as 30 a second";
}

std::string sampling_text(const RunConfig& config) {
  const pipeline::ClipSampling& clip = config.data.clip;
  if (clip.by == pipeline::FrameSampling::kSegments) return "one of each part of the video";
  return clip.by == pipeline::FrameSampling::kStride
             ? pipeline::text_of("stride ", clip.stride)
             : pipeline::text_of("evenly in ", clip.seconds, " s");
}

ViewListing list_clips(const RunConfig& config, const std::filesystem::path& file) {
  const pipeline::Protocol& protocol = pipeline::find_protocol(config.eval.protocol);
  const readers::ClipSourceOptions options = eval_clip_options(config);
  const readers::ClipSource source({{{file.string(), file, 0}}, {"0"}}, options);
  const auto keys = keys_of_views(options.eval_views.count());
  auto planned = source.plan_views(keys);
  if (!planned.ok()) throw planned.error();
  const auto& [shape, plans] = planned.value();
  ordered_json json = head_of(file, protocol);
  json["frames"] = shape.frames;
  json["width"] = shape.width;
  json["height"] = shape.height;
  json["frames_per_second"] = shape.frames_per_second;
  json["views"] = ordered_json::array();
  std::ostringstream text;
  text << file.string() << ": " << shape.frames << (shape.frames == 1 ? " frame" : " frames")
       << " of " << size_text(shape.width, shape.height) << ", " << rate_text(shape) << "\n"
       << protocol_text(protocol, std::ssize(plans)) << ": " << options.eval_views.clips
       << (options.eval_views.clips == 1 ? " clip" : " clips") << " of " << options.sampling.frames
       << " frames, " << sampling_text(config) << ", each with " << options.eval_views.crops
       << (options.eval_views.crops == 1 ? " crop" : " crops") << "\n";
  const std::int64_t crops = options.eval_views.crops;
  for (std::int64_t v = 0; v < std::ssize(plans); ++v) {
    const ClipPlan& plan = plans[static_cast<std::size_t>(v)];
    json["views"].push_back(clip_json(plan, v));
    if (v % crops != 0) continue;
    text << "clip " << v / crops << ": frames";
    for (const std::int64_t frame : plan.frames) text << ' ' << frame;
    text << '\n';
  }
  for (std::int64_t crop = 0; crop < crops; ++crop) {
    text << "crop " << crop << ": " << crop_text(plans[static_cast<std::size_t>(crop)]) << '\n';
  }
  return {text.str(), json.dump(2) + "\n"};
}

// Adding zero takes the sign of a zero away.
double degrees(double radians) { return radians * 180.0 / std::numbers::pi + 0.0; }

std::string axes_text(const std::array<double, 3>& values) {
  return pipeline::text_of(values[0], " ", values[1], " ", values[2]);
}

std::string choice_text(pipeline::PointChoice choice, const RunConfig& config) {
  using pipeline::PointChoice;
  const std::string count = std::to_string(config.data.points);
  switch (choice) {
    case PointChoice::kFirst:
      return "the first " + count;
    case PointChoice::kFarthest:
      return count + " farthest points";
    case PointChoice::kFarthestDrawn:
      return count + " drawn of " +
             std::to_string(pipeline::drawn_from(config.data.points, INT64_MAX)) +
             " farthest points, for each view";
    default:
      break;
  }
  return config.data.subset == pipeline::PointSubset::kFirst ? "the first " + count
                                                             : count + " drawn";
}

std::string name_of_stored(readers::StoredKind kind) {
  if (kind == readers::StoredKind::kMesh) return "vertices";
  return kind == readers::StoredKind::kCells ? "cells" : "points";
}

std::string chosen_of(const readers::PlannedCloud& cloud,
                      pipeline::PointChoice choice,
                      const RunConfig& config) {
  if (cloud.kind == readers::StoredKind::kCells) return "all cells";
  if (cloud.kind == readers::StoredKind::kPoints) return choice_text(choice, config);
  return std::to_string(cloud.chosen) + " drawn on the surface";
}

/// A file, or "pack.h5#17".
readers::SampleEntry entry_of(const std::filesystem::path& file) {
  const std::string name = file.string();
  const std::size_t mark = name.rfind('#');
  std::int64_t row = 0;
  const bool is_row =
      mark != std::string::npos && readers::is_pack_file(name.substr(0, mark)) &&
      std::from_chars(name.data() + mark + 1, name.data() + name.size(), row).ec == std::errc();
  if (is_row) return {name, name.substr(0, mark), 0, row};
  pipeline::require(readers::kind_of_file(file) != readers::FileKind::kPack,
                    pipeline::Errc::kInvalidArgument,
                    name,
                    ": a pack of many clouds: name one, as in ",
                    name,
                    "#0");
  return {name, file, 0};
}

ViewListing list_clouds(const RunConfig& config, const std::filesystem::path& file) {
  const pipeline::Protocol& protocol = pipeline::find_protocol(config.eval.protocol);
  const readers::CloudSourceOptions options = eval_cloud_options(config);
  const readers::CloudSource source({{entry_of(file)}, {"0"}}, options);
  auto planned = source.plan_views(keys_of_views(options.eval_views.count));
  if (!planned.ok()) throw planned.error();
  const readers::PlannedCloud& cloud = planned.value();
  const std::string choice = chosen_of(cloud, options.eval_views.points, config);
  const std::string stored = name_of_stored(cloud.kind);
  ordered_json json = head_of(file, protocol);
  json[stored] = cloud.stored;
  json["chosen"] = choice;
  json["views"] = ordered_json::array();
  std::ostringstream text;
  text << file.string() << ": " << cloud.stored << ' ' << stored << "\n"
       << protocol_text(protocol, std::ssize(cloud.plans)) << "; " << choice << "\n";
  for (std::int64_t v = 0; v < std::ssize(cloud.plans); ++v) {
    const pipeline::CloudPlan& plan = cloud.plans[static_cast<std::size_t>(v)];
    json["views"].push_back({{"view", v},
                             {"turn_about_z_degrees", degrees(plan.angle)},
                             {"then_about_y_degrees", degrees(plan.tilt)},
                             {"scale", plan.scale},
                             {"shift", plan.shift}});
    text << "view " << v << ": turned by " << degrees(plan.angle) << " degrees about z, then by "
         << degrees(plan.tilt) << " about y; scale " << axes_text(plan.scale) << "; shift "
         << axes_text(plan.shift) << '\n';
  }
  return {text.str(), json.dump(2) + "\n"};
}

}  // namespace

ViewListing list_views(const RunConfig& config, const std::filesystem::path& file) {
  return config.data.kind == DataKind::kCloud ? list_clouds(config, file)
                                              : list_clips(config, file);
}

LoadedConfig config_for_file(const std::filesystem::path& file,
                             const std::vector<std::string>& overrides) {
  LoadedConfig loaded;
  const readers::FileKind kind = readers::kind_of_file(file);
  if (kind == readers::FileKind::kImage) {
    loaded.config.data.kind = DataKind::kImage;
    loaded.config.model.form = ModelForm::kImage;
  }
  if (kind == readers::FileKind::kVideo || readers::is_folder(file)) {
    loaded.config.data.kind = DataKind::kVideo;
    loaded.config.model.form = ModelForm::kClip;
  }
  override_config(loaded, overrides);
  return loaded;
}

}  // namespace larkspur::launch

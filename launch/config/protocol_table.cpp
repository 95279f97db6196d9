// SPDX-License-Identifier: Apache-2.0
#include "launch/config/protocol_table.h"

#include "launch/config/aligned_text.h"
#include "launch/config/choices.h"
#include "launch/config/config_schema.h"
#include "pipeline/plan/protocol.h"
#include "pipeline/require.h"

namespace larkspur::launch {
namespace {

using pipeline::ClipPlaces;
using pipeline::CropPlaces;
using pipeline::Protocol;
using pipeline::text_of;

std::string kinds_text(const Protocol& protocol) {
  std::string text;
  for (const DataKind kind : protocol.kinds) {
    text += (text.empty() ? "" : ", ") + enum_name(kind);
  }
  return text;
}

bool is_of_clouds(const Protocol& protocol) {
  return !protocol.fits(DataKind::kVideo) && !protocol.fits(DataKind::kImage);
}

std::string views_text(const Protocol& protocol) {
  if (is_of_clouds(protocol)) return std::to_string(protocol.clouds.count);
  const pipeline::ClipViews& clips = protocol.clips;
  if (clips.count() == 1) return "1";
  return text_of(clips.clips, " x ", clips.crops);
}

std::string sizes_text(const Protocol& protocol) {
  if (is_of_clouds(protocol)) return "-";
  if (protocol.clips.crop == 0) return "data.size";
  return text_of(protocol.clips.short_side, " to ", protocol.clips.crop);
}

std::string frames_text(ClipPlaces places) {
  switch (places) {
    case ClipPlaces::kMiddle:
      return "the middle T, r apart";
    case ClipPlaces::kStrided:
      return "of every r-th frame, L of them: T from [k(L-T)/(n-1)]";
    case ClipPlaces::kSeconds30:
      return "s=rTf/30 from k(N-s)/n, spacing (s-1)/(T-1)";
    case ClipPlaces::kSeconds30Offset:
      return "s=rTf/30 from k[(N-s)/(n-1)], spacing (s-1)/(T-1)";
    case ClipPlaces::kRounded:
      return "T from round(k(N-(T-1)r-1)/(n-1)), r apart, modulo N";
    case ClipPlaces::kRounded30:
      return "s=rTf/30 from k[(N-s)/(n-1)], spacing (s-1)/(T-1), modulo N";
    case ClipPlaces::kSeconds:
      return "Tr/30 seconds c from k(N/f-c)/(n-1), evenly";
  }
  return "";
}

std::string crops_text(const pipeline::ClipViews& clips) {
  if (clips.crops_at == CropPlaces::kSquare) return "largest centred square";
  if (clips.crops == 1) return "centre";
  return clips.crops_at == CropPlaces::kFloorCentre ? "first, last, middle" : "first, middle, last";
}

std::string points_text(const pipeline::CloudViews& clouds) {
  using pipeline::CloudTurns;
  using pipeline::PointChoice;
  const std::string points = clouds.points == PointChoice::kFirst      ? "first points"
                             : clouds.points == PointChoice::kFarthest ? "farthest points"
                             : clouds.points == PointChoice::kFarthestDrawn
                                 ? "64 drawn of 75 farthest points"
                                 : "points by data.subset";
  switch (clouds.turns) {
    case CloudTurns::kScaleAndShift:
      return points + ", scale 2/3 to 3/2, shift to 0.2";
    case CloudTurns::kTenByFour:
      return points + ", 10 turns about z, 4 about y";
    case CloudTurns::kAround:
      return points + ", turned about z";
    case CloudTurns::kNone:
      break;
  }
  return points;
}

std::string rule_text(const Protocol& protocol) {
  if (is_of_clouds(protocol)) return points_text(protocol.clouds);
  if (!protocol.fits(DataKind::kVideo)) return crops_text(protocol.clips);
  std::string text = frames_text(protocol.clips.places) + "; " + crops_text(protocol.clips);
  if (protocol.fits(DataKind::kCloud)) text += "; " + points_text(protocol.clouds);
  return text;
}

TextRows rows_of_protocols(bool markdown) {
  TextRows rows{{"protocol", "data.kind", "views", "pixels", "mean of", "looks at", "source"}};
  for (const Protocol& protocol : pipeline::protocols()) {
    const std::string name(protocol.name);
    const bool logits = protocol.fusion == pipeline::ViewFusion::kLogits;
    rows.push_back({markdown ? "`" + name + "`" : name,
                    kinds_text(protocol),
                    views_text(protocol),
                    sizes_text(protocol),
                    logits ? "logits" : "probabilities",
                    rule_text(protocol),
                    std::string(protocol.source)});
  }
  return rows;
}

constexpr std::string_view kLegend =
    "views: n clips x crops, clip k, or turns; pixels: short side of the frame to side of a crop; "
    "N frames at f a second, T data.frames, r data.stride, [x] whole part of x.\n";

}  // namespace

std::string protocol_table() {
  return aligned_text(rows_of_protocols(false)) + "\n" + std::string(kLegend);
}

std::string protocol_table_markdown() {
  return markdown_text(rows_of_protocols(true)) + "\n" + std::string(kLegend);
}

}  // namespace larkspur::launch

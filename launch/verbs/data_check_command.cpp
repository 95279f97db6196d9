// SPDX-License-Identifier: Apache-2.0
// `data check`: decodes what lists, folders and files hold and says of each what it is.
#include <iostream>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <nlohmann/json.hpp>

#include "launch/supervise/task_progress.h"
#include "launch/verbs/command_line.h"
#include "launch/verbs/commands.h"
#include "pipeline/file_guard.h"
#include "pipeline/require.h"
#include "readers/file_bytes.h"
#include "readers/file_kind.h"
#include "readers/format/cloud_file.h"
#include "readers/format/cloud_pack.h"
#include "readers/list/folder_walk.h"
#include "readers/list/frame_list.h"
#include "readers/list/media_files.h"
#include "readers/video/video_file.h"

namespace larkspur::launch {
namespace {

using Json = nlohmann::ordered_json;

// Whether to hand a file to FFmpeg: bytes of no kind we know may be a video of any name. Not text,
// which FFmpeg would draw.
bool may_be_video(const std::filesystem::path& path) {
  if (readers::is_folder(path)) return true;  // of pictures, named by a list
  const readers::FileKind kind = readers::kind_of_file(path);
  if (kind != readers::FileKind::kUnknown)
    return kind == readers::FileKind::kVideo || kind == readers::FileKind::kImage;
  const auto start = readers::read_start(path, readers::kKindBytes);
  return start.ok() && start.value().view().find('\0') != std::string_view::npos;
}

Json facts_of_pack(const std::filesystem::path& path) {
  const std::int64_t labels = std::ssize(readers::read_pack_facts(path).value().labels);
  const at::Tensor points_SNC = readers::read_pack_points(path, /*with_normals=*/true).value();
  const at::Tensor is_whole_S = points_SNC.isfinite().flatten(1).all(1);
  const std::int64_t bad = points_SNC.size(0) - is_whole_S.sum().item<std::int64_t>();
  pipeline::require(bad == 0,
                    pipeline::Errc::kCorruptData,
                    path.string(),
                    ": ",
                    bad,
                    " of ",
                    points_SNC.size(0),
                    " clouds have values that are not finite");
  return {{"clouds", points_SNC.size(0)}, {"points", points_SNC.size(1)}, {"labels", labels}};
}

readers::VideoFacts facts_of_video(const readers::MediaFile& file) {
  const readers::VideoFacts video = readers::check_video(file.path).value();
  if (auto error = readers::listed_frames_error(file.path, file.frames, video.frames)) throw *error;
  return video;
}

// One file, decoded from end to end.
Json facts_of(const readers::MediaFile& file) {
  Json facts{{"file", file.name}, {"ok", true}};
  try {
    if (auto error = readers::listed_frames_error(file.path, file.frames)) throw *error;
    if (may_be_video(file.path)) {
      const readers::VideoFacts video = facts_of_video(file);
      facts.update({{"frames", video.frames}, {"width", video.width}, {"height", video.height}});
      return facts;
    }
    if (readers::kind_of_file(file.path) == readers::FileKind::kPack) {
      facts.update(facts_of_pack(file.path));
      return facts;
    }
    const readers::CloudFile cloud = readers::read_cloud_file(file.path).value();
    if (const auto* const volume = std::get_if<readers::Volume>(&cloud)) {
      facts.update({{"cells", volume->full}, {"side", volume->side()}});
      return facts;
    }
    const auto* const mesh = std::get_if<readers::Mesh>(&cloud);
    facts["points"] =
        mesh != nullptr ? std::ssize(mesh->vertices) : std::get<at::Tensor>(cloud).size(0);
    facts["faces"] = mesh != nullptr ? mesh->polygons : 0;
  } catch (...) {
    facts["ok"] = false;
    facts["error"] = pipeline::error_of_file(file.path.string()).what();
  }
  return facts;
}

// What a PATH holds, each with what it is. One that is neither sample nor list is one bad file
// among others; alone it is a wrong call.
struct Found {
  std::vector<readers::MediaFile> files;
  bool is_single = true;
  std::string error;  ///< why there are none
};

Found find_files(const std::string& path, const std::string& root, bool is_alone) {
  try {
    readers::MediaFiles found = readers::find_media_files(path, root);
    return {std::move(found.files), found.is_single, ""};
  } catch (const pipeline::Error& error) {
    if (is_alone) throw;
    return {{}, true, error.what()};
  }
}

void print_line(std::ostream& out, const Json& facts) {
  if (!facts["ok"].get<bool>()) {
    out << "bad   " << facts["error"].get<std::string>() << "\n";
    return;
  }
  out << "good  " << facts["file"].get<std::string>() << ": ";
  if (facts.contains("frames")) {
    out << facts["frames"] << " pictures of " << facts["width"] << " x " << facts["height"] << "\n";
  } else if (facts.contains("clouds")) {
    out << facts["clouds"] << " clouds of " << facts["points"] << " points, " << facts["labels"]
        << " labels\n";
  } else if (facts.contains("cells")) {
    out << facts["cells"] << " full cells of " << facts["side"] << "^3\n";
  } else {
    out << facts["points"] << " points, " << facts["faces"] << " faces\n";
  }
}

struct Checked {
  Json files = Json::array();
  std::size_t count = 0;
  std::size_t bad = 0;
  bool is_single = true;  ///< one file was asked for
};

/// Everything that the paths hold, in their order; a line a file unless `json`.
Checked check_all(std::ostream& out,
                  const std::vector<std::string>& paths,
                  const std::string& root,
                  bool json) {
  std::vector<Found> found;
  std::int64_t total = 0;
  for (const std::string& path : paths) {
    found.push_back(find_files(path, root, paths.size() == 1));
    total += std::ssize(found.back().files);
  }
  Checked checked;
  checked.is_single = paths.size() == 1;
  TaskProgress progress(std::cerr, {"checked", "files", audience_of_stderr(1, /*lines=*/!json)});
  const auto tell = [&](Json facts) {
    if (!facts["ok"].get<bool>()) ++checked.bad;
    if (!json) print_line(out, facts);
    checked.files.push_back(std::move(facts));
    progress.at(static_cast<std::int64_t>(++checked.count), total);
  };
  for (std::size_t i = 0; i < paths.size(); ++i) {
    checked.is_single = checked.is_single && found[i].is_single;
    for (const readers::MediaFile& file : found[i].files) tell(facts_of(file));
    const std::string& error = found[i].error;
    if (!error.empty()) tell({{"file", paths[i]}, {"ok", false}, {"error", error}});
  }
  if (!json && checked.bad == 0 && checked.count > 1) {
    out << checked.count << " files, all good\n";
  }
  return checked;
}

}  // namespace

void run_data_check(Invocation& call) {
  std::vector<std::string> paths;
  std::string root;
  bool json = false;
  CommandLine line(
      call,
      "Decodes every video and cloud of lists, folders and files, whole. Exit code 3 if one is "
      "bad.\nThe kind of a file is known by its first bytes, else by its ending; a .txt is a cloud "
      "where its lines are numbers, else a list. In folders endings count, and hidden files do "
      "not. A folder of numbered pictures that a list names is one video; given here, it stands "
      "for single pictures.",
      "data/demo_clouds --json");
  line.rest("PATHS", "lists in any layout, folders, videos, clouds", paths);
  line.option("--root", "folder that a list's paths start at; else the list's own", root);
  line.flag("--json",
            "an object a file (file, ok; frames, width, height; points, faces; cells, side; "
            "clouds, points, "
            "labels; error), under 'files' unless PATHS is one file",
            json);
  if (!line.parse()) return;
  using pipeline::require;
  require(!paths.empty(),
          pipeline::Errc::kInvalidArgument,
          "PATHS is required; see '",
          call.path,
          " --help'");
  Checked checked = check_all(call.out, paths, root, json);
  if (json) {
    const Json result =
        checked.is_single ? checked.files.front() : Json{{"files", std::move(checked.files)}};
    // Names of files need not be UTF-8.
    call.out << result.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
  }
  call.out.flush();  // before an error ends the program
  require(checked.bad == 0,
          pipeline::Errc::kCorruptData,
          checked.bad,
          " of ",
          checked.count,
          checked.count == 1 ? " file is bad" : " files are bad");
}

}  // namespace larkspur::launch

// SPDX-License-Identifier: Apache-2.0
#include "pipeline/checkpoint/best_checkpoint.h"

#include <limits>

#include "pipeline/checkpoint/checkpoint_manifest.h"
#include "pipeline/log.h"
#include "pipeline/require.h"

namespace larkspur::pipeline {
namespace {

namespace fs = std::filesystem;

constexpr double kNone = -std::numeric_limits<double>::infinity();

/// kNone where the manifest says none or cannot be read: no reason to keep it, nor to end a run.
double score_of(const fs::path& folder) {
  try {
    return read_manifest(folder).held_out.value_or(kNone);
  } catch (const Error&) {
    return kNone;
  }
}

/// Where the link leads, if a whole checkpoint is there.
fs::path linked(const fs::path& checkpoints) {
  std::error_code error;
  const fs::path target = fs::read_symlink(best_link(checkpoints), error);
  if (error || !fs::exists(checkpoints / target / "manifest.json", error)) return {};
  return checkpoints / target;
}

/// By rename: whoever reads meanwhile finds the one before or this one.
void point_at(const fs::path& checkpoints, const fs::path& best) {
  const fs::path link = best_link(checkpoints);
  const fs::path aside = checkpoints / "best.part";
  std::error_code error;
  fs::remove(aside, error);
  fs::create_directory_symlink(best.filename(), aside, error);
  if (!error) fs::rename(aside, link, error);
  if (error) {
    log_warn(text_of("cannot link ", link.string(), " to ", best.string(), ": ", error.message()));
  }
}

}  // namespace

fs::path best_link(const fs::path& checkpoints) { return checkpoints / "best"; }

fs::path renew_best(const fs::path& checkpoints,
                    const std::vector<CheckpointFolder>& there,
                    const fs::path& newest) {
  const fs::path before = linked(checkpoints);
  fs::path best = before;
  double highest = before.empty() ? kNone : score_of(before);
  const auto consider = [&](const fs::path& folder) {
    const double score = score_of(folder);
    if (score <= highest) return;
    best = folder;
    highest = score;
  };
  if (before.empty() && score_of(newest) > kNone) {
    // Newest first: of equal ones the earlier comes last, so they are taken from behind.
    for (auto found = there.rbegin(); found != there.rend(); ++found) {
      if (found->complete) consider(found->path);
    }
  }
  consider(newest);
  if (best != before) point_at(checkpoints, best);
  return best;
}

}  // namespace larkspur::pipeline

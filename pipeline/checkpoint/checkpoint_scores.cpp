// SPDX-License-Identifier: Apache-2.0
#include "pipeline/checkpoint/checkpoint_scores.h"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "pipeline/log.h"
#include "pipeline/require.h"
#include "pipeline/storage/durable_file.h"

namespace larkspur::pipeline {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

fs::path scores_file(const fs::path& checkpoints) { return checkpoints / "scores.json"; }

CheckpointScore score_from_json(const json& entry) {
  return {entry.at("step").get<std::int64_t>(),
          entry.at("percent").get<double>(),
          entry.at("by").get<std::string>(),
          entry.at("chooses").get<bool>()};
}

/// The name of the folder that the link leads to; empty where there is no link.
fs::path linked_name(const fs::path& checkpoints) {
  std::error_code error;
  const fs::path target = fs::read_symlink(best_link(checkpoints), error);
  return error ? fs::path() : target.filename();
}

fs::file_time_type written_at(const fs::path& folder) {
  std::error_code error;
  const auto time = fs::last_write_time(folder / "manifest.json", error);
  return error ? fs::file_time_type::min() : time;
}

/// The ways of the scores that choose, the last one's first.
std::vector<std::string> ways_of_choosing(const std::vector<CheckpointScore>& scores) {
  std::vector<std::string> ways;
  for (auto score = scores.rbegin(); score != scores.rend(); ++score) {
    const bool is_new = std::ranges::find(ways, score->by) == ways.end();
    if (score->chooses && is_new) ways.push_back(score->by);
  }
  return ways;
}

/// The whole one with the highest score of this way; empty where none has one.
fs::path best_by(const std::string& way,
                 const std::vector<CheckpointScore>& scores,
                 const std::vector<CheckpointFolder>& there) {
  using Rank = std::pair<double, std::int64_t>;
  std::optional<Rank> highest;
  for (const CheckpointFolder& found : there) {
    const auto score = found.complete ? score_of(scores, found.step, way) : std::nullopt;
    if (!score || !score->chooses) continue;
    const Rank rank{score->percent, -found.step};
    if (!highest || rank > *highest) highest = rank;
  }
  return highest ? last_written(there, -highest->second) : fs::path();
}

void write_scores(const fs::path& checkpoints, const std::vector<CheckpointScore>& scores) {
  json entries = json::array();
  for (const CheckpointScore& one : scores) {
    entries.push_back(
        {{"step", one.step}, {"percent", one.percent}, {"by", one.by}, {"chooses", one.chooses}});
  }
  write_and_rename(scores_file(checkpoints), json{{"scores", entries}}.dump(1) + "\n");
}

}  // namespace

std::vector<CheckpointScore> read_scores(const fs::path& checkpoints) {
  const fs::path file = scores_file(checkpoints);
  std::error_code error;
  const bool is_there = fs::exists(file, error);
  require(!error, Errc::kIo, "cannot look at ", file.string(), ": ", error.message());
  if (!is_there) return {};
  std::vector<CheckpointScore> scores;
  try {
    const json parsed = json::parse(read_file(file));
    for (const json& entry : parsed.at("scores")) scores.push_back(score_from_json(entry));
  } catch (const json::exception& exception) {
    throw Error(Errc::kCorruptData,
                text_of(file.string(),
                        ": ",
                        exception.what(),
                        "; without that file scores begin anew, with the next evaluation"));
  }
  return scores;
}

std::vector<CheckpointScore> readable_scores(const fs::path& checkpoints) {
  try {
    return read_scores(checkpoints);
  } catch (const Error& error) {
    log_warn(text_of("scores are passed over: ", error.what()));
    return {};
  }
}

std::optional<CheckpointScore> score_of(const std::vector<CheckpointScore>& scores,
                                        std::int64_t step,
                                        const std::string& by) {
  const auto is_it = [&](const CheckpointScore& score) {
    return score.step == step && (by.empty() || score.by == by);
  };
  const auto found = std::find_if(scores.rbegin(), scores.rend(), is_it);
  return found == scores.rend() ? std::nullopt : std::optional(*found);
}

void add_score(const fs::path& checkpoints, const CheckpointScore& score) {
  std::vector<CheckpointScore> scores = read_scores(checkpoints);
  std::erase_if(scores, [&](const CheckpointScore& old) {
    return old.step == score.step && old.by == score.by;
  });
  scores.push_back(score);
  write_scores(checkpoints, scores);
}

void forget_scores_after(const fs::path& checkpoints, std::int64_t step) {
  std::vector<CheckpointScore> scores = read_scores(checkpoints);
  const auto later = [step](const CheckpointScore& score) { return score.step > step; };
  if (std::erase_if(scores, later) > 0) write_scores(checkpoints, scores);
}

fs::path best_link(const fs::path& checkpoints) { return checkpoints / "best"; }

BestCheckpoints best_of(const fs::path& checkpoints, const std::vector<CheckpointFolder>& there) {
  const std::vector<CheckpointScore> scores = readable_scores(checkpoints);
  BestCheckpoints found;
  for (const std::string& way : ways_of_choosing(scores)) {
    const fs::path best = best_by(way, scores, there);
    if (best.empty()) continue;
    if (found.best.empty()) found.best = best;
    found.kept.insert(best);
  }
  if (!found.best.empty()) return found;
  const fs::path name = linked_name(checkpoints);
  for (const CheckpointFolder& folder : there) {
    if (!folder.complete || folder.path.filename() != name) continue;
    found.best = folder.path;
    found.kept.insert(folder.path);
  }
  return found;
}

fs::path last_written(const std::vector<CheckpointFolder>& there, std::int64_t step) {
  fs::path last;
  for (const CheckpointFolder& found : there) {
    if (!found.complete || found.step != step) continue;
    if (last.empty() || written_at(found.path) > written_at(last)) last = found.path;
  }
  return last;
}

void renew_best_link(const fs::path& checkpoints, const fs::path& best) {
  if (best.empty() || linked_name(checkpoints) == best.filename()) return;
  const fs::path link = best_link(checkpoints);
  const fs::path aside = checkpoints / "best.part";
  std::error_code error;
  fs::remove(aside, error);
  fs::create_directory_symlink(best.filename(), aside, error);
  // By rename: whoever reads meanwhile finds the one before or this one.
  if (!error) fs::rename(aside, link, error);
  if (error) {
    log_warn(text_of("cannot link ", link.string(), " to ", best.string(), ": ", error.message()));
  }
}

}  // namespace larkspur::pipeline
